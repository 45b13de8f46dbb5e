"""Keeps facts and sums: those of changed records alone, or all anew. The job commits.

Both hold the tenant's figures until their transaction ends, so that they take turns. Readers go on with the
figures of before until it commits, and a refresh that fails leaves those.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import adding, history
from dashboard.kpis.asking import Terms, code_of
from dashboard.kpis.families import FAMILIES, Family
from dashboard.kpis.history import Look
from dashboard.kpis.models import KpiState

AT_A_TIME = 5_000
ANEW_ABOVE = 100_000
ANEW_SHARE = 10
"""Above so many changed records, if they are a tenth of all or more, computing everything takes less time."""
DECIDING = {"organization", "kpi_setting", "kpi_version"}
"""Tables that the terms of every family are read from."""

DUE = "FROM kpi_fact WHERE family = ANY(%(families)s) AND due_at <= %(as_of)s::timestamptz"
MONTH_BEGAN = """
SELECT EXISTS (SELECT FROM organization o
    WHERE date_trunc('month', timezone(o.time_zone, %(before)s::timestamptz))
    <> date_trunc('month', timezone(o.time_zone, %(now)s::timestamptz)))
"""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: records looked at, whether all were, and how long it took."""

    family: str
    records: int
    is_rebuild: bool
    seconds: float


@dataclass(frozen=True)
class Companion:
    """What a feature keeps beside a family's facts, in the same transaction.

    `before` is called ahead of a rebuild; `after` with the records that were computed anew, None for all.
    """

    before: Callable[[Session], None]
    after: Callable[[Session, Terms, Sequence[int] | None], None]


COMPANIONS: dict[str, Companion] = {}
"""By family."""


def refresh(session: Session, family: Family, terms: Terms, seen: Look | None = None) -> Refreshed:
    """Bring the facts and sums of a family up to date with the row history, in the current tenant.

    `seen` is the moment to be up to, taken under `history.lock`; now, when left out. Computes everything
    anew when there is nothing to go on from, parameters or code changed, or very many records did.
    """
    history.lock(session)
    seen = seen or history.look(session)
    state = find_state(session, family)
    records = plan(session, family, state, terms, seen)
    if state is None or records is None:
        return rebuild(session, family, terms, seen)
    return renew(session, family, terms, seen, state, records)


def plan(
    session: Session, family: Family, state: KpiState | None, terms: Terms, seen: Look
) -> list[int] | None:
    """Return the records whose facts are to be computed again; None when all are."""
    if state is None or must_rebuild(state, family, seen) or _differs(state.parameters, terms.kept()):
        return None
    if month_began(session, family, state, terms.as_of):
        return None
    records = sorted(_touched(session, family, state, terms, seen))
    is_much = len(records) > ANEW_ABOVE and len(records) * ANEW_SHARE > adding.count(session, family)
    return None if is_much else records


def renew(
    session: Session, family: Family, terms: Terms, seen: Look, state: KpiState, records: Sequence[int]
) -> Refreshed:
    """Compute the facts of some records anew and note that a family is up to a moment."""
    started = time.monotonic()
    for some in _parts(records):
        adding.replace(session, family, terms, some)
    if records and family.name in COMPANIONS:
        COMPANIONS[family.name].after(session, terms, records)
    history.move_on(state, seen)
    return _note(session, state, terms, _did(family, len(records), started))


def rebuild(session: Session, family: Family, terms: Terms, seen: Look | None = None) -> Refreshed:
    """Compute all facts of a family and their sums anew, in the current tenant."""
    started = time.monotonic()
    history.lock(session)
    seen = seen or history.look(session)
    companion = COMPANIONS.get(family.name)
    if companion:
        companion.before(session)
    made = adding.compute_all(session, family, terms)
    if companion:
        companion.after(session, terms, None)
    state = find_state(session, family) or KpiState(family=family.name)
    history.begin(state, seen)
    state.rebuilt_at = seen.at
    session.add(state)
    return _note(session, state, terms, _did(family, made, started, is_rebuild=True))


def find_state(session: Session, family: Family) -> KpiState | None:
    """Return how far a family is, as the database has it now."""
    return session.get(KpiState, family.name, populate_existing=True)


def must_rebuild(state: KpiState, family: Family, seen: Look) -> bool:
    """Whether facts cannot be brought up to date, whatever the parameters are."""
    return not history.is_usable(state, seen) or state.parameters.get("code") != code_of(family)


def due_families(session: Session, families: Sequence[str], as_of: datetime) -> set[str]:
    """Return the families with facts to be looked at again because their time has come."""
    binds = {"families": list(families), "as_of": as_of}
    rows = session.connection().exec_driver_sql(f"SELECT DISTINCT family {DUE}", binds)
    return {family for (family,) in rows}


def month_began(session: Session, family: Family, state: KpiState, moment: datetime) -> bool:
    """Whether a month began anywhere since, for a family whose records come with the months."""
    if not family.is_monthly:
        return False
    binds = {"before": state.as_of, "now": moment}
    return bool(session.connection().exec_driver_sql(MONTH_BEGAN, binds).scalar_one())


def is_touched(session: Session, family: Family, state: KpiState, seen: Look) -> bool:
    """Whether something changed that a family's facts, or the terms they are computed with, depend on."""
    changed = history.changed_tables(session, state, seen)
    if changed.keys() & (family.sources.keys() | DECIDING):
        return True
    return month_began(session, family, state, seen.at)


def rest(state: KpiState, seen: Look) -> None:
    """Note that the figures hold as of now although nothing was computed."""
    history.move_on(state, seen)
    state.as_of, state.changed, state.milliseconds = seen.at, 0, 0


def _touched(session: Session, family: Family, state: KpiState, terms: Terms, seen: Look) -> set[int]:
    found = _due(session, family, terms.as_of)
    for table in history.changed_tables(session, state, seen).keys() & family.sources.keys():
        found |= history.changed_records(session, family, state, table)
    return found


def _due(session: Session, family: Family, as_of: datetime) -> set[int]:
    """Return the records to be looked at because their time has come."""
    binds = {"families": [family.name], "as_of": as_of}
    rows = session.connection().exec_driver_sql(f"SELECT record_id {DUE}", binds)
    return {int(record) for (record,) in rows}


def _differs(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether facts made before would come out otherwise. A new organization had none."""
    if before.get("currency") != now["currency"]:
        return True
    then = {one["org_id"]: one for one in before.get("organizations", ())}
    today = {one["org_id"]: one for one in now["organizations"]}
    if not then:
        return bool(today)
    return any(today.get(org_id) != values for org_id, values in then.items())


def _note(session: Session, state: KpiState, terms: Terms, done: Refreshed) -> Refreshed:
    state.as_of = terms.as_of
    state.parameters = {**terms.kept(), "code": code_of(FAMILIES[done.family])}
    state.changed, state.milliseconds = done.records, round(1000 * done.seconds)
    session.flush()
    return done


def _did(family: Family, records: int, started: float, *, is_rebuild: bool = False) -> Refreshed:
    return Refreshed(family.name, records, is_rebuild, time.monotonic() - started)


def _parts(records: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(records), AT_A_TIME):
        yield list(records[start : start + AT_A_TIME])
