"""Clauses over standbys: one in step nearby, one far away, and failovers that were tried."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from dashboard.compliance.evidence import Live, live, missing, proven
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import plain_length
from dashboard.compliance.registry import Area, Link, State, Verdict, promise
from dashboard.core.filters import bytes_
from dashboard.failover import queries as failovers
from dashboard.failover.models import Rehearsal, Status
from dashboard.health.judging import CRITICAL, OK
from dashboard.replication.judging import STREAMING
from dashboard.replication.queries import find_open_loss
from dashboard.replication.service import READING
from dashboard.replication.settings_review import READING as CHECKED
from dashboard.replication.synchronous.explaining import explain_frozen

PAGE = Link("replication.page")
SUBJECT = "The reading of replication"
IN_STEP = {"sync", "quorum"}
FEW = 3
Row = Mapping[str, Any]


def _standbys(facts: Facts) -> Live | Verdict:
    """What is known of replication now; while the primary is away nothing is known of the standbys' part."""
    found = live(facts, READING, SUBJECT)
    if isinstance(found, Live) and found.values.get("primary_error"):
        return found.says(
            State.UNKNOWN, "", f"The primary does not answer: {found.values['primary_error']}", PAGE
        )
    return found


def _named(row: Row) -> str:
    words = [f"{row['name']} is {str(row['state']).replace('_', ' ')}.", *row.get("notes", [])]
    return " ".join(words)


def _home(values: Row, rows: Sequence[Row]) -> set[str]:
    """The regions data is written in: the present primary's, else those of the synchronous standbys."""
    if values.get("region"):
        return {values["region"]}
    return {row["region"] for row in rows if row["mode"] == "sync"}


@promise(
    "standbys.sync",
    area=Area.STANDBYS,
    title="A standby in another zone has every commit before it is confirmed (synchronous)",
    why="When the primary's zone is lost, nothing that was confirmed is.",
    fix="On the replication page: switch the synchronous copy on, or see why its standby is away.",
    page="replication.page",
    job="replication.probe",
    proof="Read now",
)
def synchronous(facts: Facts) -> Verdict:
    """Whether a synchronous standby is in step, and nothing has been confirmed without one."""
    found = _standbys(facts)
    if isinstance(found, Verdict):
        return found
    rows = _waited_for(found.values)
    if broken := _unprotected(found, rows):
        return broken
    well = [row for row in rows if row["state"] == STREAMING and row.get("sync_state") in IN_STEP]
    if not well:
        return found.says(State.BROKEN, "None is in step", " ".join(_named(row) for row in rows), PAGE)
    value = ", ".join(f"{row['name']} in zone {row['zone']} is in step" for row in well)
    zone = found.values.get("zone")
    if zone and all(row["zone"] == zone for row in well):
        text = f"It stands in zone {zone}, as the primary does: one fire takes both."
        return found.says(State.AT_RISK, value, text, PAGE)
    return found.says(State.KEPT, value, link=PAGE)


def _waited_for(values: Row) -> list[Row]:
    """The standbys that commits are to wait for: as the setting says, else as they are declared."""
    wanted = (values.get("wanted") or {}).get("names") or []
    return [row for row in values["standbys"] if row["mode"] == "sync" or row["name"] in wanted]


def _unprotected(found: Live, rows: Sequence[Row]) -> Verdict | None:
    """None is expected, commits go on without one, or they wait for one that is away."""
    if not rows:
        text = "The synchronous copy is off: a commit is confirmed as soon as one server has it."
        return found.says(State.BROKEN, "Off", text, PAGE)
    if loss := find_open_loss():
        text = f"Commits have gone on without {loss.standby} for {plain_length(loss.length)}: {loss.reason}"
        return found.says(State.BROKEN, "Commits wait for nobody", text.rstrip(": "), PAGE)
    frozen = explain_frozen(found.values)
    return found.says(State.BROKEN, "Commits wait", frozen, PAGE) if frozen else None


@promise(
    "standbys.dr",
    area=Area.STANDBYS,
    title="A standby in another region follows closely (disaster recovery)",
    why="When a region is lost, the business goes on from there.",
    fix="Read on the replication page which stage is behind: sent, written, flushed or replayed.",
    page="replication.page",
    job="replication.probe",
    proof="Read now",
)
def distant(facts: Facts) -> Verdict:
    """The best standby outside the home region."""
    found = _standbys(facts)
    if isinstance(found, Verdict):
        return found
    rows = found.values["standbys"]
    home = _home(found.values, rows)
    away = [row for row in rows if row["region"] not in home]
    if not away:
        there = f" All are in {', '.join(sorted(home))}." if home else ""
        return found.says(State.BROKEN, "None", f"No standby is expected in another region.{there}", PAGE)
    well = [row for row in away if row["level"] == OK]
    if well:
        value = ", ".join(f"{row['name']} in {row['region']}, {_behind(row)}" for row in well)
        return found.says(State.KEPT, value, link=PAGE)
    state = State.BROKEN if all(row["level"] == CRITICAL for row in away) else State.AT_RISK
    value = ", ".join(f"{row['name']} in {row['region']}, {_behind(row)}" for row in away)
    return found.says(state, value, " ".join(_named(row) for row in away), PAGE)


def _behind(row: Row) -> str:
    behind = row.get("replay_bytes")
    if behind is None:
        return "how far behind is not known"
    return "not behind" if behind == 0 else f"{bytes_(behind)} behind".replace("\N{NO-BREAK SPACE}", " ")


@promise(
    "standbys.settings",
    area=Area.STANDBYS,
    title="The server's settings allow what the strategy asks: WAL, senders, slots, archiving",
    why="A standby or a restore fails at three in the morning for a setting somebody changed at noon.",
    fix="Change the setting on the primary and on every standby; some of them need a restart.",
    page="replication.page",
    job="replication.check_settings",
    proof="Check now",
)
def settings(facts: Facts) -> Verdict:
    """The settings of every server against what the strategy asks, as last checked."""
    found = live(facts, CHECKED, "The check of all servers' settings")
    if isinstance(found, Verdict):
        return found
    servers = found.values["servers"]
    away = [row["name"] for row in servers if row["error"]]
    wrong = [(row["name"], one) for row in servers for one in row["checks"] if one["level"] != OK]
    value = f"{sum(len(row['checks']) for row in servers)} settings of {len(servers)} servers"
    bad = [f"{name}: {_asked(one)}" for name, one in wrong if one["level"] == CRITICAL]
    if bad:
        return found.says(State.BROKEN, value, f"{'; '.join(bad[:FEW])}.", PAGE)
    if wrong:
        text = "; ".join(f"{name}: {_asked(one)}" for name, one in wrong[:FEW])
        return found.says(State.AT_RISK, value, f"{text}.", PAGE)
    if away:
        return found.says(State.UNKNOWN, value, f"Not read: {', '.join(away)}.", PAGE)
    return found.says(State.KEPT, f"{value} are as asked", link=PAGE)


def _asked(one: Row) -> str:
    return f"{one['name']} is {one['value']}, asked is {one['wanted']}"


@promise(
    "standbys.failover",
    area=Area.STANDBYS,
    title="A failover was shown to work within {figure}, with the outage and the loss that were promised",
    setting="failover.every_days",
    why="The first failover must not be the real one. A rehearsal uses throw-away servers and harms nobody.",
    fix="Read the steps of the last one: it names the step that failed and how long writes were impossible.",
    page="failover.page",
    job="failover.rehearse",
    proof="Rehearse now",
)
def failover(facts: Facts) -> Verdict:
    """The last rehearsal or switchover, and the last that went well."""
    last, proof = failovers.find_last(*failovers.PROOFS), failovers.find_proof()
    if last is None:
        return missing("No failover was rehearsed yet: nobody knows that one works.")
    if last.status == Status.FAILED:
        return _of(facts, last, f"{last.kind.capitalize()} {last.id} failed").but(State.BROKEN, last.error)
    if proof is None:
        return missing(f"The only one, {last.kind} {last.id}, broke by itself: {last.error}")
    verdict = _of(facts, proof, _measured(proof))
    if text := _missed(facts, proof):
        return verdict.but(State.BROKEN, text)
    if last.status == Status.BROKEN:
        return verdict.but(State.AT_RISK, f"The last one, {last.id}, broke by itself: {last.error}")
    return verdict


def _missed(facts: Facts, proof: Rehearsal) -> str:
    """Say which figure a failover that went well still missed; '' when it kept both."""
    if proof.lost_rows:
        return f"{proof.lost_rows} rows that were confirmed were lost in it."
    promised = facts.value("failover.outage_seconds")
    if proof.outage_ms and proof.outage_ms > 1000 * promised:
        return f"Writes were impossible for longer than {promised} s."
    return ""


def _of(facts: Facts, row: Rehearsal, value: str) -> Verdict:
    days = facts.days("failover.every_days")
    at = row.finished_at or row.started_at
    what = f"{row.kind.capitalize()} {row.id}"
    lost = days + timedelta(days=30)
    return proven(at, what, value, good_for=days, lost_after=lost, link=Link("failover.page"))


def _measured(row: Rehearsal) -> str:
    outage = "" if row.outage_ms is None else f": writes were impossible for {row.outage_ms / 1000:.1f} s"
    lost = "" if row.lost_rows is None else f", {row.lost_rows} rows lost"
    return f"{row.kind.capitalize()} {row.id}{outage}{lost}"
