"""The largest suppliers, found along an index, are those that adding everything up gives."""

import random
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.kpis import adding, registry
from dashboard.kpis.models import KpiSubjectSum
from dashboard.kpis.pages import largest
from dashboard.kpis.sums import Filters

ORG, SIZE = 700_001, 3
MONTHS = [date(2026, month, 1) for month in range(1, 7)]
FILTERS = Filters((ORG,), MONTHS[1], MONTHS[-1])


def keep(session: Session, supplier: int, month: date, spend: Decimal | None) -> None:
    name = adding.all_of("receipts")
    session.add(
        KpiSubjectSum(family=name, org_id=ORG, month=month, subject_id=supplier, n=1, s1=spend, region="")
    )


def added_up(session: Session) -> list[int]:
    rows = session.execute(
        text(
            "SELECT subject_id FROM kpi_subject_sum WHERE org_id = :org AND month >= :first"
            " AND subject_id > 0 GROUP BY subject_id ORDER BY sum(s1) DESC NULLS LAST, subject_id LIMIT :size"
        ),
        {"org": ORG, "first": FILTERS.first, "size": SIZE},
    )
    return [supplier for (supplier,) in rows]


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_are_those_of_all_sums(tenant: Session, seed: int) -> None:
    rng = random.Random(seed)  # a test's own chance
    for month in MONTHS:
        for supplier in rng.sample(range(60), rng.choice([2, 20, 55])):
            amount = rng.choice([None, Decimal(rng.randint(-50, 100)), Decimal(rng.randint(90, 110))])
            keep(tenant, supplier, month, amount)
    tenant.flush()
    assert largest.find(tenant, registry.get("spend"), FILTERS, SIZE) == added_up(tenant)


def test_supplier_never_among_the_largest_of_a_month_is_found(tenant: Session) -> None:
    for place, month in enumerate(MONTHS):
        for each in range(20):
            keep(tenant, 100 + 20 * place + each, month, Decimal(100 + each))
        keep(tenant, 9, month, Decimal(99))
    tenant.flush()
    assert largest.find(tenant, registry.get("spend"), FILTERS, SIZE)[0] == 9


def test_nobody_is_the_largest_of_nobody(tenant: Session) -> None:
    assert largest.find(tenant, registry.get("spend"), FILTERS, SIZE) == []


def test_the_index_holds_the_sums_of_all_categories_and_regions(tenant: Session) -> None:
    """In SQLAlchemy's text a colon begins a bind: unless escaped, the index would hold nothing."""
    found = tenant.execute(
        text(
            "SELECT pg_get_expr(indpred, indrelid) FROM pg_index"
            " WHERE indexrelid = 'ix_kpi_subject_sum_largest'::regclass"
        )
    ).scalar_one()
    assert found == f"(family ~~ '{adding.all_of('%')}'::text)"
