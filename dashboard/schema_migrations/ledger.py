"""Reads the ledger of the fleet: one row for each schema, in one short query however many there are."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

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
    moved_at: datetime
    fingerprint: str | None
    fingerprinted_at: datetime | None


def read_ledger(connection: Connection | Session) -> list[Standing]:
    """Return every schema by name, as the ledger has it. Any login of the product may read it."""
    return by_name(Standing._make(row) for row in connection.execute(LEDGER))


def by_name(rows: Iterable[Standing]) -> list[Standing]:
    """Sort as people read; the server would take longer for it, by its locale's rules."""
    return sorted(rows, key=lambda row: (row.name.casefold(), row.schema))


def thaw(rows: Sequence[Sequence[object]]) -> list[Standing]:
    """Return standings from the JSON they were stored as."""
    return [_thaw(Standing._make(row)) for row in rows]


def _thaw(row: Standing) -> Standing:
    seen = row.fingerprinted_at
    return row._replace(
        moved_at=datetime.fromisoformat(str(row.moved_at)),
        fingerprinted_at=datetime.fromisoformat(str(seen)) if seen else None,
    )
