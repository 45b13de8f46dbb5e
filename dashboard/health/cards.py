"""The cards of the Database overview: each feature registers its own, this layer knows none of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask, current_app

from dashboard.core.web import can
from dashboard.health.models import Reading


@dataclass(frozen=True)
class Card:
    """One promise or part at a glance. `status` is a word of core.statuses; `text` one or two sentences."""

    title: str
    status: str
    headline: str
    text: str
    endpoint: str
    permission: str
    taken_at: datetime | None = None
    stale: bool = False


CardSource = Callable[[], Card]


def register_card(app: Flask, order: int, source: CardSource) -> None:
    """Add a card; sources read the control database only, so that the overview outlives the ERP."""
    app.extensions.setdefault("overview_cards", []).append((order, source))


def list_cards() -> list[Card]:
    """Return the cards this person may open, in order."""
    sources: list[tuple[int, CardSource]] = current_app.extensions.get("overview_cards", [])
    cards = [source() for _order, source in sorted(sources, key=lambda pair: pair[0])]
    return [card for card in cards if can(card.permission)]


def trouble(reading: Reading | None, subject: str) -> tuple[str, str] | None:
    """Return (status, sentence) when a reading cannot be trusted: missing, failed or old."""
    if reading is None:
        return (
            "unknown",
            f"{subject} has not been read yet; probes start with the workers.",
        )
    if reading.is_failing:
        return "critical", f"{subject} does not answer: {reading.error}"
    if reading.is_stale:
        return (
            "stale",
            f"{subject} has not been read lately: the broker or the probe worker may be away.",
        )
    return None
