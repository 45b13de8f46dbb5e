"""What pages say before a failover is asked for: what will happen, what can be lost, the runbook's steps."""

from dataclasses import dataclass

from dashboard.core.filters import bytes_, duration
from dashboard.failover.providers import PROMOTE, REJOIN, SWITCH_OVER, Candidate, Standing

UNKNOWN = "the old primary"
PAUSE, RESUME, CANCEL = "pause", "resume", "cancel"


@dataclass(frozen=True)
class Page:
    """One action as its page shows it; `steps` is what the runbook asks of a person before and after."""

    title: str
    button: str
    will: tuple[str, ...]
    steps: tuple[str, ...]


STREAMING = {
    SWITCH_OVER: Page(
        "Switch over to {name}",
        "Switch over",
        (
            "{primary} is stopped in order, {name} gets the last of its WAL and is promoted: no loss.",
            "Meanwhile nothing can be written; people see an error or wait, usually for a few seconds.",
            "{primary} comes back as a standby of {name}, rewound where needed.",
            "The other standbys, Barman and the application follow by themselves.",
            "Should {name} not get all WAL, {primary} is started again and nothing has changed.",
        ),
        (
            "Choose a quiet time and tell those who work now.",
            "See that nothing long is running: a migration, an import, a backup.",
            "Afterwards see on Replication that every standby streams, and write something yourself.",
        ),
    ),
    PROMOTE: Page(
        "Promote {name}",
        "Promote",
        (
            "{primary} is made sure to be down and is held down: two primaries would lose data.",
            "{name} is promoted with what it has; what it has not received is lost.",
            "The other standbys, Barman and the application follow {name}.",
            "{primary} stays down until it is told to rejoin; what only it had is then thrown away.",
        ),
        (
            "Can {primary} be started again? Then start it: nothing is lost by that.",
            "Look which standby has the most; promote that one.",
            "If {primary} runs on a machine that Steward cannot reach, switch it off there before you go on.",
            "Afterwards tell people from when on their work is missing, and let the old primary rejoin.",
        ),
    ),
    REJOIN: Page(
        "Let {name} rejoin",
        "Rejoin",
        (
            "{name} is rewound to where it left the line of the present primary, and follows it.",
            "Where it cannot be rewound, it is copied anew.",
            "What only {name} had is thrown away. It cannot be brought back afterwards.",
        ),
        ("Was anything written to {name} after the failover? Save it first.",),
    ),
}
PATRONI = {
    SWITCH_OVER: Page(
        "Switch over to {name}",
        "Switch over",
        (
            "Patroni is asked to hand the lead from {primary} to {name}: both are alive, nothing is lost.",
            "Meanwhile nothing can be written. A client writes all the while and measures it.",
            "{primary} follows {name} afterwards; Patroni rewinds it where needed.",
        ),
        ("Choose a quiet time and tell those who work now.", "Afterwards see that every member streams."),
    ),
    PROMOTE: Page(
        "Promote {name}",
        "Promote",
        (
            "Patroni is asked for a failover to {name}, whatever the state of the leader.",
            "What {name} has not received is lost, unless it is the synchronous standby.",
        ),
        (
            "Patroni fails over by itself when the leader is lost. Does it run, is it paused?",
            "Look which member is the least behind.",
        ),
    ),
    REJOIN: Page(
        "Reinitialize {name}",
        "Reinitialize",
        ("The data of {name} are deleted and copied anew from the leader.",),
        ("Is it only behind? Then wait: it catches up by itself.",),
    ),
    PAUSE: Page(
        "Pause Patroni",
        "Pause",
        ("Patroni does not fail over by itself any more, until somebody resumes it.",),
        ("Needed for work on the servers; a lost primary then waits for a person.",),
    ),
    RESUME: Page("Resume Patroni", "Resume", ("Patroni fails over by itself again.",), ()),
    CANCEL: Page("Take the scheduled switchover back", "Take it back", ("The switchover is not made.",), ()),
}


def page_of(provider: str, action: str) -> Page:
    """Return the page of an action."""
    return (PATRONI if provider == "patroni" else STREAMING)[action]


def will_happen(page: Page, standing: Standing, name: str) -> list[str]:
    """Say what will happen, with the servers' names."""
    return [_named(sentence, standing, name) for sentence in page.will]


def steps_of(page: Page, standing: Standing, name: str) -> list[str]:
    """Return what the runbook asks of a person."""
    return [_named(sentence, standing, name) for sentence in page.steps]


def _named(sentence: str, standing: Standing, name: str) -> str:
    found = sentence.format(name=name, primary=standing.primary or UNKNOWN)
    return found.replace(UNKNOWN, UNKNOWN.capitalize(), 1) if found.startswith(UNKNOWN) else found


def at_stake(action: str, standing: Standing, candidate: Candidate | None) -> str:
    """Say what could be lost now, in bytes and seconds; unknown is said, never shown as nothing."""
    if candidate is None or action not in {SWITCH_OVER, PROMOTE}:
        return ""
    if action == SWITCH_OVER:
        if candidate.behind_bytes is None:
            return "How far it is behind is not known. The old primary hands over everything before it goes."
        return f"Nothing: it is {bytes_(candidate.behind_bytes)} behind and gets that before it takes over."
    if candidate.behind_bytes is None:
        return "Not known: neither the primary nor the last measurement tells what it has received."
    if candidate.behind_bytes == 0 and not candidate.behind_seconds:
        return "Nothing that was acknowledged, as far as it was measured last."
    seconds = candidate.behind_seconds
    time = f", the last {duration(seconds)}" if seconds is not None else ""
    when = " when the primary last answered" if standing.error else " now"
    return f"{bytes_(candidate.behind_bytes)} of WAL{time}, as measured{when}."


def warnings(action: str, standing: Standing, candidate: Candidate | None) -> list[str]:
    """Return what speaks against it, by what was read last; the job looks again and refuses in earnest."""
    found = []
    if standing.reading is None or standing.reading.is_stale:
        found.append("What is shown here is old: the probe has not answered lately.")
    if len(standing.writers) > 1:
        found.append(f"{' and '.join(standing.writers)} both take writes. Two primaries lose data: stop one.")
    if action == SWITCH_OVER and candidate is not None and candidate.objection:
        found.append(candidate.objection)
    if action == PROMOTE and standing.primary and not standing.error:
        found.append(f"{standing.primary} answers and takes writes. Switch over instead: that loses nothing.")
    if action == PROMOTE and candidate is not None:
        found += _better(standing, candidate)
    return found


def _better(standing: Standing, chosen: Candidate) -> list[str]:
    if chosen.behind_bytes is None:
        return []
    known = [one for one in standing.candidates if one.behind_bytes is not None and one.name != chosen.name]
    best = min(known, key=lambda one: one.behind_bytes or 0, default=None)
    if best is None or (best.behind_bytes or 0) >= chosen.behind_bytes:
        return []
    more = bytes_(chosen.behind_bytes - (best.behind_bytes or 0))
    return [f"{best.name} has {more} more than {chosen.name}: promote that one."]
