"""Reads the ledger of the fleet: one row for each schema, in one short query however many there are."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

LEDGER = text((Path(__file__).with_name("sql") / "ledger.sql").read_text(encoding="utf-8"))


class Standing(NamedTuple):
    """Where one schema stands. `slug` is '' for spares and the template, which are named by their schema."""

    schema: str
    kind: str
    slug: str
    name: str
    status: str
    role: str
    revision: str | None
    moved: str
    fingerprint: str | None
    read: str | None

    @property
    def moved_at(self) -> datetime:
        """When it came to its revision. Kept as text: reading two thousand moments takes most of the time."""
        return datetime.fromisoformat(self.moved)

    @property
    def fingerprinted_at(self) -> datetime | None:
        """When its definitions were read."""
        return datetime.fromisoformat(self.read) if self.read else None


def read_ledger(connection: Connection | Session) -> list[Standing]:
    """Return every schema by name, as the ledger has it. Any login of the product may read it."""
    return by_name(Standing._make(row) for row in connection.execute(LEDGER))


def by_name(rows: Iterable[Standing]) -> list[Standing]:
    """Sort as people read; the server would take longer for it, by its locale's rules."""
    return sorted(rows, key=lambda row: (row.name.casefold(), row.schema))


def thaw(rows: Sequence[Sequence[Any]]) -> list[Standing]:
    """Return standings from the JSON they were stored as."""
    return [Standing._make(row) for row in rows]
