"""Owns a round through one tenant's figures: what is up to date rests, what changed is computed again.

A small tenant's figures are computed anew on the spot when they must be; a large one's are left to a job of
their own, so that no other tenant waits for them. The job commits.
"""

from dataclasses import dataclass, field

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.core.errors import DashboardError
from dashboard.kpis import history, refreshing
from dashboard.kpis.families import FAMILIES, Family
from dashboard.kpis.history import Look
from dashboard.kpis.models import KpiState
from dashboard.kpis.refreshing import Refreshed
from dashboard.kpis.versions import queries as versions
from dashboard.tenancy.scope import is_read_only

LARGE = 500 * 1024 * 1024
"""Bytes of the tables a family is computed from, above which computing all of it gets its own job."""

log = structlog.get_logger()

READY = """
SELECT CASE
    WHEN to_regclass('kpi_state') IS NULL OR to_regclass('kpi_version') IS NULL
        THEN 'passed over: its migrations are behind'
    WHEN NOT EXISTS (SELECT FROM organization) THEN 'passed over: nothing is there yet'
    ELSE ''
END
"""
# Figures that a crash of the server takes back are computed again, from where they then stand: writing them
# need not wait for the disk or a standby.
UNWAITED = "SET LOCAL synchronous_commit TO off"
# A large tenant's family takes minutes, more than one statement of a page may; sorting it wants memory.
PATIENCE = (
    f"{UNWAITED}; SET LOCAL statement_timeout TO 0; SET LOCAL lock_timeout TO 0;"
    " SET LOCAL work_mem TO '128MB'; SET LOCAL jit TO off"
)
SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = current_schema() AND c.relkind = 'r' AND c.relname = ANY(%(tables)s)
"""


@dataclass
class Round:
    """What became of a tenant: what was done, what waits for its own job, what failed, or why none of it."""

    word: str = ""
    done: list[Refreshed] = field(default_factory=list)
    resting: int = 0
    postponed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def is_worth_a_word(self) -> bool:
        """Whether anything but rest is to be told."""
        return bool(self.word or self.done or self.postponed or self.failed)

    @property
    def records(self) -> int:
        """Records whose facts were computed."""
        return sum(one.records for one in self.done)

    def __str__(self) -> str:
        if self.word:
            return self.word
        parts = [f"{self.records} records in {sum(one.seconds for one in self.done):.1f} s"] * bool(self.done)
        parts += [f"to be computed anew: {', '.join(self.postponed)}"] * bool(self.postponed)
        parts += [f"{family} failed: {why}" for family, why in self.failed.items()]
        return "; ".join(parts) or "nothing changed"


def keep(session: Session) -> Round:
    """Bring every family of the session's tenant up to date; one that fails stays as it was."""
    if is_read_only(session):
        return Round("passed over: it is read-only")
    word = session.connection().exec_driver_sql(READY).scalar_one()
    if word:
        return Round(word)
    if not history.lock(session, wait=False):
        return Round("passed over: its figures are being computed")
    session.connection().exec_driver_sql(UNWAITED)
    seen, found = history.look(session), Round()
    states = {state.family: state for state in session.scalars(select(KpiState))}
    due = refreshing.due_families(session, list(FAMILIES), seen.at)
    for family in FAMILIES.values():
        state = states.get(family.name)
        if family.name not in due and state is not None and _rests(session, family, state, seen):
            found.resting += 1
        else:
            _try_family(session, family, state, seen, found)
    return found


def _rests(session: Session, family: Family, state: KpiState, seen: Look) -> bool:
    """Note that a family is up to date, if nothing happened that concerns it."""
    if refreshing.must_rebuild(state, family, seen) or refreshing.is_touched(session, family, state, seen):
        return False
    refreshing.rest(state, seen)
    return True


def _try_family(session: Session, family: Family, state: KpiState | None, seen: Look, found: Round) -> None:
    try:
        with session.begin_nested():
            _compute(session, family, state, seen, found)
    except (SQLAlchemyError, DashboardError) as error:
        log.exception("kpis_not_kept", family=family.name)
        found.failed[family.name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"


def _compute(session: Session, family: Family, state: KpiState | None, seen: Look, found: Round) -> None:
    terms = versions.terms(session, family, seen.at)
    records = refreshing.plan(session, family, state, terms, seen)
    is_much = records is None or len(records) > refreshing.ANEW_ABOVE
    if is_much and is_large(session, family):
        found.postponed.append(family.name)
    elif state is None or records is None:
        found.done.append(refreshing.rebuild(session, family, terms, seen))
    else:
        found.done.append(refreshing.renew(session, family, terms, seen, state, records))


def is_large(session: Session, family: Family) -> bool:
    """Whether computing all of a family would hold others up."""
    tables = {"tables": list(family.sources)}
    return int(session.connection().exec_driver_sql(SIZE, tables).scalar_one()) > LARGE


def compute_anew(session: Session, name: str) -> Refreshed:
    """Compute a family anew, when its turn has come and however long it takes."""
    session.connection().exec_driver_sql(PATIENCE)
    history.lock(session)
    seen = history.look(session)
    terms = versions.terms(session, FAMILIES[name], seen.at)
    return refreshing.rebuild(session, FAMILIES[name], terms, seen)
