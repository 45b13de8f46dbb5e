"""Lays out the picture of the cluster: who streams to whom, in which zone and region. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.core.filters import bytes_, duration
from dashboard.health.judging import CRITICAL, OK, WARNING
from dashboard.replication.judging import AWAY, PAUSED

Values = Mapping[str, Any]
BARMAN = "barman_receive_wal"
HEADING, BOX, GAP, EDGE = 22, 58, 14, 10
CHARACTER = 6.5  # the width of one in the smaller text
SPELLED = {"quorum": "synchronous", "sync": "synchronous", "async": "asynchronous", "potential": "potential"}


@dataclass(frozen=True)
class Box:
    """A server: three lines in a frame. `tone` is ok, warning, critical or neutral."""

    x: int
    y: int
    width: int
    height: int
    title: str
    state: str
    lines: list[str]
    tone: str


@dataclass(frozen=True)
class Arrow:
    """A stream from the trunk at `x` to a box, with what it carries above and how below; broken: dashed."""

    x: int
    y: int
    to: int
    above: str
    below: str
    tone: str
    broken: bool


@dataclass(frozen=True)
class Frame:
    """A region around its servers."""

    x: int
    y: int
    width: int
    height: int
    title: str


@dataclass
class Picture:
    """Everything to draw, in units of the view box. `sentences` say the same in words."""

    width: int
    height: int = 0
    frames: list[Frame] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    trunk: tuple[int, int, int] = (0, 0, 0)
    sentences: list[str] = field(default_factory=list)


def draw(values: Values, width: int) -> Picture:
    """Draw the primary on top and whoever it streams to below it, region by region; one column of boxes.

    `width` is 340 for a phone and wider elsewhere: only the arrows and boxes get longer.
    """
    picture = Picture(width)
    left = width * 2 // 5
    home = values.get("region") or ""
    own = [row for row in values["standbys"] if row["region"] == home]
    y = _region(picture, values, own, home, left, 4)
    for region in dict.fromkeys(row["region"] for row in values["standbys"] if row["region"] != home):
        rows = [row for row in values["standbys"] if row["region"] == region]
        y = _standbys(picture, rows, region, left, y, values)
    y = _others(picture, values["others"], left, y)
    picture.height = y
    if picture.arrows:
        picture.trunk = (EDGE * 3, 4 + HEADING + BOX, picture.arrows[-1].y)
    return picture


def _region(picture: Picture, values: Values, rows: Sequence[Values], home: str, left: int, y: int) -> int:
    """Draw the primary's region, with the standbys that share it."""
    begin = y
    last = values.get("primary") or values.get("last_primary") or {}
    up = bool(values.get("primary"))
    name = values.get("primary_name") or "Primary"
    zone = f"zone {values['zone']}, " if values.get("zone") else ""
    at = f"writes at {last['lsn']}" if last.get("lsn") else "never seen"
    lines = [f"{zone}timeline {last['timeline']}" if last.get("timeline") else zone.rstrip(", "), at]
    tone, state = (OK, "primary") if up else (CRITICAL, "primary, away")
    if len(values.get("writers") or []) > 1:
        tone = CRITICAL
    width = picture.width - 2 * EDGE
    picture.boxes.append(Box(EDGE, y + HEADING, width, BOX, name, state, lines, tone))
    picture.sentences.append(f"{name} is the {state}; {at}.")
    y += HEADING + BOX + GAP
    for row in rows:
        y = _standby(picture, row, left, y, values)
    picture.frames.append(Frame(1, begin, picture.width - 2, y - begin - 4, _titled(home)))
    return y + GAP // 2


def _standbys(
    picture: Picture, rows: Sequence[Values], region: str, left: int, y: int, values: Values
) -> int:
    begin = y
    y += HEADING
    for row in rows:
        y = _standby(picture, row, left, y, values)
    picture.frames.append(Frame(1, begin, picture.width - 2, y - begin - 4, _titled(region)))
    return y + GAP // 2


def _titled(region: str) -> str:
    return f"Region {region}" if region else "Primary"


def _standby(picture: Picture, row: Values, left: int, y: int, values: Values) -> int:
    tone = row["level"] if row["level"] in {OK, WARNING, CRITICAL} else "neutral"
    broken = row["state"] in AWAY or not values.get("primary")
    state = row["state"].replace("_", " ")
    zone = f"zone {row['zone']}" + (f", timeline {row['timeline']}" if row.get("timeline") else "")
    how = SPELLED.get(row.get("sync_state") or "", "no stream" if broken else "")
    if row["mode"] == "sync" and how not in {"synchronous", "no stream"}:
        how = "not synchronous"
    lag = _lag(row)
    slot = row.get("slot")
    kept = f"slot keeps {bytes_(slot['retained_bytes'])}" if slot else f"no slot {row.get('slot_name', '')}"
    is_still = broken or row["state"] == PAUSED
    box = Box(left, y, picture.width - left - EDGE, BOX, row["name"], state, [zone, kept], tone)
    picture.boxes.append(box)
    picture.arrows.append(Arrow(EDGE * 3, y + BOX // 2, left - 2, _fitting(lag, left), how, tone, is_still))
    where = f"in {zone}, region {row['region']}"
    picture.sentences.append(f"{row['name']} {where} is {state}, {how or 'not connected'}: {lag}; {kept}.")
    return y + BOX + GAP


def _fitting(lag: str, left: int) -> str:
    """Leave the seconds away where the arrow is too short for both; the table has them."""
    return lag if len(lag) * CHARACTER < left - EDGE * 4 else lag.partition(",")[0]


def _lag(row: Values) -> str:
    if row["replay_bytes"] is None:
        return "unknown"
    seconds = row.get("late_seconds") if row["replay_seconds"] is None else row["replay_seconds"]
    figure = bytes_(row["replay_bytes"])
    return f"{figure}, {duration(seconds)}" if seconds else figure


def _others(picture: Picture, rows: Sequence[Values], left: int, y: int) -> int:
    """Draw who else receives WAL: Barman's stream, copies being made, strangers."""
    if not rows:
        return y
    begin = y
    y += HEADING
    for row in rows:
        title = "Barman" if row["name"] == BARMAN else row["name"] or "unnamed"
        state = (row["state"] or "unknown").replace("_", " ")
        told = row["flush_bytes"] if row["flush_bytes"] is not None else row["sent_bytes"]
        lag = bytes_(told) if told is not None else "unknown"
        lines = ["receives WAL for the repository" if title == "Barman" else "no expected standby"]
        width = picture.width - left - EDGE
        picture.boxes.append(Box(left, y, width, BOX - 12, title, state, lines, OK))
        how = SPELLED.get(row.get("sync_state") or "", "")
        picture.arrows.append(Arrow(EDGE * 3, y + BOX // 2 - 6, left - 2, lag, how, OK, broken=False))
        picture.sentences.append(f"{title} receives WAL ({state}): {lag} behind.")
        y += BOX - 12 + GAP
    picture.frames.append(Frame(1, begin, picture.width - 2, y - begin - 4, "Backups and others"))
    return y + GAP // 2
