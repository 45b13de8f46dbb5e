"""How long evidence counts, and verdicts that rest on a reading, on a run or on rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboard.compliance.facts import Facts
from dashboard.compliance.registry import Link, State, Verdict
from dashboard.health.models import STALE_AFTER_INTERVALS, Reading
from dashboard.settings.registry import Definition, declare

# What a probe saw is good for three of its intervals; after a day without one a promise counts as broken.
LEAST_FRESH = timedelta(seconds=60)
LOST = timedelta(hours=24)
PROOFS, QUARTER = "promises.proof_days", "promises.quarter_days"

declare(
    Definition(
        PROOFS,
        "Promises",
        "A proof of a copy counts for",
        14,
        unit="days",
        least=1,
        most=365,
        text="How old the proof that a copy can be restored may become; after twice as long it is broken.",
    ),
    Definition(
        QUARTER,
        "Promises",
        "A quarterly trial counts for",
        92,
        unit="days",
        least=1,
        most=400,
        text="How old the last restore of a single tenant may become.",
    ),
)


@dataclass(frozen=True)
class Live:
    """A reading that answers; `says` makes a verdict of it that ages with the probe."""

    reading: Reading
    subject: str

    @property
    def values(self) -> dict[str, Any]:
        """What was read, with moments as datetimes."""
        return self.reading.values

    def says(self, state: State, value: str, reason: str = "", link: Link | None = None) -> Verdict:
        """A verdict that rests on this reading."""
        return Verdict(
            state,
            value,
            reason,
            self.reading.taken_at,
            self.subject,
            link,
            max(LEAST_FRESH, STALE_AFTER_INTERVALS * self.reading.interval),
            max(LOST, 2 * STALE_AFTER_INTERVALS * self.reading.interval),
        )


def live(facts: Facts, key: str, subject: str) -> Live | Verdict:
    """A reading one may judge by; else the verdict that nothing is known now, and why.

    `subject` names the evidence: "The reading of replication".
    """
    reading = facts.reading(key)
    if reading is None or reading.taken_at is None:
        why = f" {reading.error}" if reading and reading.error else ""
        return Verdict(State.UNKNOWN, reason=f"{subject} has not been made yet.{why}", evidence=subject)
    found = Live(reading, subject)
    if reading.is_failing:
        return found.says(State.UNKNOWN, "", f"{subject} fails: {reading.error}")
    return found


def proven(
    at: datetime,
    what: str,
    value: str,
    *,
    good_for: timedelta,
    lost_after: timedelta | None = None,
    link: Link | None = None,
) -> Verdict:
    """A verdict that rests on something that was done: kept until its proof is too old."""
    return Verdict(State.KEPT, value, "", at, what, link, good_for, lost_after or 2 * good_for)


def missing(reason: str, *, value: str = "", evidence: str = "") -> Verdict:
    """The verdict before there is any evidence: not good, and not proven bad."""
    return Verdict(State.UNKNOWN, value, reason, evidence=evidence)
