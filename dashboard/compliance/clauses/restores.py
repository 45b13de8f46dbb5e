"""Clauses over getting data back: how long it takes, drills, encryption, other places, completeness."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from dashboard.backups import queries, rto, safekeeping
from dashboard.backups.copies import queries as copies
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.drills import queries as drills
from dashboard.backups.drills.models import Drill, Outcome
from dashboard.compliance.evidence import PROOFS, QUARTER, live, missing, proven
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import plain_length
from dashboard.compliance.registry import Area, Link, State, Verdict, promise
from dashboard.core.db import db
from dashboard.health.judging import CRITICAL, OK, WARNING
from dashboard.tenants.rewinding.models import Rewind

COPIES, KEEPING = Link("copies.page"), Link("keeping.page")
DAILY, DAILY_LOST = timedelta(hours=50), timedelta(days=7)  # of daily copies two were missed, or a week's
JUDGED = (Outcome.PASSED, Outcome.BACKUP_BROKEN, Outcome.DRILL_BROKEN)


@promise(
    "restores.rto",
    area=Area.BACKUPS,
    title="After a loss people work again within {figure} (RTO)",
    setting="backups.rto_seconds",
    why="Only a drill shows it: the forecast is the last one's throughput at today's size.",
    fix="Shorten the slowest phase: a younger backup replays less WAL, a nearer copy comes faster.",
    page="backups.page",
    job="backups.drill",
    proof="Drill now",
)
def rto_kept(facts: Facts) -> Verdict:
    """What a restore would take today, from the last drill that passed."""
    found = rto.forecast(facts.config.backup_server, facts.now)
    if found is None:
        return missing(rto.NO_DRILL)
    value = f"A restore would take {plain_length(timedelta(seconds=found.seconds))} today"
    verdict = _of_drill(facts, found.drill, value)
    if found.seconds > found.limit:
        return verdict.but(State.BROKEN, found.text)
    return verdict.but(State.AT_RISK, found.text) if found.status == WARNING else verdict


def _of_drill(facts: Facts, drill: Drill, value: str) -> Verdict:
    return proven(
        drill.started_at,
        f"Drill {drill.id}",
        value,
        good_for=facts.days("drills.every_days"),
        lost_after=facts.days(QUARTER),
        link=Link("drills.show", {"drill_id": drill.id}),
    )


@promise(
    "restores.drill",
    area=Area.BACKUPS,
    title="A restore is drilled and passes at least every {figure}, whatever happens every quarter",
    setting="drills.every_days",
    why="A backup never restored is a hope. A drill restores, checks every tenant and takes the time.",
    fix="Read the drill's page: it tells a broken backup from a drill that broke by itself.",
    page="drills.page",
    job="backups.drill",
    proof="Drill now",
)
def drilled(facts: Facts) -> Verdict:
    """The last drill, and the last that passed."""
    server = facts.config.backup_server
    last, passed = drills.find_last(server, *JUDGED), drills.find_last(server, Outcome.PASSED)
    if last is None:
        return missing("No drill has been made: nobody knows that a restore works.")
    if last.outcome == Outcome.BACKUP_BROKEN:
        verdict = _of_drill(facts, last, f"Drill {last.id} says that the backup is broken")
        return verdict.but(State.BROKEN, f"{last.broken_file} {last.reason}".strip())
    if passed is None:
        return _of_drill(facts, last, "No drill has passed yet").but(State.UNKNOWN, last.reason)
    count = sum(check.get("status") == "passed" for check in passed.checks)
    verdict = _of_drill(
        facts, passed, f"Drill {passed.id} of {passed.backup_id} passed {count} check{'s' * (count != 1)}"
    )
    if last.outcome == Outcome.DRILL_BROKEN:
        return verdict.but(State.AT_RISK, f"The last one, {last.id}, broke by itself: {last.reason}")
    return verdict


@promise(
    "restores.encrypted",
    area=Area.SECURITY,
    title="Backups are encrypted, and a drill has shown that the key opens them",
    why="Whoever reads the repository or its copy elsewhere would read all data.",
    fix="Name the key (STEWARD_BACKUP_KEY), make a full backup, and drill it.",
    page="keeping.page",
    job="backups.drill",
    proof="Drill now",
)
def encrypted(facts: Facts) -> Verdict:
    """Encryption as Barman has it, the newest backup, and the last drill of an encrypted one."""
    found = live(facts, safekeeping.READING, "The reading of Barman's policy")
    if isinstance(found, Verdict):
        return found
    if not found.values["server"]["encryption"]:
        return found.says(State.BROKEN, "Not encrypted", "New backups are not encrypted.", KEEPING)
    newest = queries.find_newest(facts.config.backup_server)
    if newest is not None and not newest.encryption:
        return found.says(State.BROKEN, newest.backup_id, "The newest backup is not encrypted.", KEEPING)
    wrong = [one for one in safekeeping.judge_encryption(found.values) if one.level != OK]
    if any(one.level == CRITICAL for one in wrong):
        return found.says(State.BROKEN, "Encrypted", " ".join(one.text for one in wrong), KEEPING)
    at = safekeeping.find_encryption_proof(facts.config.backup_server)
    if at is None:
        text = "No drill has restored an encrypted backup: nobody knows that the key opens them."
        return found.says(State.AT_RISK, "Encrypted, the key unproven", text, KEEPING)
    verdict = proven(at, "The last drill of an encrypted backup", "Encrypted", good_for=facts.days(QUARTER))
    return verdict.but(State.AT_RISK, " ".join(one.text for one in wrong)) if wrong else verdict


@promise(
    "restores.offsite",
    area=Area.BACKUPS,
    title="Every backup has a copy off-site, which is restored from now and then",
    why="Fire, theft and ransomware take the site with the repository on it.",
    fix="Set STEWARD_OFFSITE_URL, copy, then prove the copy by restoring from it.",
    page="copies.page",
    job="backups.prove_offsite",
    proof="Restore from off-site now",
)
def offsite(facts: Facts) -> Verdict:
    """The newest off-site copy and when one was last restored."""
    if not facts.config.offsite_url:
        return Verdict(State.BROKEN, "No place", "No place for copies is set (STEWARD_OFFSITE_URL).")
    failure = copies.find_failure(CopyKind.OFFSITE)
    newest, proof = copies.find_latest(CopyKind.OFFSITE), copies.find_proven(CopyKind.OFFSITE)
    at = newest.finished_at if newest else None
    value = f"{newest.subject} was copied {plain_length(facts.age(at))} ago" if newest and at else "No copy"
    if failure:
        return Verdict(State.BROKEN, value, f"The last copy failed: {failure.reason}", failure.started_at)
    if at is None:
        return missing("No backup has been copied yet.", value=value)
    if proof is None or proof.proven_at is None:
        return Verdict(State.AT_RISK, value, "No copy was ever restored from.", at, "The copy", COPIES)
    verdict = proven(proof.proven_at, "The last proof", value, good_for=facts.days(PROOFS), link=COPIES)
    late = timedelta(seconds=2 * facts.value("backups.late_seconds"))
    if facts.age(at) > late:
        return verdict.but(State.AT_RISK, f"No newer backup was copied for {plain_length(late)}.")
    return verdict


def _daily(kind: CopyKind) -> Verdict:
    """A daily copy: the newest one, whether it was read back, and how old it is."""
    newest, failure = copies.find_latest(kind), copies.find_failure(kind)
    reason = f"The last one failed: {failure.reason}" if failure else ""
    if newest is None or newest.finished_at is None:
        broken = Verdict(State.BROKEN, "No copy", reason, failure.started_at) if failure else None
        return broken or missing("None has been made yet; the daily copies make one.")
    made = proven(
        newest.finished_at,
        f"Copy {newest.id}",
        f"Copied as {newest.location.rpartition('/')[2] or newest.subject}",
        good_for=DAILY,
        lost_after=DAILY_LOST,
        link=COPIES,
    )
    if reason:
        return made.but(State.AT_RISK, reason)
    if newest.proven_at is None:
        return made.but(State.AT_RISK, "This one was not read back, so nobody knows that it is whole.")
    return made


@promise(
    "restores.files",
    area=Area.BACKUPS,
    title="Uploaded files are part of the backup plan: copied daily, read back",
    why="Rows without their attachments are half a record.",
    fix="Read the run's log: it names the file that is missing or damaged.",
    page="copies.page",
    job="backups.copy_files",
    proof="Copy now",
)
def files(_facts: Facts) -> Verdict:
    """The newest copy of the file store."""
    return _daily(CopyKind.FILES)


@promise(
    "restores.broker",
    area=Area.BACKUPS,
    title="The broker's queues are part of the backup plan: copied daily, started from",
    why="Queued work that is lost was promised to somebody.",
    fix="Read the run's log; the broker must answer, and the place for copies must be writable.",
    page="copies.page",
    job="backups.copy_broker",
    proof="Copy now",
)
def broker(_facts: Facts) -> Verdict:
    """The newest copy of the broker."""
    return _daily(CopyKind.BROKER)


@promise(
    "restores.control",
    area=Area.BACKUPS,
    title="Steward's own database, with all evidence in it, is dumped daily and restored to prove it",
    why="Without it nobody knows what was proven, who may do what, and which job was due.",
    fix="Read the run's log; dump now.",
    page="copies.page",
    job="backups.dump_control",
    proof="Dump now",
)
def control(_facts: Facts) -> Verdict:
    """The newest dump of the control database."""
    return _daily(CopyKind.CONTROL)


@promise(
    "restores.tenant",
    area=Area.TENANTS,
    title="A single tenant can be brought back without touching the others; shown within {figure}",
    setting=QUARTER,
    why="Most losses are one tenant's mistake. Restoring all of them for it would cost everybody a day.",
    fix="Prepare a rewind of a small tenant and discard it, or prove its newest dump.",
    page="rewinds.index",
)
def single_tenant(facts: Facts) -> Verdict:
    """The last rewind that stood beside its tenant, or the last dump of a tenant that was restored."""
    rewind = db.session.execute(
        select(Rewind.tenant, Rewind.ready_at)
        .where(Rewind.ready_at.is_not(None))
        .order_by(Rewind.ready_at.desc())
        .limit(1)
    ).first()
    dump = copies.find_proven(CopyKind.TENANT)
    found: list[tuple[datetime, str]] = []
    if rewind and rewind.ready_at:
        found.append((rewind.ready_at, f"{rewind.tenant} was brought back beside itself"))
    if dump and dump.proven_at:
        found.append((dump.proven_at, f"the dump of {dump.subject} was restored"))
    if not found:
        return missing("Nobody has brought a tenant back yet, nor restored the dump of one.")
    at, words = max(found)
    link = Link("rewinds.index") if words.endswith("itself") else COPIES
    value = f"{words[0].upper()}{words[1:]}{_dumped_tenants()}"
    return proven(at, "The last restore of one tenant", value, good_for=facts.days(QUARTER), link=link)


def _dumped_tenants() -> str:
    query = select(func.count(func.distinct(BackupCopy.subject))).where(
        BackupCopy.kind == CopyKind.TENANT, BackupCopy.status == copies.DONE
    )
    count = db.session.scalar(query) or 0
    return f"; {count} tenants have a dump" if count else ""
