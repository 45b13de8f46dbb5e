"""Clauses over backups: how much may be lost, how fresh, how long kept, verified and without a gap."""

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from dashboard.backups import dials, queries, safekeeping, verifying
from dashboard.backups.drills.models import Verification
from dashboard.backups.models import Backup
from dashboard.backups.queries import REPOSITORY
from dashboard.backups.rpo import EVERY_SECONDS as RPO_SECONDS
from dashboard.backups.watching.service import READING as WAL
from dashboard.compliance.evidence import LEAST_FRESH, LOST, Live, live, missing, proven
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import plain_length
from dashboard.compliance.registry import Area, Link, State, Verdict, promise
from dashboard.core.db import db
from dashboard.health.judging import CRITICAL, OK

PAGE, KEEPING = Link("backups.page"), Link("keeping.page")
READING = "The reading of the backup repository"
FEW = 3  # backups that are named


@promise(
    "backups.rpo",
    area=Area.BACKUPS,
    title="At most {figure} of work is lost with the primary (RPO)",
    setting="backups.rpo_seconds",
    why="It is what the business agreed to type in again. Hourly backups do not give it, WAL does.",
    fix="Look which path is behind on the backups page: the archiver, Barman's stream or its slot.",
    page="backups.page",
    job="backups.measure_rpo",
    proof="Measure now",
)
def rpo(facts: Facts) -> Verdict:
    """What would be lost now if the primary and all standbys were gone."""
    dial = dials.current(facts.now)[0]
    if dial.taken_at is None:
        return missing(dial.reason)
    value = f"{dial.figure} of work would be lost now" if dial.figure else "Nothing would be left"
    state = State.KEPT if dial.status in {OK, "stale"} else State.AT_RISK
    if dial.seconds is None or dial.seconds > dial.limit:
        state = State.BROKEN
    reason = dial.reason
    if state is State.BROKEN and dial.seconds is not None:
        reason = f"That is more than the {plain_length(timedelta(seconds=dial.limit))} promised. {reason}"
    elif state is State.AT_RISK and not reason:
        reason = "It is more than half of what is promised, or it grows with the clock."
    fresh = max(LEAST_FRESH, 3 * timedelta(seconds=RPO_SECONDS))
    return Verdict(
        state, value, reason.strip(), dial.taken_at, "The measurement of the RPO", PAGE, fresh, LOST
    )


@promise(
    "backups.fresh",
    area=Area.BACKUPS,
    title="A backup is made every hour; the newest is never older than {figure}",
    setting="backups.late_seconds",
    why="The older the newest backup, the more WAL a restore must replay: it buys the RTO.",
    fix="Read why the last run failed, mend that, then back up now.",
    page="backups.page",
    job="backups.back_up",
    proof="Back up now",
)
def fresh(facts: Facts) -> Verdict:
    """The age of the newest backup one can restore from."""
    found = live(facts, REPOSITORY, READING)
    if isinstance(found, Verdict):
        return found
    server = facts.config.backup_server
    newest, failure = queries.find_newest(server), queries.find_failure(server)
    if newest is None or newest.end_at is None:
        return found.says(State.BROKEN, "No backup", "There is no backup to restore from.", PAGE)
    age = facts.age(newest.end_at)
    value = f"{newest.backup_id} ended {plain_length(age)} ago"
    if age.total_seconds() > facts.value("backups.late_seconds"):
        return found.says(State.BROKEN, value, "No backup has ended since." + _failed(failure), PAGE)
    if failure:
        return found.says(State.AT_RISK, value, _failed(failure).strip(), PAGE)
    return found.says(State.KEPT, value, link=PAGE)


def _failed(failure: queries.Failure | None) -> str:
    return f" The last one failed: {failure.reason}" if failure else ""


@promise(
    "backups.verified",
    area=Area.BACKUPS,
    title="A backup is verified at least every {figure}",
    setting="backups.verify_every_days",
    why="Disks lose bits without a word. A backup that was never compared is a hope.",
    fix="Make a full backup now; then look at the repository's disk. Retention spares the last good one.",
    page="keeping.page",
    job="backups.verify",
    proof="Verify now",
)
def verified(facts: Facts) -> Verdict:
    """The newest verification that passed; none of those held may have failed its last one."""
    server = facts.config.backup_server
    broken = verifying.find_broken(server)
    newest = select(func.max(Verification.at)).where(Verification.server == server, Verification.passed)
    at = db.session.scalar(newest)
    if broken:
        names = ", ".join(verdict.backup_id for verdict in broken[:FEW])
        reason = f"{names} failed the last verification: {broken[0].broken_file} {broken[0].reason}".rstrip()
        last = max(verdict.at for verdict in broken)
        return Verdict(State.BROKEN, f"{len(broken)} broken", reason, last, "The last verification", KEEPING)
    if at is None:
        return missing("No backup has been verified yet.")
    days = facts.days("backups.verify_every_days")
    value = f"{_count_verified(server)} of {queries.count_backups(server)} backups held are verified"
    lost = days + timedelta(days=7)
    return proven(at, "The last verification", value, good_for=days, lost_after=lost, link=KEEPING)


def _count_verified(server: str) -> int:
    passed = select(Verification.backup_id).where(Verification.server == server, Verification.passed)
    held = select(func.count()).where(
        Backup.server == server, Backup.gone_at.is_(None), Backup.backup_id.in_(passed)
    )
    return db.session.scalar(held) or 0


@promise(
    "backups.retention",
    area=Area.BACKUPS,
    title="Backups are kept for {figure}",
    setting="backups.retention_days",
    why="A mistake is often found weeks later. What retention removed is gone.",
    fix="Let Barman work by what is agreed: the keeping page says what differs and who writes its policy.",
    page="keeping.page",
    job="backups.review_keeping",
    proof="Read the policy now",
)
def retention(facts: Facts) -> Verdict:
    """Whether what makes backups works by the agreed policy, and how far back it reaches today."""
    reach = _reach(facts)
    if facts.config.backup_provider != "barman":
        return _managed_retention(facts, reach)
    found = live(facts, safekeeping.READING, "The reading of Barman's policy")
    if isinstance(found, Verdict):
        return found
    findings = safekeeping.judge_retention(found.values, safekeeping.agreed_policy())
    wrong = [finding for finding in findings if finding.level != OK]
    server = found.values["server"]
    value = f"{server['retention_policy'] or 'No policy'}{reach}"
    if not wrong:
        return found.says(State.KEPT, value, link=KEEPING)
    short = _days_of(server["retention_policy"]) < int(facts.value("backups.retention_days"))
    is_broken = short or any(finding.level == CRITICAL for finding in wrong)
    text = " ".join(finding.text for finding in wrong)
    return found.says(State.BROKEN if is_broken else State.AT_RISK, value, text, KEEPING)


def _days_of(policy: str) -> int:
    """Days of `RECOVERY WINDOW OF n DAYS`; 0 for every other policy, which promises no time."""
    words = policy.upper().split()
    return int(words[3]) if words[:3] == ["RECOVERY", "WINDOW", "OF"] and words[3].isdigit() else 0


def _window(facts: Facts) -> dict[str, Any]:
    reading = facts.reading(REPOSITORY)
    return dict(reading.values.get("window") or {}) if reading and reading.taken_at else {}


def _reach(facts: Facts) -> str:
    begin = _window(facts).get("from_at")
    return f"; today one can go back {plain_length(facts.age(begin))}" if begin else ""


def _managed_retention(facts: Facts, reach: str) -> Verdict:
    """A managed service keeps what it was told to keep: only how far back one can go shows it."""
    found = live(facts, REPOSITORY, READING)
    if isinstance(found, Verdict):
        return found
    begin, days = _window(facts).get("from_at"), facts.days("backups.retention_days")
    oldest = db.session.scalar(
        select(func.min(Backup.begin_at)).where(Backup.server == facts.config.backup_server)
    )
    is_old_enough = oldest is not None and facts.age(oldest) > days
    if begin is None:
        return found.says(State.UNKNOWN, "", "The service does not say how far back one can go.", PAGE)
    if is_old_enough and facts.age(begin) < days - timedelta(days=1):
        return found.says(State.BROKEN, f"Kept{reach}", "It reaches back less far than promised.", PAGE)
    return found.says(State.KEPT, f"Kept{reach}", link=PAGE)


@promise(
    "backups.window",
    area=Area.BACKUPS,
    title="Every moment since the oldest backup can be restored: the WAL has no gap",
    why="No restore can pass a gap. After one, only the time up to it is left of older backups.",
    fix="Look for the file in pg_wal of all servers and put it into Barman's incoming folder; back up now.",
    page="backups.page",
    job="backups.look_at_wal",
    proof="Look now",
)
def window(facts: Facts) -> Verdict:
    """Gaps in the WAL that is filed."""
    if facts.config.barman_config is None:
        return _window_of_service(facts)
    found = live(facts, WAL, "The look at the repository's WAL")
    if isinstance(found, Verdict):
        return found
    values = found.values
    if values["missing_count"]:
        names = ", ".join(values["missing"][:FEW])
        reason = f"{values['missing_count']} WAL files are missing, first of all {names}."
        return found.says(State.BROKEN, "A gap", reason, PAGE)
    if not values["backup_id"]:
        return found.says(State.UNKNOWN, "", "There is no full backup yet that a window could begin with.")
    return found.says(State.KEPT, f"{values['files']} files without a gap{_reach(facts)}", link=PAGE)


def _window_of_service(facts: Facts) -> Verdict:
    found: Live | Verdict = live(facts, REPOSITORY, READING)
    if isinstance(found, Verdict):
        return found
    span = _window(facts)
    if span.get("has_gap"):
        return found.says(State.BROKEN, "A gap", "Between two stretches of the window WAL is missing.", PAGE)
    if not span.get("from_at"):
        return found.says(State.UNKNOWN, "", "There is no window one could restore within yet.", PAGE)
    return found.says(State.KEPT, f"Without a gap{_reach(facts)}", link=PAGE)
