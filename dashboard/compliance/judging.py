"""Judges promises: asks each check, then lets old evidence count for less. Nothing here is ever guessed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.compliance.facts import Facts
from dashboard.compliance.registry import Promise, State, Verdict, list_promises
from dashboard.core.filters import duration
from dashboard.settings.queries import Held

log = structlog.get_logger()
WORST_FIRST = (
    State.BROKEN,
    State.AT_RISK,
    State.UNKNOWN,
    State.ATTESTED,
    State.KEPT,
    State.NOT_PROMISED,
)


@dataclass(frozen=True)
class Line:
    """A promise as it stands now, and who answers for it."""

    promise: Promise
    verdict: Verdict
    held: Held

    @property
    def state(self) -> State:
        """How it stands."""
        return self.verdict.state

    @property
    def title(self) -> str:
        """The promise in words, with its figure."""
        return self.promise.title.replace("{figure}", self.held.text)

    @property
    def owner(self) -> str:
        """Who answers for it; '' when nobody was named."""
        return self.held.row.owner if self.held.row else ""

    @property
    def limits(self) -> str:
        """For how long the evidence counts, in words; '' when it does not age."""
        good, lost = self.verdict.good_for, self.verdict.lost_after
        parts = [f"at risk when older than {plain_length(good)}"] if good else []
        parts += [f"broken when older than {plain_length(lost)}"] if lost else []
        return ", ".join(parts)


def judge_all(facts: Facts) -> list[Line]:
    """Judge every promise, in the order of the page."""
    return [judge(promise, facts) for promise in list_promises()]


def judge(promise: Promise, facts: Facts) -> Line:
    """Judge one promise."""
    held = facts.setting(promise.setting)
    if promise.has_switch and not held.value:
        return Line(promise, _not_promised(held), held)
    return Line(promise, aged(_ask(promise, facts), facts.now), held)


def _not_promised(held: Held) -> Verdict:
    row = held.row
    if row is None:
        return Verdict(State.NOT_PROMISED, "Not promised here.", "It is not part of the promises by default.")
    who = row.owner or row.changed_by or "somebody"
    note = row.note or "no reason was given"
    return Verdict(State.NOT_PROMISED, "Not promised here.", f"Decided by {who}: {note}", row.changed_at)


def _ask(promise: Promise, facts: Facts) -> Verdict:
    try:
        return promise.check(facts)
    except SQLAlchemyError:
        raise  # the transaction is broken: nothing after it could be read
    except Exception as error:  # one wrong check must not hide the others
        log.exception("promise_check_failed", promise=promise.key)
        return Verdict(State.UNKNOWN, reason=f"The check itself failed: {type(error).__name__}: {error}")


def aged(verdict: Verdict, now: datetime) -> Verdict:
    """Let evidence that is too old make a promise worse, never better."""
    if verdict.evidence_at is None or verdict.state in {State.BROKEN, State.NOT_PROMISED}:
        return verdict
    age = now - verdict.evidence_at
    for limit, state in ((verdict.lost_after, State.BROKEN), (verdict.good_for, State.AT_RISK)):
        if limit and age > limit and WORST_FIRST.index(state) < WORST_FIRST.index(verdict.state):
            return replace(verdict, state=state, reason=_too_old(verdict, age, limit))
    return verdict


def _too_old(verdict: Verdict, age: timedelta, limit: timedelta) -> str:
    what = verdict.evidence or "The evidence"
    old = f"{what} is {plain_length(age)} old; it counts for {plain_length(limit)}."
    return f"{old} {verdict.reason}".rstrip()


def plain_length(length: timedelta) -> str:
    """A length in words for sentences that are also kept as text, with plain spaces."""
    return duration(length).replace("\N{NO-BREAK SPACE}", " ")


def count(lines: Sequence[Line]) -> dict[State, int]:
    """How many promises are in each state."""
    return {state: sum(line.state is state for line in lines) for state in State}


def worst(states: Sequence[State]) -> State:
    """The worst of some states; kept when there are none."""
    return min(states, key=WORST_FIRST.index, default=State.KEPT)
