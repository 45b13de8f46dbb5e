"""Supplier KPIs over demo data, whose truth is known: against plain SQL, planted cases, the latent types.

The sample is the world of the `full` profile with fewer suppliers, so that a load of seconds has many orders
of each; everything else (types, prices, lateness, rejects, answers) is made as there.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.demo import service
from dashboard.erp.demo.chance import LATENTS, Chance
from dashboard.erp.demo.profiles import AS_OF, PROFILES
from dashboard.erp.demo.service import DemoReport
from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions import market
from dashboard.kpis.sums import Filters
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant
from tests.kpis.supplying import FAMILIES

SAMPLE = replace(PROFILES["small"], suppliers=240, products=100, rfqs=500, orders=1600)
NAME = "sample of full"
ENOUGH = 20
"""Observations of a supplier from which on its score is its own rather than its categories'."""
MONTHS = (date(2024, 11, 1), date(2026, 10, 1))

# The same formulas, written from the other end: join everything, then group.
PLAIN = {
    "otif": """
        SELECT 100.0 * count(*) FILTER (WHERE got >= quantity) / count(*) FROM (
            SELECT l.id, l.quantity, coalesce(sum(rl.received - rl.rejected) FILTER (
                WHERE (r.received_at AT TIME ZONE g.time_zone)::date <= l.promised_on), 0) AS got
            FROM purchase_order_line l JOIN purchase_order o ON o.id = l.order_id
            JOIN organization g ON g.id = l.org_id
            LEFT JOIN (receipt_line rl JOIN receipt r ON r.id = rl.receipt_id) ON rl.order_line_id = l.id
            WHERE o.status NOT IN ('draft', 'to_approve', 'approved', 'cancelled')
            AND l.promised_on <= (%(at)s AT TIME ZONE g.time_zone)::date GROUP BY l.id) AS lines""",
    "lead_bias": """
        SELECT avg(gap) FROM (
            SELECT max((r.received_at AT TIME ZONE g.time_zone)::date) - l.promised_on AS gap
            FROM purchase_order_line l JOIN purchase_order o ON o.id = l.order_id
            JOIN organization g ON g.id = l.org_id
            JOIN receipt_line rl ON rl.order_line_id = l.id JOIN receipt r ON r.id = rl.receipt_id
            WHERE r.received_at <= %(at)s AND l.promised_on < '2026-11-01' GROUP BY l.id, o.status
            HAVING sum(rl.received) >= l.quantity OR o.status = 'closed') AS lines""",
    "spend": """
        SELECT sum(worth) FROM (
            SELECT DISTINCT ON (rl.id) (rl.received - rl.rejected) * l.unit_price
                * CASE o.currency WHEN 'EUR' THEN 1 ELSE x.rate END AS worth
            FROM receipt r JOIN receipt_line rl ON rl.receipt_id = r.id
            JOIN purchase_order_line l ON l.id = rl.order_line_id JOIN purchase_order o ON o.id = l.order_id
            JOIN organization g ON g.id = r.org_id
            LEFT JOIN fx_rate x ON x.from_currency = o.currency AND x.to_currency = 'EUR'
                AND x.on_date <= (r.received_at AT TIME ZONE g.time_zone)::date
            WHERE r.received_at <= %(at)s ORDER BY rl.id, x.on_date DESC) AS lines""",
    "defect_ppm": """
        SELECT 1000000 * sum(rl.rejected) / sum(rl.received) FROM receipt_line rl
        JOIN receipt r ON r.id = rl.receipt_id WHERE r.received_at <= %(at)s""",
    "response_rate": """
        SELECT 100.0 * count(q.id) / count(*) FROM rfq_invitation i JOIN rfq ON rfq.id = i.rfq_id
        LEFT JOIN quote q ON q.rfq_id = i.rfq_id AND q.supplier_id = i.supplier_id
            AND q.submitted_at <= rfq.deadline
        WHERE rfq.status NOT IN ('draft', 'cancelled') AND rfq.deadline <= %(at)s""",
    "response_time": """
        SELECT percentile_cont(0.5) WITHIN GROUP (
            ORDER BY floor(extract(epoch FROM q.submitted_at - i.invited_at) / 3600))
        FROM rfq_invitation i JOIN rfq ON rfq.id = i.rfq_id
        JOIN quote q ON q.rfq_id = i.rfq_id AND q.supplier_id = i.supplier_id
        WHERE rfq.status NOT IN ('draft', 'cancelled') AND q.submitted_at <= %(at)s""",
}


@pytest.fixture(scope="module")
def sample(app: Flask) -> Iterator[tuple[TenantRef, DemoReport]]:
    """A tenant with the sample, its facts computed as of the demo's day."""
    PROFILES[NAME] = SAMPLE
    with app.app_context():
        tenant = create_tenant("Sample Works", "sample-works")
        report = service.load(tenant, NAME)
        with use_tenant(tenant, actor="tester@example.com") as session:
            for family in (*FAMILIES, market.BIDS):
                refreshing.rebuild(session, family, Terms(AS_OF, "EUR", ()))
            session.commit()
    yield tenant, report
    del PROFILES[NAME]
    with app.app_context(), db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(
            f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
            f" DROP ROLE {tenant.role}"
        )
    tenancy.forget()


@pytest.fixture
def inside(app: Flask, sample: tuple[TenantRef, DemoReport]) -> Iterator[Session]:
    """A session of the tenant; what it writes is rolled back."""
    with use_tenant(sample[0], actor="tester@example.com") as session:
        yield session


@pytest.fixture
def filters(inside: Session) -> Filters:
    """Everything: both organizations, all months."""
    return Filters(tuple(_ask(inside, "SELECT array_agg(id) FROM organization")), *MONTHS)


def _ask(session: Session, query: str, **binds: Any) -> Any:
    return session.connection().exec_driver_sql(query, {"at": AS_OF, **binds}).scalar_one()


@pytest.mark.parametrize("code", PLAIN, ids=PLAIN.keys())
def test_kpi_equals_plain_sql(inside: Session, filters: Filters, code: str) -> None:
    (figure,) = sums.read(inside, registry.get(code), filters)
    assert figure.value is not None
    assert abs(figure.value - Decimal(_ask(inside, PLAIN[code]))) < Decimal("0.000001")


def test_the_four_kinds_of_suppliers_are_told_apart(
    inside: Session, sample: tuple[TenantRef, DemoReport], filters: Filters
) -> None:
    chance = Chance(sample[0].slug)
    points = defaultdict(list)
    for figure in sums.read(inside, registry.get("reliability"), filters, ("subject_id",)):
        if figure.value is not None and figure.n >= ENOUGH:
            points[chance.latent(figure.keys[0]).name].append(figure.value)
    means = [mean(points[latent.name]) for latent in LATENTS]
    gaps = [better - worse for better, worse in pairwise(means)]
    assert all(gap >= 5 for gap in gaps), means


def test_receipt_after_midnight_in_tokyo_is_of_the_next_day(
    inside: Session, sample: tuple[TenantRef, DemoReport]
) -> None:
    case = "received after midnight in the organization's zone"
    (receipt,) = [row for kind, _, row in sample[1].planted if kind == case]
    query = (
        "SELECT r.received_at, l.promised_on, f.m3 FROM receipt r"
        " JOIN receipt_line rl ON rl.receipt_id = r.id"
        " JOIN purchase_order_line l ON l.id = rl.order_line_id"
        " JOIN kpi_fact f ON f.family = 'deliveries' AND f.record_id = l.id"
        " WHERE r.id = %(receipt)s LIMIT 1"
    )
    row = inside.connection().exec_driver_sql(query, {"receipt": receipt}).one()
    at, promised, gap = row
    assert at.hour == 16
    assert gap == (at.date() - promised).days + 1


def test_more_received_than_ordered_is_one_hit_and_all_of_it_is_spend(
    inside: Session, sample: tuple[TenantRef, DemoReport]
) -> None:
    lines = [row for kind, _, row in sample[1].planted if kind == "more received than ordered"]
    query = (
        "SELECT l.quantity, rl.received, d.m1, i.m1 FROM purchase_order_line l"
        " JOIN receipt_line rl ON rl.order_line_id = l.id"
        " JOIN kpi_fact d ON d.family = 'deliveries' AND d.record_id = l.id"
        " JOIN kpi_fact i ON i.family = 'inspections' AND i.record_id = rl.id"
        " WHERE l.id = ANY(%(lines)s)"
    )
    facts = inside.connection().exec_driver_sql(query, {"lines": lines}).all()
    assert len(facts) == len(lines) > 3
    assert all(hit in {0, 1} and came == counted > wanted for wanted, came, hit, counted in facts)


def test_yen_and_dinars_are_part_of_the_spend(inside: Session) -> None:
    query = (
        "SELECT array_agg(DISTINCT o.currency) FROM kpi_fact f JOIN receipt_line rl ON rl.id = f.record_id"
        " JOIN purchase_order_line l ON l.id = rl.order_line_id JOIN purchase_order o ON o.id = l.order_id"
        " WHERE f.family = 'receipts' AND f.m1 > 0"
    )
    assert {"EUR", "JPY", "KWD"} <= set(_ask(inside, query))


def test_supplier_without_a_receipt_has_no_spend(inside: Session, filters: Filters) -> None:
    query = (
        "SELECT min(s.id) FROM supplier s WHERE NOT EXISTS"
        " (SELECT FROM purchase_order o JOIN receipt r ON r.order_id = o.id WHERE o.supplier_id = s.id)"
    )
    alone = replace(filters, subject_id=_ask(inside, query))
    assert alone.subject_id is not None
    for code in ("spend", "defect_ppm", "lead_bias", "ppv_percent", "concentration"):
        (figure,) = sums.read(inside, registry.get(code), alone)
        assert (figure.value, figure.n) == (None, 0)
