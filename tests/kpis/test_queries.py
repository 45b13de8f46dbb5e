from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from dashboard.erp.models import FxRate
from dashboard.kpis import queries
from dashboard.kpis.figures import MonthFigure
from dashboard.kpis.periods import Period
from tests.kpis.conftest import Company

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))


def spend(company: Company, period: Period = YEAR, currency: str = "EUR") -> list[MonthFigure]:
    ids = [org.id for org in queries.list_orgs()]
    return sorted(queries.spend_by_month(ids, period, currency), key=lambda one: (one.month, one.org_id))


def test_spend_is_accepted_quantity_times_order_price_by_month_of_receipt(company: Company) -> None:
    company.receive("2026-03-05T10:00+01:00", 10, "2.50", rejected=2)
    company.receive("2026-03-20T10:00+01:00", 4, "5")
    company.receive("2026-05-02T10:00+02:00", 1, "7")
    assert spend(company) == [
        MonthFigure(company.org.id, "2026-03", Decimal(40), 2),
        MonthFigure(company.org.id, "2026-05", Decimal(7), 1),
    ]


def test_receipt_at_half_past_eleven_at_night_belongs_to_the_local_day(company: Company) -> None:
    company.receive("2026-03-31T23:30+02:00", 1, "1")  # 21:30 UTC
    company.receive("2026-04-01T00:30+02:00", 1, "2")  # 22:30 UTC, still March there
    assert [(one.month, one.value) for one in spend(company)] == [
        ("2026-03", Decimal(1)),
        ("2026-04", Decimal(2)),
    ]
    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    assert [(one.month, one.value) for one in spend(company, march)] == [("2026-03", Decimal(1))]


def test_each_organization_has_its_own_midnight(company: Company) -> None:
    tokyo = company.organization("Tokyo works", time_zone="Asia/Tokyo")
    company.receive("2026-03-31T20:00+00:00", 1, "1")
    company.receive("2026-03-31T20:00+00:00", 1, "2", org=tokyo)
    assert [(one.org_id, one.month) for one in spend(company)] == [
        (company.org.id, "2026-03"),
        (tokyo.id, "2026-04"),
    ]


def test_fully_rejected_delivery_counts_as_a_receipt_of_nothing(company: Company) -> None:
    company.receive("2026-03-05T10:00+01:00", 5, "9", rejected=5)
    assert spend(company) == [MonthFigure(company.org.id, "2026-03", Decimal(0), 1)]


def test_spend_in_another_currency_uses_the_newest_rate_up_to_the_receipt(
    company: Company, tenant: Session
) -> None:
    for day, rate in (("2026-03-01", "0.90"), ("2026-03-10", "0.80"), ("2026-03-20", "0.50")):
        tenant.add(
            FxRate(
                from_currency="USD",
                to_currency="EUR",
                on_date=date.fromisoformat(day),
                rate=Decimal(rate),
            )
        )
    tenant.flush()
    company.receive("2026-03-15T10:00+01:00", 10, "1", currency="USD")
    assert [one.value for one in spend(company)] == [Decimal(8)]


def test_rate_known_only_the_other_way_round_is_turned(company: Company, tenant: Session) -> None:
    tenant.add(FxRate(from_currency="EUR", to_currency="JPY", on_date=date(2026, 1, 1), rate=Decimal(160)))
    tenant.flush()
    company.receive("2026-03-15T10:00+01:00", 1, "320", currency="JPY")
    assert [one.value for one in spend(company)] == [Decimal(2)]


def test_line_without_any_rate_is_left_out_and_counted(company: Company) -> None:
    company.receive("2026-03-15T10:00+01:00", 1, "320", currency="JPY")
    company.receive("2026-03-16T10:00+01:00", 1, "5")
    assert spend(company) == [MonthFigure(company.org.id, "2026-03", Decimal(5), 2, left_out=1)]


def test_organizations_with_other_base_currencies_are_converted_for_display(
    company: Company, tenant: Session
) -> None:
    tenant.add(FxRate(from_currency="CHF", to_currency="EUR", on_date=date(2026, 1, 1), rate=Decimal("1.1")))
    tenant.flush()
    swiss = company.organization("Swiss works", currency="CHF")
    company.receive("2026-03-15T10:00+01:00", 10, "1", currency="CHF", org=swiss)
    assert [one.value for one in spend(company)] == [Decimal(11)]


def test_cycle_time_is_the_median_of_days_from_sent_to_awarded(company: Company) -> None:
    for sent, awarded in (("01", "03"), ("01", "05"), ("01", "21")):
        company.award(f"2026-03-{sent}T08:00+01:00", f"2026-03-{awarded}T08:00+01:00")
    company.award("2026-03-01T08:00+01:00", "2026-04-01T08:00+02:00")
    figures = sorted(queries.cycle_time_by_month([company.org.id], YEAR), key=lambda one: one.month)
    assert [(one.month, one.records) for one in figures] == [("2026-03", 3), ("2026-04", 1)]
    days = [float(one.value or 0) for one in figures]
    assert days == pytest.approx([4, 31 - 1 / 24])  # summer time took an hour


def test_rfq_without_both_moments_has_no_cycle_time(company: Company) -> None:
    company.award("2026-03-01T08:00+01:00", None)
    company.award(None, "2026-03-09T08:00+01:00")
    assert queries.cycle_time_by_month([company.org.id], YEAR) == ()


def test_quotes_count_by_supplier_the_most_first_and_drafts_never(company: Company) -> None:
    few, many, none = (company.supplier(name) for name in ("Few", "Many", "None"))
    for supplier, submitted in (
        (few, "2026-03-01T08:00+01:00"),
        (many, "2026-03-01T08:00+01:00"),
        (many, "2026-04-01T08:00+02:00"),
        (many, "2025-12-31T08:00+01:00"),
        (none, None),
    ):
        company.quote(supplier, submitted)
    figures, suppliers = queries.quotes_by_supplier([company.org.id], YEAR)
    assert [(one.name, one.value) for one in figures] == [("Many", Decimal(2)), ("Few", Decimal(1))]
    assert suppliers == 2


def test_only_the_first_fifteen_suppliers_are_listed_but_all_are_counted(company: Company) -> None:
    for number in range(17):
        company.quote(company.supplier(f"S{number:02}"), "2026-03-01T08:00+01:00")
    figures, suppliers = queries.quotes_by_supplier([company.org.id], YEAR)
    assert (len(figures), suppliers) == (15, 17)


def test_stock_value_is_balance_times_moving_average_cost(company: Company) -> None:
    hall = company.warehouse("H1")
    company.stock(hall, (10, "2"), (10, "4"), (-5, "0"))  # average 3, 15 left
    company.stock(hall, (2, "1.50"), sku="B-1")
    company.warehouse("H2")
    figures = queries.stock_value_by_warehouse([company.org.id], "EUR")
    assert [(one.name, one.value, one.records) for one in figures] == [("H1 · Hall H1", Decimal(48), 2)]


def test_stock_without_a_rate_is_left_out_and_counted(company: Company) -> None:
    swiss = company.organization("Swiss works", currency="CHF")
    company.stock(company.warehouse("Z1", swiss), (1, "1"), org=swiss)
    (figure,) = queries.stock_value_by_warehouse([swiss.id], "EUR")
    assert (figure.value, figure.left_out) == (None, 1)


def test_another_tenants_records_are_not_seen(company: Company) -> None:
    company.receive("2026-03-05T10:00+01:00", 1, "1")
    assert queries.spend_by_month([company.org.id + 1000], YEAR, "EUR") == ()


def test_empty_tenant_has_figures_without_values(tenant: Session) -> None:
    figures = queries.read_figures([], YEAR)
    assert (figures.spend, figures.cycle_times, figures.quotes, figures.stock) == ((), (), (), ())
    assert figures.currency == "EUR"


def test_display_currency_is_what_most_organizations_keep_books_in(company: Company) -> None:
    for name, currency in (("A", "USD"), ("B", "USD")):
        company.organization(name, currency=currency)
    assert queries.display_currency(queries.list_orgs()) == "USD"
