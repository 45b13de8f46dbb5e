"""Owns what is to be proved: which KPI, for what, from kept facts or as a replay, and its SQL."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psycopg2.errors
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from dashboard.kpis import versions
from dashboard.kpis.asking import KEYS, Terms
from dashboard.kpis.families import Family
from dashboard.kpis.registry import Kpi, get
from dashboard.kpis.sums import Filters, condition, until

Status = Literal["included", "excluded", "pending"]
STATUSES: tuple[Status, ...] = ("included", "excluded", "pending")


class TooLongError(Exception):
    """A question over many records took longer than a page may."""


@dataclass(frozen=True)
class Question:
    """A KPI over what the filters choose.

    `terms` are those of the kept facts, or, when `is_replay`, those to compute everything with anew.
    """

    kpi: Kpi
    filters: Filters
    terms: Terms
    is_replay: bool = False
    revisions: Mapping[str, int] = field(default_factory=dict)
    """Of a replay: by KPI the newest version of its definition that counts (versions.terms)."""
    where: str = field(init=False)
    chosen: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        where, chosen = self._condition()
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "chosen", chosen)

    def _condition(self) -> tuple[str, dict[str, Any]]:
        """Which facts; what a level was in its last month is known beforehand when it is made anew."""
        if self.is_replay and self.kpi.kind == "level":
            begun = until(self.filters, self.terms.as_of)
            last = replace(begun, first=max(begun.first, begun.last))
            return condition(replace(self.kpi, kind="sum"), last)
        return condition(self.kpi, self.filters)

    def replayed(self) -> "Question":
        """The same, computed from the records instead of the kept facts."""
        return replace(self, is_replay=True)

    def families(self, session: Session) -> dict[str, Terms | None]:
        """The families of the KPI and of all it is made of, with their terms; None: as they are kept."""
        found: dict[str, Terms | None] = {}
        for kpi in with_parts(self.kpi):
            is_own = kpi.family == self.kpi.family
            found[kpi.family] = self._terms(session, kpi.facts, is_own=is_own) if self.is_replay else None
        return found

    def _terms(self, session: Session, family: Family, *, is_own: bool) -> Terms:
        return self.terms if is_own else versions.terms(session, family, self.terms.as_of, self.revisions)

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures its formula is over, each once, in the order of the formula; then what n counts."""
        kpi = self.kpi
        named = (kpi.numerator, kpi.denominator, kpi.extra, kpi.count)
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def facts(self) -> str:
        """SQL of all facts of the family, as kept or as the records say, by the names of their measures."""
        family = self.kpi.facts
        if self.is_replay:
            return f"SELECT %(family)s::text AS family, f.* FROM ({family.sql}) AS f"  # noqa: S608
        named = [f"{family.column(name, 'm')} AS {name}" for name in family.measures]
        return f"SELECT family, {', '.join([*KEYS, *named])} FROM kpi_fact"  # noqa: S608

    @property
    def counts(self) -> str:
        """SQL of whether a fact counts for the number."""
        kpi = self.kpi
        if self.is_replay:
            return f"{kpi.code}_why = ''"
        if kpi.kind == "median":
            return "coalesce(bin, -1) >= 0"
        parts = [f"{name} IS NOT NULL" for name in (kpi.numerator, kpi.denominator, kpi.extra) if name]
        return f"({' OR '.join(parts)})"

    @property
    def binds(self) -> dict[str, Any]:
        """All that the SQL of this question may ask for."""
        return {**self.terms.binds(), **self.chosen}


def with_parts(kpi: Kpi) -> list[Kpi]:
    """Return a KPI and, after it, all it is made of."""
    found = [kpi]
    for one in found:
        found += [part for code in one.parts if (part := get(code)) not in found]
    return found


@contextmanager
def time_limit(session: Session, seconds: float) -> Iterator[None]:
    """Let statements run so long and no longer. Raises TooLongError; the transaction stays usable."""
    try:
        with session.begin_nested():
            ask = session.connection().exec_driver_sql
            before = ask("SHOW statement_timeout").scalar_one()
            ask(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            yield
            ask(f"SET LOCAL statement_timeout = '{before}'")
    except OperationalError as error:
        if isinstance(error.orig, psycopg2.errors.QueryCanceled):
            raise TooLongError from error
        raise
