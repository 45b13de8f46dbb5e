"""Writes docs/kpis.md out of the registry: `python -m dashboard.kpis.versions.document > docs/kpis.md`."""

import sys
from collections.abc import Iterator

from dashboard.kpis import definitions
from dashboard.kpis.proof.narrowing import MOST_ADDED, MOST_REPLAYED
from dashboard.kpis.proof.wording import measure
from dashboard.kpis.registry import Area, Kpi, Parameter, get, of_area
from dashboard.kpis.versions.areas import AREAS

INTRODUCTION = f"""\
# KPIs

What each number of Insights means. Pages, exports, alerts and proofs come from the same definitions as this
text: it is written by `python -m dashboard.kpis.versions.document > docs/kpis.md`, and a test compares it.

- **No data** is never shown as 0 or 100 %: a rate without a denominator, a sum without a record has no value.
- **Months** are those of the organization's own calendar and time zone. Amounts are in the display currency
  (Insights, Definitions), each at the rate of its own day; without a rate a record is left out, and its proof
  says so.
- **Values** such as a tolerance are set under Definitions, for all organizations or for one, each time as a
  new revision with its reason. An organization's own revision counts before that for all. All figures, also
  those of earlier months, are then computed anew; a proof replays a number with any earlier revision.
- **Targets and budgets** are set per organization, category and months. A rate, mean or median has the target
  of the last month shown: that of the narrowest category, then the organization's own, then that for all. An
  amount has the sum of its months' targets, or of the even shares of a budget; there is none unless every
  month has one, for exactly the organizations and the category shown.
- **Proof**: every number opens the records that count, those left out with the reason, and those that are
  pending, and is added up again from them. As of an earlier day a proof considers what was received, sent and
  submitted until then; later corrections of a record are not undone. While somebody waits up to
  {MOST_ADDED:,} facts are added up and up to {MOST_REPLAYED:,} records computed anew, which the page says
  beforehand; a number over more of them leads to its months, organizations, regions or categories.
- **Of today only** are stock older than 180 days, products below their reorder point and suggested orders:
  months that are over have none, and there is nothing to compare them with.
"""
BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": "neither direction is better"}


def document() -> str:
    """Return the whole text."""
    areas = (part for area in AREAS for part in _area(area))
    return "\n".join([INTRODUCTION, *areas]).rstrip() + "\n"


def _area(area: Area) -> Iterator[str]:
    yield f"## {AREAS[area]}\n"
    for kpi in of_area(area):
        yield from _kpi(kpi)


def _kpi(kpi: Kpi) -> Iterator[str]:
    yield f"### {kpi.title} (`{kpi.code}`)\n"
    yield f"{kpi.formula}\n"
    unit = {"money": "display currency", "": "a number"}.get(kpi.unit, kpi.unit)
    yield f"- Unit: {unit}; {BETTER[kpi.better]}. Owner: {kpi.owner}. Version {kpi.version} of the formula."
    yield f"- Records: {kpi.facts.title}."
    if computed := _computed(kpi):
        yield f"- Computed as {computed}."
    for parameter in kpi.parameters:
        yield f"- {_parameter(parameter)}"
    yield ""


def _computed(kpi: Kpi) -> str:
    above, below, extra = (measure(name) for name in (kpi.numerator, kpi.denominator, kpi.extra))
    factor = f"{kpi.factor} · " if kpi.factor != 1 else ""
    if kpi.kind == "composite":
        return "said above, from: " + ", ".join(get(part).title for part in kpi.parts) if kpi.parts else ""
    return {
        "ratio": f"{factor}Σ {above} ÷ Σ {below}",
        "mean": f"{factor}Σ {above} ÷ Σ {below}",
        "sum": f"{factor}Σ {above}",
        "level": f"{factor}Σ {above} in the last month that has any",
        "deviation": f"{factor}√((Σ {above} - (Σ {extra})² ÷ n) ÷ (n - 1)), n = Σ {below}",
        "median": f"the median in whole {kpi.facts.bin_unit or 'units'}",
    }[kpi.kind]


def _parameter(parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    if parameter.choices:
        allowed = f"one of {', '.join(parameter.choices)}"
    else:
        allowed = f"from {parameter.least} to {parameter.most}{unit}"
    return f"Value `{parameter.name}`: {parameter.title}; {allowed}. It comes as {parameter.default}{unit}."


if __name__ == "__main__":
    assert definitions.__all__  # noqa: S101  # importing them fills the registry
    sys.stdout.write(document())
