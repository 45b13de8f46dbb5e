"""Nothing is asked twice while one page is built, and all of it again for the next."""

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from dashboard.kpis import buckets, refreshing, registry, sums
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions import supplier_families
from dashboard.kpis.remembering import answers
from tests.kpis.conftest import Company
from tests.kpis.test_pages import counted

TERMS = Terms(datetime(2026, 4, 15, tzinfo=UTC), "EUR", ())


def filled(company: Company) -> sums.Filters:
    """One receipt; what chooses its month."""
    receipt = company.receive("2026-03-31T12:00+02:00", 10, "2.50")
    receipt.order.status = "received"
    receipt.lines[0].order_line.promised_on = date(2026, 3, 31)
    company.session.flush()
    for family in (supplier_families.DELIVERIES, supplier_families.RECEIPTS):
        refreshing.rebuild(company.session, family, TERMS)
    return sums.Filters((company.org.id,), date(2026, 3, 1), date(2026, 3, 1))


def test_sums_are_asked_once_unless_a_measure_is_missing(tenant: Session, company: Company) -> None:
    filters = filled(company)
    otif, kept, spend = (registry.get(code) for code in ("otif", "lead_kept", "spend"))
    with answers(tenant), counted(tenant) as sent:
        first = buckets.read(tenant, [otif, spend], filters, ("month",))
        assert buckets.read(tenant, [spend], filters, ("month",)) == {"receipts": first["receipts"]}
        assert len(sent) == 1
        both = buckets.read(tenant, [otif, kept], filters, ("month",))
        assert len(sent) == 2
        buckets.read(tenant, [otif], filters, ("region",))
        assert len(sent) == 3
    (bucket,) = both["deliveries"].values()
    assert (bucket.figure(otif).value, bucket.figure(kept).n) == (Decimal(100), 1)


def test_the_next_page_asks_anew(tenant: Session, company: Company) -> None:
    filters = filled(company)
    spend = registry.get("spend")
    with answers(tenant):
        (before,) = sums.read(tenant, spend, filters)
        company.receive("2026-03-30T12:00+02:00", 10, "2.50").order.status = "received"
        tenant.flush()
        refreshing.rebuild(tenant, supplier_families.RECEIPTS, TERMS)
        assert sums.read(tenant, spend, filters) == [before]
    with answers(tenant):
        (after,) = sums.read(tenant, spend, filters)
    assert (before.value, after.value) == (Decimal(25), Decimal(50))


def test_outside_of_a_page_everything_is_asked_each_time(tenant: Session, company: Company) -> None:
    filters = filled(company)
    with counted(tenant) as sent:
        for _ in range(2):
            buckets.read(tenant, [registry.get("spend")], filters, ("month",))
    assert len(sent) == 2
