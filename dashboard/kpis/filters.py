"""Owns the filters all Insights share: what an address asks for, and that in words.

The same arguments stand in the addresses of pages, proofs, exports and saved boards:
org, category, region, supplier (ids; a region by name), period or from/to (months), compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import NotFoundError
from dashboard.core.filters import zone
from dashboard.erp.suppliers.models import Supplier
from dashboard.kpis import choices, periods
from dashboard.kpis.choices import Category, Choices, Org
from dashboard.kpis.periods import COMPARES, Compare, Period
from dashboard.kpis.sums import Filters

DEFAULT_COMPARE: Compare = "previous"


@dataclass(frozen=True)
class Selection:
    """What an address asks for."""

    choices: Choices
    period: Period
    compare: Compare = DEFAULT_COMPARE
    org: Org | None = None
    category: Category | None = None
    region: str = ""
    supplier: tuple[int, str] | None = None
    """Its id and name."""

    @property
    def orgs(self) -> tuple[Org, ...]:
        """The organizations whose figures are shown."""
        return (self.org,) if self.org else self.choices.orgs

    @property
    def category_ids(self) -> tuple[int, ...]:
        """The chosen category, those of the same path elsewhere, and all below them; () for all."""
        if self.category is None:
            return ()
        path, shown = self.category.path, {org.id for org in self.orgs}
        return tuple(
            each.id
            for each in self.choices.categories
            if each.org_id in shown and (each.path == path or each.path.startswith(f"{path} /"))
        ) or (self.category.id,)

    @property
    def sums(self) -> Filters:
        """The filters as the sums take them."""
        return Filters(
            org_ids=tuple(org.id for org in self.orgs),
            first=self.period.span.first,
            last=self.period.span.last,
            category_ids=self.category_ids,
            regions=(self.region,) if self.region else (),
            subject_id=self.supplier[0] if self.supplier else None,
        )

    @property
    def compared(self) -> Filters | None:
        """The same filters over the period it is compared with; None where nothing is."""
        span = self.period.span.compared(self.compare)
        return replace(self.sums, first=span.first, last=span.last) if span else None

    @cached_property
    def arguments(self) -> dict[str, str]:
        """The selection as it stands in an address; not to be changed."""
        chosen = {
            "org": str(self.org.id) if self.org else "",
            "category": str(self.category.id) if self.category else "",
            "region": self.region,
            "supplier": str(self.supplier[0]) if self.supplier else "",
            "compare": "" if self.compare == DEFAULT_COMPARE else self.compare,
        }
        return self.period.arguments | {name: value for name, value in chosen.items() if value}

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """What is shown, as pairs of a label and its value."""
        pairs = [
            ("Period", self.period.title),
            ("Organization", self.org.name if self.org else "All"),
            ("Category", self.category.path if self.category else ""),
            ("Region", self.region),
            ("Supplier", self.supplier[1] if self.supplier else ""),
            ("Compared with", COMPARES[self.compare]),
        ]
        return tuple((label, value) for label, value in pairs if value)


def read(session: Session, args: Mapping[str, str], today: date | None = None) -> Selection:
    """Read the filters of an address. Raises NotFoundError, InvalidInputError for a period that cannot be."""
    offered = choices.read(session)
    org = _chosen_org(offered, args.get("org", ""))
    home = org or next(iter(offered.orgs), None)
    day = today or datetime.now(zone(home.time_zone) if home else UTC).date()
    compare = args.get("compare", "")
    return Selection(
        choices=offered,
        period=periods.read(args, day, home.fiscal_month if home else 1),
        compare=compare if compare in COMPARES else DEFAULT_COMPARE,
        org=org,
        category=_chosen_category(offered, args.get("category", "")),
        region=args.get("region", "")[:200],
        supplier=_chosen_supplier(session, args.get("supplier", "")),
    )


def _chosen_org(offered: Choices, asked: str) -> Org | None:
    found = next((org for org in offered.orgs if str(org.id) == asked), None)
    if asked and found is None:
        raise NotFoundError("There is no such organization.", fix="Choose one in the filter.")
    return found


def _chosen_category(offered: Choices, asked: str) -> Category | None:
    found = next((each for each in offered.categories if str(each.id) == asked), None)
    if asked and found is None:
        raise NotFoundError("There is no such category.", fix="Choose one in the filter.")
    return found


def _chosen_supplier(session: Session, asked: str) -> tuple[int, str] | None:
    if not asked:
        return None
    name = session.scalar(select(Supplier.name).where(Supplier.id == int(asked))) if _is_id(asked) else None
    if name is None:
        raise NotFoundError("There is no such supplier.", fix="Choose one in the filter.")
    return int(asked), name


def _is_id(asked: str) -> bool:
    return asked.isascii() and asked.isdigit() and len(asked) <= 18
