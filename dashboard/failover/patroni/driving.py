"""Asks Patroni for a failover and follows it to its end, with a client that writes all the while."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import psycopg2

from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.core.filters import bytes_, duration
from dashboard.failover.patroni.client import Node, Patroni, PatroniError, PatroniSilentError, View
from dashboard.failover.service import DONE, SKIPPED, Journal
from dashboard.failover.write_probe import WriteProbe, writing

SWITCHOVER, FAILOVER = "switchover", "failover"
# The clocked rows of drills: the one table of the ERP that exists to be written by us. Old ones are removed.
TABLE = "steward_canary"
PAUSE_SECONDS = 0.05
FIRST_SECONDS = 3.0
LEADER_SECONDS, WRITE_SECONDS, REJOIN_SECONDS = 120.0, 60.0, 180.0
POLL_SECONDS = 0.25
COPY_SECONDS = 800.0
Tick = Callable[[], None]


class Hooks(Protocol):
    """Whoever is told how it goes; a job's `Run` is one."""

    def check_cancelled(self) -> None:
        """Raise when it is to stop."""

    def log(self, text: str) -> None:
        """Take a line for people."""


@dataclass
class Driven:
    """What came of it. `outage_seconds` and the rows are None where the client could not write before."""

    from_node: str
    to_node: str
    timeline_before: int | None = None
    timeline_after: int | None = None
    outage_seconds: float | None = None
    lost_rows: int | None = None
    writes: int = 0
    said: str = ""
    note: str = ""


def check(view: View, action: str, member: str) -> tuple[Node | None, Node]:
    """Return who leads and who is to; refuse what Patroni would refuse, in words. Raises ConflictError."""
    leader, wanted = view.leader, view.find(member)
    if wanted is None:
        known = ", ".join(node.name for node in view.nodes)
        raise ConflictError(f"Patroni knows no member {member}; it knows {known}.")
    if wanted.is_leader:
        raise ConflictError(f"{member} leads already.")
    if not wanted.is_up:
        raise ConflictError(f"{member} is {wanted.state or 'away'}.", fix="Bring it up, then try again.")
    if wanted.is_excluded:
        raise ConflictError(f"{member} carries the tag nofailover.", fix="Choose another.")
    if leader is None and action == SWITCHOVER:
        raise ConflictError("Nobody leads now.", fix="Promote a member instead of switching over.")
    return leader, wanted


def drive(patroni: Patroni, action: str, member: str, dsn: str, journal: Journal, tick: Tick) -> Driven:
    """Change the leader to `member`. `dsn` is a login that may write, over all hosts.

    Raises ConflictError before anything was asked, UnavailableError when Patroni did not bring it about.
    """
    with journal.step("check", "Asking Patroni how the cluster stands.") as step:
        view = _look(patroni)
        leader, wanted = check(view, action, member)
        behind = "at an unknown distance" if wanted.lag is None else f"{bytes_(wanted.lag)} behind"
        step.text = f"{leader.name if leader else 'Nobody'} leads; {member} is {wanted.state}, {behind}."
    made = Driven(leader.name if leader else "", member, timeline_before=leader.timeline if leader else None)
    probe = WriteProbe(dsn, TABLE, PAUSE_SECONDS)
    with writing(probe):
        made.note = _begin_to_write(probe, journal, tick)
        asked_at = time.monotonic()
        _ask(patroni, action, made, journal)
        made.timeline_after = _wait_for_leader(patroni, made, journal, tick)
        if not made.note:
            _wait_for_write(probe, made, journal, tick)
        _wait_for_rejoin(patroni, made, journal, tick)
    _measure(probe, asked_at, dsn, made)
    return made


def _look(patroni: Patroni) -> View:
    try:
        return patroni.look()
    except PatroniError as error:
        raise UnavailableError("Patroni", f"Patroni does not answer: {error}") from error


def _begin_to_write(probe: WriteProbe, journal: Journal, tick: Tick) -> str:
    """Let the client write; return why it cannot, which does not keep anybody from failing over."""
    with journal.step("write", "A client begins to write.") as step:
        deadline = time.monotonic() + FIRST_SECONDS
        while not probe.writes and time.monotonic() < deadline:
            tick()
            time.sleep(PAUSE_SECONDS)
        if probe.writes:
            step.text = "The client writes."
            return ""
        words = probe.failures[-1][1] if probe.failures else "its commits do not return"
        step.state, step.text = SKIPPED, f"The client cannot write, so no outage is measured: {words}"
        return step.text


def _ask(patroni: Patroni, action: str, made: Driven, journal: Journal) -> None:
    with journal.step("ask", f"Asking Patroni for the {action} to {made.to_node}.") as step:
        try:
            if action == SWITCHOVER:
                made.said = patroni.switch_over(made.from_node, made.to_node)
            else:
                made.said = patroni.fail_over(made.to_node)
        except PatroniSilentError as error:
            made.said = f"no answer in time ({error}); following it all the same"
        except PatroniError as error:
            raise ConflictError(str(error), fix="Nothing was changed, as far as Patroni says.") from error
        step.text = f"Patroni: {made.said}"


def _wait_for_leader(patroni: Patroni, made: Driven, journal: Journal, tick: Tick) -> int | None:
    with journal.step("lead", f"Waiting until {made.to_node} leads.") as step:
        deadline = time.monotonic() + LEADER_SECONDS
        while True:
            tick()
            leader = _leader(patroni)
            if leader is not None and leader.name == made.to_node and _is_promoted(leader, made):
                step.text = f"{leader.name} leads on timeline {leader.timeline}."
                return leader.timeline
            if time.monotonic() > deadline:
                who = leader.name if leader else "nobody"
                words = f"{made.to_node} does not lead after {LEADER_SECONDS:.0f} s; {who} does."
                raise UnavailableError("Patroni", words)
            time.sleep(POLL_SECONDS)


def _is_promoted(leader: Node, made: Driven) -> bool:
    """Tell whether it left the old timeline: Patroni calls it leader from before its promotion."""
    return leader.state == "running" and leader.timeline != made.timeline_before


def _leader(patroni: Patroni) -> Node | None:
    try:
        return patroni.look().leader
    except PatroniError:
        return None


def _wait_for_write(probe: WriteProbe, made: Driven, journal: Journal, tick: Tick) -> None:
    with journal.step("first_write", "Waiting for a commit of the client on the new primary.") as step:
        since, deadline = time.monotonic(), time.monotonic() + WRITE_SECONDS
        while probe.wrote_after(since) is None:
            tick()
            if time.monotonic() > deadline:
                words = probe.failures[-1][1] if probe.failures else "its commits do not return"
                made.note = f"The client does not write on the new primary: {words}"
                step.state, step.text = "failed", made.note
                return
            time.sleep(PAUSE_SECONDS)
        step.text = "The client writes again, without a restart."


def _wait_for_rejoin(patroni: Patroni, made: Driven, journal: Journal, tick: Tick) -> None:
    """Wait until the old leader follows the new one; one that is away is not waited for long."""
    if not made.from_node:
        return
    with journal.step("rejoin", f"Waiting until {made.from_node} follows.") as step:
        deadline = time.monotonic() + REJOIN_SECONDS
        while time.monotonic() < deadline:
            tick()
            node = _find(patroni, made.from_node)
            if node is None:
                break
            if node.state == "streaming" or (node.is_up and node.timeline == made.timeline_after):
                step.state, step.text = DONE, f"{node.name} follows the new primary as a standby."
                return
            time.sleep(POLL_SECONDS)
        step.state = SKIPPED
        step.text = f"{made.from_node} does not follow yet. Patroni rewinds it once it is back."


def _find(patroni: Patroni, name: str) -> Node | None:
    try:
        return patroni.look().find(name)
    except PatroniError:
        return Node(name, "", "")


def _measure(probe: WriteProbe, since: float, dsn: str, made: Driven) -> None:
    made.writes = len(probe.writes)
    found = probe.outage(since)
    if made.note or found is None:
        return
    made.outage_seconds = found.seconds
    try:
        made.lost_rows = len(probe.lost(dsn))
    except psycopg2.Error as error:
        made.note = f"Whether rows were lost could not be read: {' '.join(str(error).split())}"


def in_words(made: Driven) -> str:
    """Say in a sentence what came of it."""
    outage = "not measured" if made.outage_seconds is None else duration(made.outage_seconds)
    lost = "unknown" if made.lost_rows is None else str(made.lost_rows)
    return f"{made.to_node} leads. Without writes: {outage}. Acknowledged rows lost: {lost}."


def wait_until_streaming(patroni: Patroni, name: str, run: Hooks) -> str:
    """Follow a reinitialization to its end. Raises UnavailableError when it takes too long."""
    deadline, seen = time.monotonic() + COPY_SECONDS, ""
    time.sleep(POLL_SECONDS)
    while time.monotonic() < deadline:
        run.check_cancelled()
        node = _find(patroni, name)
        state = node.state if node else "away"
        if state == "streaming" and seen not in {"", "streaming"}:
            return f"{name} was copied anew and streams"
        if state != seen:
            run.log(f"{name}: {state}")
        seen = state
        time.sleep(POLL_SECONDS)
    raise UnavailableError("Patroni", f"{name} does not stream; it is {seen or 'away'}.")
