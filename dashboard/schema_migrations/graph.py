"""Lays a history out as a graph: one row for each revision, newest first, and lanes for its branches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.schema_migrations.revisions import Revision

LANE = 18  # pixels


@dataclass(frozen=True)
class Stroke:
    """A line in one row: from one lane to another, over the upper half, the lower half or all of it."""

    x1: int
    y1: str
    x2: int
    y2: str


@dataclass(frozen=True)
class Node:
    """One row: the revision, where its mark is, the lines beside and through it, who stands there."""

    revision: Revision
    x: int
    width: int
    strokes: tuple[Stroke, ...]
    count: int
    share: float
    is_conflicting: bool


def lay_out(revisions: Sequence[Revision], counts: Mapping[str, int]) -> list[Node]:
    """Return the rows of a history; `counts` says how many schemas (or databases) stand at each revision."""
    has_two_heads = sum(revision.is_head for revision in revisions) > 1
    total = sum(counts.values()) or 1
    rows = _walk(revisions)
    width = LANE * max((used for _lane, _strokes, used in rows), default=1)
    return [
        Node(
            revision,
            _x(lane),
            width,
            tuple(strokes),
            count := counts.get(revision.id, 0),
            count / total,
            has_two_heads and revision.is_head,
        )
        for revision, (lane, strokes, _used) in zip(revisions, rows, strict=True)
    ]


def _walk(revisions: Sequence[Revision]) -> list[tuple[int, list[Stroke], int]]:
    """Keep for each lane which revision it waits for; a free lane waits for None."""
    lanes: list[str | None] = []
    rows = []
    for revision in revisions:
        above = list(lanes)
        lane = lanes.index(revision.id) if revision.id in lanes else _free(lanes)
        lanes = [None if waits == revision.id else waits for waits in lanes]
        targets = [_place(lanes, parent, lane) for parent in revision.parents]
        strokes = [*_upper(above, revision.id, lane), *_lower(above, lanes, lane, targets)]
        rows.append((lane, strokes, max(len(above), len(lanes))))
    return rows


def _place(lanes: list[str | None], parent: str, own: int) -> int:
    """Find the lane a line to a parent goes on: one that waits for it already, our own, else a free one."""
    if parent in lanes:
        return lanes.index(parent)
    place = own if lanes[own] is None else _free(lanes)
    lanes[place] = parent
    return place


def _free(lanes: list[str | None]) -> int:
    if None not in lanes:
        lanes.append(None)
    return lanes.index(None)


def _upper(above: list[str | None], revision: str, lane: int) -> list[Stroke]:
    return [Stroke(_x(place), "0", _x(lane), "50%") for place, waits in enumerate(above) if waits == revision]


def _lower(above: list[str | None], below: list[str | None], lane: int, targets: list[int]) -> list[Stroke]:
    through = [
        Stroke(_x(place), "0", _x(place), "100%")
        for place, waits in enumerate(above)
        if waits is not None and place < len(below) and below[place] == waits
    ]
    return through + [Stroke(_x(lane), "50%", _x(target), "100%") for target in targets]


def _x(lane: int) -> int:
    return LANE // 2 + lane * LANE
