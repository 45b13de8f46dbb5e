"""Writes the messages: the words of a mail, the JSON of a webhook, the one text for chat programs. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dashboard.alerts.deliveries.models import Purpose

VERSION = 1
LISTED = 10  # alerts written out in a mail or chat
LONGEST_SUBJECT = 160
Facts = Mapping[str, Any]
PAGE = "/database/alerts/"


def subject(content: Mapping[str, Any], purpose: str = Purpose.ALERTS) -> str:
    """Return one line: the worst first, and how many more there are."""
    if purpose == Purpose.TEST:
        return "[Steward] Test: nothing is wrong, this is how an alert arrives"
    fires, still, over = (_worst_first(content[name]) for name in ("fires", "still", "over"))
    first, how = (
        (fires[0], fires[0]["severity"].upper())
        if fires
        else (still[0], f"STILL {still[0]['severity'].upper()}")
        if still
        else (over[0], "Cleared")
    )
    rest = len(fires) + len(still) + len(over) + content["more"] - 1
    line = f"[Steward] {how}: {_name(first)}"
    more = f", and {rest} more" if rest else ""
    return " ".join(f"{line[: LONGEST_SUBJECT - len(more)]}{more}".split())


def text(content: Mapping[str, Any], base: str, purpose: str = Purpose.ALERTS) -> str:
    """Return the words of a mail. `base` is the address of this Steward."""
    parts = ["This is a test: nothing is wrong. An alert arrives here like this."] * (purpose == Purpose.TEST)
    left = LISTED
    for name, heading in (("fires", "FIRING"), ("still", "STILL FIRING"), ("over", "CLEARED")):
        rows = _worst_first(content[name])
        blocks = [_block(row, base) for row in rows[:left]]
        parts += ["\n\n".join([heading, *blocks])] if blocks else []
        left -= len(blocks)
    rest = sum(len(content[name]) for name in ("fires", "still", "over")) + content["more"] - (LISTED - left)
    parts += [f"… and {rest} more."] * (rest > 0)
    return "\n\n".join([*parts, f"All alerts, to acknowledge or silence them: {base}{PAGE}", ""])


def body(
    content: Mapping[str, Any], *, key: str, base: str, at: datetime, purpose: str = Purpose.ALERTS
) -> dict[str, Any]:
    """Return the full JSON of a webhook; docs/alerts.md says what each field means."""
    states = (("fires", "firing"), ("still", "still firing"), ("over", "cleared"))
    return {
        "version": VERSION,
        "id": key,
        "purpose": str(purpose),
        "at": at.astimezone(UTC).isoformat(),
        "text": chat(content, base, purpose),
        "url": f"{base}{PAGE}",
        "alerts": [
            {**row, "state": state, "url": _page(row, base)}
            for name, state in states
            for row in _worst_first(content[name])
        ],
        "more": content["more"],
    }


def chat(content: Mapping[str, Any], base: str, purpose: str = Purpose.ALERTS) -> str:
    """Return a few lines, as a chat program shows them."""
    rows = [
        f"{sign} {_name(row)}: {row['reason']}"
        for name, sign in (("fires", "FIRING"), ("still", "STILL FIRING"), ("over", "CLEARED"))
        for row in _worst_first(content[name])
    ]
    rest = len(rows) - LISTED + content["more"]
    lines = [subject(content, purpose), *rows[:LISTED]]
    return "\n".join([*lines, *([f"… and {rest} more."] * (rest > 0)), f"{base}{PAGE}"])


def _worst_first(rows: Sequence[Facts]) -> list[Facts]:
    return sorted(rows, key=lambda row: (row["severity"], row["since"]))  # critical before warning


def _name(row: Facts) -> str:
    return f"{row['title']} ({row['subject']})" if row["subject"] else str(row["title"])


def _page(row: Facts, base: str) -> str:
    return f"{base}{PAGE}rules/{row['rule']}"


def _block(row: Facts, base: str) -> str:
    since = _moment(row["since"])
    if "until" in row:
        return f"{_name(row)}\nFrom {since} until {_moment(row['until'])}. It was: {row['reason']}"
    flaps = " It comes and goes." if row["flapping"] else ""
    lines = [
        f"{_name(row)} [{row['severity']}]",
        f"Since {since}.{flaps} {row['reason']}",
        f"What it means: {row['means']}",
        f"What to do: {row['fix']}",
        f"Runbook: {_page(row, base)}",
    ]
    return "\n".join(lines)


def _moment(text: str) -> str:
    there = datetime.fromisoformat(text).astimezone(UTC)
    return f"{there.day} {there:%b %Y, %H:%M:%S} UTC"
