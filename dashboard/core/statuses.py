"""How a status looks: one word, one icon, one tone, the same on every page."""

from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

from dashboard.core.assets import icon


class Look(NamedTuple):
    """Tone is one of ok, info, warning, critical, neutral; colour never speaks alone."""

    tone: str
    icon: str


OK = Look("ok", "circle-check")
WARNING = Look("warning", "alert-triangle")
CRITICAL = Look("critical", "alert-octagon")
NEUTRAL = Look("neutral", "point")
UNKNOWN = Look("neutral", "help-circle")
WAITING = Look("neutral", "clock")
RUNNING = Look("info", "loader-2")
DRAFT = Look("neutral", "pencil")
SENT = Look("info", "send")
CLOSED = Look("neutral", "circle-minus")
STOPPED = Look("neutral", "player-pause")

WORDS: dict[Look, str] = {
    OK: """ok accepted active applied approved archiving available awarded checked completed confirmed current
        delivered done enabled finished full healthy installed loaded matched paid passed quorum
        received streaming succeeded sync up verified won""",
    WARNING: """warning behind degraded delayed late lost mismatched overdue partial pending potential
        retention stale suspended unverified waiting_for_wals""",
    CRITICAL: """critical away blocked broken crashed cut_off down error expired failed halted missing refused
        receiver_gone rejected slot_gone unavailable unreachable""",
    RUNNING: "running catchup catching_up in_progress processing started",
    WAITING: "deferred invited new queued scheduled to_approve waiting",
    DRAFT: "draft planned",
    SENT: "sent issued ordered published quoted retried shipped submitted",
    CLOSED: "archived canceled cancelled closed deleted disabled inactive skipped undone",
    STOPPED: "paused stopped",
    Look("neutral", "bell-off"): "silenced",
    Look("info", "user-check"): "acknowledged",
    Look("info", "circle-dot"): "open",
    Look("info", "arrows-right-left"): "async",
    Look("info", "stack-push"): "incremental",
    UNKNOWN: "unknown none",
}
LOOKS = {word: look for look, words in WORDS.items() for word in words.split()}
SPELLED = {"ok": "OK", "waiting_for_wals": "Waiting for WAL"}


def look(status: object) -> Look:
    """Find tone and icon of a status; one that nobody described is neutral."""
    key = str(getattr(status, "value", status) or "unknown").lower().replace(" ", "_").replace("-", "_")
    return LOOKS.get(key, NEUTRAL)


def badge(status: object, text: str = "") -> Markup:
    """Show a status as icon and word. `text` replaces the word; None and '' read as Unknown."""
    value = str(getattr(status, "value", status) or "unknown")
    return _badge(value, str(text))


@lru_cache(maxsize=1024)
def _badge(value: str, text: str) -> Markup:
    tone, icon_name = look(value)
    word = text or SPELLED.get(value.lower(), value.replace("_", " ").capitalize())
    spin = " is-spinning" if icon_name == "loader-2" else ""
    # The word is escaped; tone and icon are ours.
    return Markup(  # noqa: S704
        f'<span class="status status-{tone}{spin}">{icon(icon_name)}<span>{escape(word)}</span></span>'
    )
