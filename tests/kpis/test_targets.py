"""Targets and budgets: which one holds for what is shown."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import ProductCategory
from dashboard.kpis import registry, targets
from dashboard.kpis.definitions import suppliers
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import Filters
from tests.kpis.conftest import Company

JAN, MAR, JUN, DEC = (date(2026, month, 1) for month in (1, 3, 6, 12))
AMOUNT = "amount_of_tests"


@pytest.fixture(autouse=True)
def amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """A KPI whose values add up."""
    words = {"unit": "money", "better": "higher", "owner": "Buyer", "formula": "Σ"}
    kpi = Kpi(AMOUNT, "Amount", "suppliers", suppliers.DELIVERIES.name, "sum", **words)  # type: ignore[arg-type]
    monkeypatch.setitem(registry.KPIS, AMOUNT, kpi)


def declare(session: Session, value: int, **rest: object) -> None:
    """Add a target for 2026, for all unless told otherwise."""
    row = {"code": "otif", "first_month": JAN, "last_month": DEC, "value": Decimal(value), **rest}
    session.add(KpiTarget(**row))
    session.flush()


def find(session: Session, filters: Filters, code: str = "otif") -> Decimal | None:
    return targets.find(session, [code], filters).get(code)


def test_the_narrowest_target_of_the_last_month_holds(tenant: Session, company: Company) -> None:
    pumps = ProductCategory(org_id=company.org.id, code="P", name="Pumps")
    tenant.add(pumps)
    tenant.flush()
    seals = ProductCategory(org_id=company.org.id, code="S", name="Seals", parent_id=pumps.id)
    tenant.add(seals)
    tenant.flush()
    other = company.organization("Elsewhere")
    own = Filters((company.org.id,), JAN, JUN)
    assert find(tenant, own) is None
    declare(tenant, 90)
    declare(tenant, 92, org_id=company.org.id)
    declare(tenant, 95, org_id=company.org.id, category_id=pumps.id)
    declare(tenant, 99, org_id=company.org.id, first_month=date(2026, 7, 1))
    assert find(tenant, own) == 92
    assert find(tenant, Filters((other.id,), JAN, JUN)) == 90
    assert find(tenant, Filters((company.org.id, other.id), JAN, JUN)) == 90
    below = Filters((company.org.id,), JAN, JUN, category_ids=(seals.id,))
    assert find(tenant, below) == 95
    declare(tenant, 97, category_id=seals.id)
    assert find(tenant, below) == 97
    assert find(tenant, Filters((company.org.id,), JAN, JUN, category_ids=(seals.id, pumps.id))) == 95
    assert find(tenant, Filters((other.id,), date(2027, 1, 1), date(2027, 2, 1))) is None


def test_amounts_add_up_over_months_and_budgets_are_shared_out(tenant: Session, company: Company) -> None:
    own = Filters((company.org.id,), JAN, MAR)
    declare(tenant, 1200, code=AMOUNT, org_id=company.org.id, is_budget=True)
    assert find(tenant, own, AMOUNT) == 300
    declare(tenant, 40, code=AMOUNT, org_id=company.org.id, first_month=MAR, last_month=MAR)
    assert find(tenant, own, AMOUNT) == 240  # two shares, and the month's own target
    outside = Filters((company.org.id,), JAN, date(2027, 1, 1))
    assert find(tenant, outside, AMOUNT) is None  # nobody said what January 2027 should be


def test_amounts_are_for_exactly_what_is_shown(tenant: Session, company: Company) -> None:
    other = company.organization("Elsewhere")
    every = tuple(org.id for org in (company.org, other))
    declare(tenant, 100, code=AMOUNT, org_id=company.org.id)
    assert find(tenant, Filters(every, JAN, JAN), AMOUNT) is None
    declare(tenant, 20, code=AMOUNT, org_id=other.id)
    assert find(tenant, Filters(every, JAN, JAN), AMOUNT) == 120
    declare(tenant, 500, code=AMOUNT)
    assert find(tenant, Filters(every, JAN, JAN), AMOUNT) == 500
    assert find(tenant, Filters((other.id,), JAN, JAN), AMOUNT) == 20
    assert find(tenant, Filters(every, JAN, JAN, regions=("EU",)), AMOUNT) is None
    assert find(tenant, Filters(every, JAN, JAN, category_ids=(1,)), AMOUNT) is None
