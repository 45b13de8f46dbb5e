"""Owns the filter of the grid: which schemas are shown, and which of them are listed in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.core.filters import number
from dashboard.schema_migrations.queries import Schema
from dashboard.schema_migrations.revisions import CURRENT

MOST_LINES = 15
SHOWN = {
    "": "All schemas",
    "behind": "Not at the head",
    "drift": "Unlike the others",
    "unread": "Not read yet",
    "pool": "Spares and template",
}


@dataclass(frozen=True)
class GridFilter:
    """What was asked for: a part of a name, and a kind of trouble."""

    text: str = ""
    show: str = ""

    @classmethod
    def read(cls, args: Mapping[str, str]) -> "GridFilter":
        """Read it from an address; what is not known shows all."""
        show = args.get("show", "")
        return cls(args.get("q", "").strip(), show if show in SHOWN else "")

    @property
    def is_set(self) -> bool:
        """Whether anything is left out."""
        return bool(self.text or self.show)


@dataclass(frozen=True)
class Grid:
    """The squares that match, and the first of them as lines: those that need something before the others."""

    squares: list[Schema]
    lines: list[Schema]

    @property
    def words(self) -> str:
        """Say how many lines are left out."""
        if len(self.lines) == len(self.squares):
            return f"{number(len(self.squares))} schemas"
        return f"The first {len(self.lines)} of {number(len(self.squares))} schemas"


def choose(schemas: Sequence[Schema], wanted: GridFilter) -> Grid:
    """Return what the filter leaves."""
    text = wanted.text.casefold()
    found = [one for one in schemas if _shows(one, wanted.show) and (not text or text in _words(one))]
    urgent = sorted(found, key=lambda one: (one.status == CURRENT, not one.is_drifted))
    return Grid(found, urgent[:MOST_LINES])


def _shows(one: Schema, show: str) -> bool:
    match show:
        case "behind":
            return one.status != CURRENT
        case "drift":
            return one.is_drifted
        case "unread":
            return one.row.fingerprint is None
        case "pool":
            return one.row.kind != "tenant"
    return True


def _words(one: Schema) -> str:
    return f"{one.row.name} {one.row.slug} {one.row.schema} {one.row.revision}".casefold()
