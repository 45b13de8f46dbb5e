"""Owns the report of an import: loaded N of M per entity, and one line per refused row."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Refused:
    """A row that was not loaded, and why."""

    entity: str
    key: str
    reason: str


@dataclass
class Counted:
    """The rows of one entity: in the file, loaded now, loaded by an earlier import, refused."""

    entity: str
    read: int = 0
    loaded: int = 0
    already: int = 0
    refused: int = 0
    before: int = 0
    """Rows of earlier imports that the database had when this one began."""
    stored: int = 0
    """Rows of the import that the database counted afterwards, this and earlier runs together."""


@dataclass
class Report:
    """What an import did, or would do."""

    organization: str
    format: str
    is_dry_run: bool
    counts: dict[str, Counted] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)

    @property
    def loaded(self) -> int:
        """Rows of all entities that were loaded."""
        return sum(count.loaded for count in self.counts.values())

    def refuse(self, entity: str, key: str, reason: str) -> None:
        """Note a row that is not loaded."""
        self.refused.append(Refused(entity, key, reason))
        self.counts[entity].refused += 1

    def lines(self) -> list[str]:
        """Return the report as the command line prints it."""
        verb = "would load" if self.is_dry_run else "loaded"
        lines = [_counted(count, verb) for count in self.counts.values()]
        lines += [f"refused {row.entity} {row.key}: {row.reason}" for row in self.refused]
        lines += [f"ignored {model}: {count} rows" for model, count in self.ignored.items()]
        return lines

    def plain(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return asdict(self)


def _counted(count: Counted, verb: str) -> str:
    already = f", {count.already} were there already" if count.already else ""
    return (
        f"{count.entity}: {verb} {count.loaded} of {count.read}{already}, {count.refused} refused;"
        f" counted in the database: {count.stored}"
    )
