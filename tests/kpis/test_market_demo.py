"""Market and sourcing KPIs over demo data: against plain SQL from the other end, and its known truth."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.demo import service
from dashboard.erp.demo.chance import Chance
from dashboard.erp.demo.market import SHOCK_MONTH, Market, first_of, month_of
from dashboard.erp.demo.profiles import AS_OF, PROFILES
from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.asking import Terms
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.sums import Filters
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant

SAMPLE = replace(PROFILES["small"], suppliers=100, products=60, rfqs=240, orders=12, moves=12)
NAME = "requests of full"

# Every bid that counts in its organization's currency, at the rate of the day its request was sent.
BIDS = """
    WITH bid AS (
        SELECT DISTINCT ON (b.id) b.id, b.rfq_line_id, q.supplier_id, p.id AS product_id, p.category_id,
            b.quantity, p.standard_cost, g.base_currency, r.sent_at::date AS day,
            b.unit_price * CASE WHEN q.currency = g.base_currency THEN 1 ELSE x.rate END AS price
        FROM quote_line b JOIN quote q ON q.id = b.quote_id JOIN rfq r ON r.id = q.rfq_id
        JOIN organization g ON g.id = r.org_id JOIN rfq_line l ON l.id = b.rfq_line_id
        JOIN product p ON p.id = l.product_id
        LEFT JOIN fx_rate x ON x.from_currency = q.currency AND x.to_currency = g.base_currency
            AND x.on_date <= (r.sent_at AT TIME ZONE g.time_zone)::date
        WHERE NOT b.no_bid AND q.status <> 'withdrawn' AND q.submitted_at <= %(at)s
        ORDER BY b.id, x.on_date DESC
    ), line AS (
        SELECT rfq_line_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY price)::numeric AS median
        FROM bid GROUP BY rfq_line_id HAVING count(*) >= 3
    ), compared AS (
        SELECT category_id, price / median AS index FROM bid JOIN line USING (rfq_line_id)
    )
"""
QUOTES = """
    WITH counted AS (
        SELECT r.id, count(q.id) AS quotes FROM rfq r
        JOIN quote q ON q.rfq_id = r.id AND q.status <> 'withdrawn' AND q.submitted_at <= %(at)s
        WHERE r.status NOT IN ('draft', 'cancelled') AND (r.awarded_at <= %(at)s OR r.deadline <= %(at)s)
        GROUP BY r.id
    )
"""
AWARDS = """
    WITH award_in_euros AS (
        SELECT DISTINCT ON (a.id) a.id, a.quantity * b.unit_price * CASE q.currency WHEN 'EUR' THEN 1
            WHEN g.base_currency THEN shown.rate
            ELSE own.rate * CASE g.base_currency WHEN 'EUR' THEN 1 ELSE shown.rate END END AS given,
            a.quantity * l.target_price * CASE r.currency WHEN 'EUR' THEN 1 ELSE shown.rate END AS target
        FROM award a JOIN rfq_line l ON l.id = a.rfq_line_id JOIN rfq r ON r.id = l.rfq_id
        JOIN organization g ON g.id = r.org_id JOIN quote_line b ON b.id = a.quote_line_id
        JOIN quote q ON q.id = b.quote_id
        LEFT JOIN fx_rate own ON own.from_currency = q.currency AND own.to_currency = g.base_currency
            AND own.on_date <= (r.awarded_at AT TIME ZONE g.time_zone)::date
        LEFT JOIN fx_rate shown ON shown.from_currency = g.base_currency AND shown.to_currency = 'EUR'
            AND shown.on_date <= (r.awarded_at AT TIME ZONE g.time_zone)::date
        WHERE r.awarded_at <= %(at)s ORDER BY a.id, own.on_date DESC NULLS LAST, shown.on_date DESC
    )
"""
SENT = "SELECT count(*) FROM rfq WHERE status <> 'draft' AND sent_at <= %(at)s"
PLAIN = {
    "price_index": f"{BIDS} SELECT avg(index) FROM compared",
    "price_outliers": (
        f"{BIDS}, fence AS (SELECT category_id, 2.5 * percentile_cont(0.75) WITHIN GROUP"
        " (ORDER BY round(100 * index)) - 1.5 * percentile_cont(0.25) WITHIN GROUP"
        " (ORDER BY round(100 * index)) AS above FROM compared GROUP BY category_id)"
        " SELECT 100.0 * count(*) FILTER (WHERE round(100 * index) > above) / count(*)"
        " FROM compared JOIN fence USING (category_id)"
    ),
    "rfqs_sent": SENT,
    "rfqs_quoted": (
        f"{SENT} AND EXISTS (SELECT FROM quote q WHERE q.rfq_id = rfq.id AND q.status <> 'withdrawn'"
        " AND q.submitted_at <= %(at)s)"
    ),
    "rfqs_awarded": f"{SENT} AND awarded_at <= %(at)s",
    "single_bid": f"{QUOTES} SELECT 100.0 * count(*) FILTER (WHERE quotes = 1) / count(*) FROM counted",
    "quotes_per_request": f"{QUOTES} SELECT avg(quotes) FROM counted",
    "cycle_time": (
        "SELECT percentile_cont(0.5) WITHIN GROUP"
        " (ORDER BY round(extract(epoch FROM awarded_at - sent_at) / 3600))"
        " FROM rfq WHERE awarded_at <= %(at)s"
    ),
    "awarded_value": f"{AWARDS} SELECT sum(given) FROM award_in_euros",
    "saved_amount": f"{AWARDS} SELECT sum(target - given) FROM award_in_euros",
    "savings": f"{AWARDS} SELECT 100 * (1 - sum(given) / sum(target)) FROM award_in_euros",
}


@pytest.fixture(scope="module")
def sample(app: Flask) -> Iterator[TenantRef]:
    """A tenant with the sample, its facts computed as of the demo's day."""
    PROFILES[NAME] = SAMPLE
    with app.app_context():
        tenant = create_tenant("Bidding Works", "bidding-works")
        service.load(tenant, NAME)
        with use_tenant(tenant, actor="tester@example.com") as session:
            for family in ("bids", "rfqs", "cycles", "awards"):
                refreshing.rebuild(session, FAMILIES[family], Terms(AS_OF, "EUR", ()))
            session.commit()
    yield tenant
    del PROFILES[NAME]
    with app.app_context(), db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(
            f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
            f" DROP ROLE {tenant.role}"
        )
    tenancy.forget()


@pytest.fixture
def inside(app: Flask, sample: TenantRef) -> Iterator[Session]:
    """A session of the tenant; what it writes is rolled back."""
    with use_tenant(sample, actor="tester@example.com") as session:
        yield session


@pytest.fixture
def filters(inside: Session) -> Filters:
    """Everything: both organizations, all months."""
    return Filters(
        tuple(ask(inside, "SELECT array_agg(id) FROM organization")), date(2024, 11, 1), AS_OF.date()
    )


def ask(session: Session, query: str) -> Any:
    return session.connection().exec_driver_sql(query, {"at": AS_OF}).scalar_one()


@pytest.mark.parametrize("code", PLAIN, ids=PLAIN.keys())
def test_kpi_equals_plain_sql(inside: Session, filters: Filters, code: str) -> None:
    (figure,) = sums.read(inside, registry.get(code), filters)
    assert figure.value is not None
    assert abs(figure.value - Decimal(ask(inside, PLAIN[code]))) < Decimal("0.001")


def test_price_level_follows_the_market_that_made_the_prices(
    inside: Session, filters: Filters, sample: TenantRef
) -> None:
    """Of the whole walk and the shock; the month of the shock has bids on requests from before it."""
    market, shocked = Market(Chance(sample.slug)), 0
    by_bucket = sums.read(inside, registry.get("price_level"), filters, ("category_id", "month"))
    for category, month, value, n in ((*one.keys, one.value, one.n) for one in by_bucket):
        place = month_of(month)
        if n < 12 or place == SHOCK_MONTH or value is None:
            continue
        assert 0.75 < float(value) / market.level(category, place) < 1.4, (category, first_of(place))
        shocked += category == 1 and place > SHOCK_MONTH
    assert shocked
