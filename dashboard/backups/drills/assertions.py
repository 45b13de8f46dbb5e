"""What must hold in restored data, by whoever owns the data: features above add theirs here.

An assertion is a query (or a function) that returns one row per thing that is wrong; none is good.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg2.extensions import cursor

Scope = Literal["tenant", "cluster"]
Look = Callable[[cursor], Sequence[str]]
SHOWN = 5


@dataclass(frozen=True)
class Assertion:
    """A rule of the data. A tenant's is asked in its schema, as superuser of the restored server.

    `needs` names a table of that schema: where it does not exist the assertion is skipped.
    """

    name: str
    title: str
    look: Look
    scope: Scope = "tenant"
    needs: str = ""


_assertions: dict[str, Assertion] = {}


def register_assertion(
    name: str, title: str, rule: str | Look, *, scope: Scope = "tenant", needs: str = ""
) -> None:
    """Add a rule: SQL whose rows are what is wrong (first column: words), or a function over a cursor."""
    look = _asking(rule) if isinstance(rule, str) else rule
    _assertions[name] = Assertion(name, title, look, scope, needs)


def list_assertions(scope: Scope) -> list[Assertion]:
    """Return the rules of a scope in the order they were added."""
    return [assertion for assertion in _assertions.values() if assertion.scope == scope]


def in_words(found: Sequence[str]) -> list[str]:
    """Return the first problems, and how many more there are."""
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [*found[:SHOWN], *more]


def _asking(query: str) -> Look:
    def look(at: cursor) -> list[str]:
        at.execute(query)
        rows: list[tuple[Any, ...]] = at.fetchall()
        return [str(row[0]) for row in rows]

    return look
