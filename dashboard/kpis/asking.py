"""Asks a family's SELECT for facts: all of them, those of some records, or those behind a number."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.kpis.families import Family
from dashboard.kpis.models import MEASURES, measure_columns
from dashboard.kpis.registry import of_family

KEYS = ("record_id", "org_id", "month", "subject_id", "category_id", "region", "bin", "due_at")


@dataclass(frozen=True)
class Terms:
    """With what facts are computed. `parameters`: one object per organization, see Family."""

    as_of: datetime
    currency: str
    parameters: Sequence[Mapping[str, Any]]

    def binds(self) -> dict[str, Any]:
        """The binds of a family's SELECT."""
        return {
            "as_of": self.as_of,
            "currency": self.currency,
            "parameters": json.dumps(list(self.parameters), default=str),
        }

    def kept(self) -> dict[str, Any]:
        """What a change of which means that all facts are to be computed anew, as JSON would give it back."""
        plain: dict[str, Any] = json.loads(
            json.dumps({"currency": self.currency, "organizations": list(self.parameters)}, default=str)
        )
        return plain


def code_of(family: Family) -> str:
    """A word for how this release computes a family's facts and sums; another one means computing anew."""
    defaults = [
        (kpi.code, kpi.version, parameter.name, str(parameter.default))
        for kpi in of_family(family.name)
        for parameter in kpi.parameters
    ]
    kept = (*family.measures, *family.weighed, family.squared)
    text = "\n".join((family.sql, *kept, json.dumps(defaults)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def select_facts(family: Family, where: str = "TRUE") -> str:
    """Return SQL with the columns of kpi_fact after `family`, in order; `where` is over the facts `f`."""
    measures = [f"f.{name}" for name in family.measures]
    empty = ["NULL::numeric"] * (MEASURES - len(measures))
    columns = ", ".join([*(f"f.{key}" for key in KEYS), *measures, *empty])
    return f"SELECT {columns} FROM ({family.sql}) AS f WHERE {where}"  # noqa: S608  # text of our own files


def fact_columns() -> str:
    """The columns that select_facts fills."""
    return ", ".join([*KEYS, *measure_columns("m")])
