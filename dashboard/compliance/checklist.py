"""The checklist of the strategy's implementation: what a new DBA does, in order, seen live where possible."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from dashboard.audit.service import record_operation
from dashboard.compliance.judging import Line
from dashboard.compliance.models import ChecklistTick, PromiseReport
from dashboard.compliance.registry import State
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.users.models import Grant, Operator
from dashboard.users.roles import Role

Seen = tuple[bool, str]


@dataclass(frozen=True)
class Step:
    """One step. It is done when its promises are kept, or its check says so; without either by hand."""

    key: str
    title: str
    text: str
    page: str = ""
    promises: tuple[str, ...] = ()
    check: Callable[[], Seen] | None = None

    @property
    def is_live(self) -> bool:
        """Whether Steward sees by itself if it is done."""
        return bool(self.promises or self.check)


@dataclass(frozen=True)
class Standing:
    """A step as it stands: done or not, what is seen, and who ticked it where nobody can see."""

    step: Step
    is_done: bool
    text: str
    by: str = ""
    at: datetime | None = None
    note: str = ""


def _people() -> Seen:
    query = select(func.count(func.distinct(Operator.id))).join(Grant)
    able = query.where(Operator.is_active, Operator.password_hash.is_not(None))
    dbas = db.session.scalar(able.where(Grant.role.in_((Role.DBA, Role.ADMIN)))) or 0
    who = "1 person" if dbas == 1 else f"{dbas} people"
    return dbas > 1, f"{who} can act on the Database desk; two are needed, so that one may sleep."


def _reported() -> Seen:
    number = db.session.scalar(select(func.max(PromiseReport.number)))
    return number is not None, f"Report {number} is the last one." if number else "No report was made yet."


STEPS: tuple[Step, ...] = (
    Step("people", "Name two people who look after the database", "Invite them as DBA.", "", check=_people),
    Step(
        "secrets",
        "Replace every default secret",
        "A default password is the first one that is tried.",
        "compliance.page",
        promises=("security.secrets",),
    ),
    Step(
        "watching",
        "See that the probes run",
        "Scheduler and workers must be up: all else rests on what they read.",
        "jobs.queues",
        promises=("operations.watching", "operations.alerts"),
    ),
    Step(
        "extensions",
        "Enable the extensions the strategy names",
        "One button each on the health page.",
        "health.page",
        promises=("operations.extensions",),
    ),
    Step(
        "backup",
        "Make the first backup and verify it",
        "It is made by itself a minute after the start; the verification follows it.",
        "backups.page",
        promises=("backups.fresh", "backups.verified"),
    ),
    Step(
        "schedules",
        "Let backups, verifications and drills run by themselves",
        "All timed jobs are there and none is paused.",
        "jobs.schedules",
        promises=("operations.schedules",),
    ),
    Step(
        "told",
        "Let alerts reach a person",
        "Add a mail address or webhook, and send a test through it.",
        "alerts.page",
        promises=("operations.told",),
    ),
    Step(
        "deadman",
        "Let somebody outside notice when Steward is silent",
        "Set STEWARD_DEADMAN_URL to a check of a service that alarms when no ping comes.",
        "alerts.page",
        promises=("operations.deadman",),
    ),
    Step(
        "retention",
        "Let Barman keep what is agreed",
        "Retention as the business wants it, and WAL without a gap.",
        "keeping.page",
        promises=("backups.retention", "backups.window"),
    ),
    Step(
        "drill",
        "Restore it: the first drill",
        "Only a drill shows that a backup is one, and how long a restore takes.",
        "drills.page",
        promises=("restores.drill", "restores.rto"),
    ),
    Step(
        "encryption",
        "Encrypt the backups",
        "Name a key, keep a copy of it where the backups are not, and drill an encrypted backup.",
        "keeping.page",
        promises=("restores.encrypted",),
    ),
    Step(
        "offsite",
        "Copy the backups off-site and restore from there",
        "Set STEWARD_OFFSITE_URL.",
        "copies.page",
        promises=("restores.offsite",),
    ),
    Step(
        "copies",
        "Copy files, broker and Steward's own database daily",
        "The daily copies read each one back.",
        "copies.page",
        promises=("restores.files", "restores.broker", "restores.control"),
    ),
    Step(
        "sync",
        "Have a synchronous standby in another zone",
        "So that nothing that was confirmed is lost with a zone.",
        "replication.page",
        promises=("standbys.sync", "standbys.settings"),
    ),
    Step(
        "dr",
        "Have a standby in another region",
        "So that the business goes on when a region is lost.",
        "replication.page",
        promises=("standbys.dr",),
    ),
    Step(
        "failover",
        "Rehearse a failover",
        "On throw-away servers: it harms nobody.",
        "failover.page",
        promises=("standbys.failover",),
    ),
    Step(
        "tenants",
        "See that tenants are apart, and that one can be brought back alone",
        "Prepare a rewind of a small tenant and discard it.",
        "rewinds.index",
        promises=("tenants.isolation", "tenants.schemas", "restores.tenant"),
    ),
    Step(
        "attested",
        "Attest what no server can show",
        "Encryption at rest and the change of keys, each with its source and its expiry.",
        "compliance.page",
        promises=("security.at_rest", "security.key_rotation"),
    ),
    Step(
        "confirmed",
        "Have the business confirm every figure",
        "RPO, RTO, retention and the others: an owner and a day for each.",
        "settings.index",
        promises=("operations.confirmed",),
    ),
    Step("on_call", "Agree who is called, and who stands in", "Write names and numbers where all find them."),
    Step("runbooks", "Let everybody on call read the runbooks once", "docs/runbooks, best beside a drill."),
    Step("outsiders", "Keep the contacts of provider and network at hand", "With contract numbers."),
    Step(
        "report",
        "Give the first report to whoever asked for the strategy",
        "A PDF with every promise, its value and its evidence.",
        "evidence.reports",
        check=_reported,
    ),
)


def standings(lines: Sequence[Line]) -> list[Standing]:
    """Every step as it stands, in the order of the list."""
    by_key, ticks = {line.promise.key: line for line in lines}, _ticks()
    return [_standing(step, by_key, ticks.get(step.key)) for step in steps()]


def steps() -> tuple[Step, ...]:
    """All steps."""
    return STEPS


def _standing(step: Step, lines: Mapping[str, Line], tick: ChecklistTick | None) -> Standing:
    if step.promises:
        return _by_promises(step, [lines[key] for key in step.promises if key in lines])
    if step.check:
        return Standing(step, *step.check())
    if tick is None or not tick.is_done:
        return Standing(step, is_done=False, text="Nobody has ticked it.")
    return Standing(step, is_done=True, text="Ticked by hand.", by=tick.actor, at=tick.at, note=tick.note)


def _by_promises(step: Step, lines: Sequence[Line]) -> Standing:
    """What was once shown is done, even if it is at risk today: the page of promises speaks of that."""
    words = {State.AT_RISK: "at risk", State.NOT_PROMISED: "not promised"}
    open_ = [line for line in lines if line.state in {State.BROKEN, State.UNKNOWN}]
    if open_:
        line = open_[0]
        return Standing(step, is_done=False, text=line.verdict.reason or line.title)
    said = [f"{line.title}: {words.get(line.state, line.state.value)}" for line in lines]
    return Standing(step, is_done=True, text="; ".join(said))


def _ticks() -> dict[str, ChecklistTick]:
    query = select(ChecklistTick).order_by(ChecklistTick.step, ChecklistTick.id.desc())
    return {row.step: row for row in db.session.scalars(query.ext(distinct_on(ChecklistTick.step)))}


def tick(key: str, *, is_done: bool, note: str, actor: str) -> ChecklistTick:
    """Tick a step by hand, or take the tick away. Flushes. Raises NotFoundError, ConflictError."""
    step = next((one for one in steps() if one.key == key), None)
    if step is None:
        raise NotFoundError("There is no such step.")
    if step.is_live:
        raise ConflictError("Steward sees by itself whether this step is done.")
    if is_done and not note.strip():
        raise InvalidInputError(
            "Nothing was ticked.", fields={"note": "Say where it is written, or what was done."}
        )
    row = ChecklistTick(step=key, is_done=is_done, note=note.strip(), actor=actor)
    db.session.add(row)
    db.session.flush()
    record_operation("checklist.tick", key, actor=actor, is_done=is_done, note=row.note)
    return row
