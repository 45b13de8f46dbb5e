"""What a rendered migration consists of; the same for every schema, which the search_path chooses."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """What is run and committed together in one schema; `number` counts through the whole plan, from 0.

    A step that is not transactional is one statement (CREATE INDEX CONCURRENTLY). One without statements
    reads data while it runs, so that Alembic itself must run the revision there.
    `reaches` is the revision a schema stands at once the step is done, None in the middle of a revision.
    """

    number: int
    revision: str
    transactional: bool
    statements: tuple[str, ...]
    reaches: str | None = None

    @property
    def by_alembic(self) -> bool:
        """Whether the revision could not be rendered and is run by Alembic schema by schema."""
        return not self.statements


def as_rows(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """Return the steps as a plan keeps them."""
    return [asdict(step) | {"statements": list(step.statements)} for step in steps]


def from_rows(rows: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return the steps of a kept plan."""
    return [Step(**{**row, "statements": tuple(row["statements"])}) for row in rows]


def hash_of(steps: Iterable[Step]) -> str:
    """Return the SHA-256 of exactly what will run; this is what somebody approves."""
    return hashlib.sha256(json.dumps(as_rows(steps), sort_keys=True).encode()).hexdigest()
