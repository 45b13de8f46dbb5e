"""Owns what the filters of Insights offer in a tenant, read in one statement."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy.orm import Session

# One statement instead of four: a page waits for each answer. The regions are found by walking an index from
# one to the next, instead of reading every supplier.
OFFERED = """
WITH RECURSIVE found AS (
    (SELECT region FROM supplier WHERE deleted_at IS NULL AND region > '' ORDER BY region LIMIT 1)
    UNION ALL
    SELECT (
        SELECT s.region FROM supplier AS s
        WHERE s.deleted_at IS NULL AND s.region > found.region ORDER BY s.region LIMIT 1
    )
    FROM found WHERE found.region IS NOT NULL
)
SELECT
    ARRAY(
        SELECT jsonb_build_array(id, name, base_currency, time_zone, fiscal_month)
        FROM organization WHERE deleted_at IS NULL ORDER BY name
    ),
    ARRAY(
        SELECT jsonb_build_array(id, org_id, coalesce(nullif(path, ''), name))
        FROM product_category WHERE deleted_at IS NULL ORDER BY product_category.path, id
    ),
    ARRAY(SELECT region FROM found WHERE region IS NOT NULL),
    (SELECT display_currency FROM kpi_setting)
"""


@dataclass(frozen=True)
class Org:
    """An organization with what its figures need."""

    id: int
    name: str
    currency: str
    time_zone: str
    fiscal_month: int


@dataclass(frozen=True)
class Category:
    """A category of one organization; another organization may have one with the same path."""

    id: int
    org_id: int
    path: str


@dataclass(frozen=True)
class Choices:
    """What the filters offer. `currency` is the display currency."""

    orgs: tuple[Org, ...]
    categories: tuple[Category, ...]
    regions: tuple[str, ...]
    currency: str

    def paths(self, org: Org | None) -> list[tuple[int, str]]:
        """The categories to choose from, each path once, under the id of the first that has it."""
        named: dict[str, int] = {}
        for category in self.categories:
            if org is None or category.org_id == org.id:
                named.setdefault(category.path, category.id)
        return [(key, path) for path, key in named.items()]

    def path_of(self, category_id: int) -> str:
        """Name a category; '' where it is not known."""
        return next((each.path for each in self.categories if each.id == category_id), "")


def read(session: Session) -> Choices:
    """Read what there is to choose from: the organizations by name, the categories by path."""
    orgs, categories, regions, declared = session.connection().exec_driver_sql(OFFERED).one()
    known = tuple(Org(*row) for row in orgs)
    return Choices(
        orgs=known,
        categories=tuple(Category(*row) for row in categories),
        regions=tuple(regions),
        currency=declared or _usual_currency(known),
    )


def _usual_currency(orgs: tuple[Org, ...]) -> str:
    """The one most organizations have."""
    counted = Counter(org.currency for org in orgs)
    return min(counted, key=lambda code: (-counted[code], code), default="EUR")
