"""What the demo data says in one place agrees with what it says in another."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dashboard.erp import models
from dashboard.erp.invoicing.matching import match

WRONG = {
    "a line is awarded more than it asks for": """
        SELECT l.id FROM rfq_line l JOIN award a ON a.rfq_line_id = l.id
        GROUP BY l.id HAVING sum(a.quantity) > l.quantity""",
    "an award is of a bid on another line, without a price, or of a quote that did not win": """
        SELECT a.id FROM award a JOIN quote_line b ON b.id = a.quote_line_id JOIN quote q ON q.id = b.quote_id
        WHERE b.rfq_line_id <> a.rfq_line_id OR b.no_bid OR b.unit_price IS NULL OR q.status <> 'awarded'""",
    "a request is awarded without an award, or has one and is not": """
        SELECT r.id FROM rfq r WHERE (r.status IN ('awarded', 'closed')) <> EXISTS (
            SELECT FROM award a JOIN rfq_line l ON l.id = a.rfq_line_id WHERE l.rfq_id = r.id)""",
    "a quote won without an award": """
        SELECT q.id FROM quote q WHERE q.status = 'awarded' AND NOT EXISTS (
            SELECT FROM award a JOIN quote_line b ON b.id = a.quote_line_id WHERE b.quote_id = q.id)""",
    "a quote competes although its request is decided": """
        SELECT q.id FROM quote q JOIN rfq r ON r.id = q.rfq_id
        WHERE r.status IN ('awarded', 'closed') AND q.status NOT IN ('awarded', 'rejected', 'withdrawn')""",
    "a request is quoted without a quote, or has quotes before it was": """
        SELECT r.id FROM rfq r WHERE (r.status IN ('draft', 'sent', 'cancelled')) = EXISTS (
            SELECT FROM quote q WHERE q.rfq_id = r.id)""",
    "an order's line differs from its award": """
        SELECT p.id FROM purchase_order_line p JOIN purchase_order o ON o.id = p.order_id
        JOIN award a ON a.id = p.award_id JOIN quote_line b ON b.id = a.quote_line_id
        JOIN quote q ON q.id = b.quote_id JOIN rfq_line l ON l.id = b.rfq_line_id
        WHERE (p.quantity, p.unit_price, p.product_id) <> (a.quantity, b.unit_price, l.product_id)
        OR (o.quote_id, o.rfq_id, o.supplier_id, o.currency)
            IS DISTINCT FROM (q.id, q.rfq_id, q.supplier_id, q.currency)""",
    "an order names a quote and not the awards": """
        SELECT o.id FROM purchase_order o JOIN purchase_order_line p ON p.order_id = o.id
        WHERE (o.quote_id IS NULL) <> (p.award_id IS NULL)""",
    "an order is sent without a number, a day or the approval it needs": """
        SELECT o.id FROM purchase_order o JOIN organization g ON g.id = o.org_id
        WHERE o.status NOT IN ('draft', 'to_approve', 'cancelled') AND (
            o.number IS NULL OR o.ordered_on IS NULL OR (
            (o.total + o.freight + o.duty) * o.fx_rate > g.approval_threshold AND o.approved_at IS NULL))""",
    "an order waits for an approval it does not need": """
        SELECT o.id FROM purchase_order o JOIN organization g ON g.id = o.org_id WHERE o.status = 'to_approve'
        AND (o.total + o.freight + o.duty) * o.fx_rate <= g.approval_threshold""",
    "a delivery on an order that was never sent": """
        SELECT r.id FROM receipt r JOIN purchase_order o ON o.id = r.order_id
        WHERE o.status NOT IN ('part_received', 'received', 'closed')""",
    "an invoice of another supplier or currency than its order": """
        SELECT i.id FROM supplier_invoice i JOIN purchase_order o ON o.id = i.order_id
        WHERE (i.supplier_id, i.currency) <> (o.supplier_id, o.currency)""",
    "a certificate the supplier does not claim": """
        SELECT c.id FROM supplier_certificate c JOIN supplier s ON s.id = c.supplier_id
        WHERE NOT s.capabilities -> 'certs' ? c.name AND c.issued_on IS NOT NULL""",
    "more costs more per piece": """
        SELECT a.id FROM supplier_product a JOIN supplier_product b USING (supplier_id, product_id, currency)
        WHERE a.from_quantity < b.from_quantity AND a.unit_price < b.unit_price""",
    "a currency without a rate of the as-of date to a base currency": """
        SELECT c.code FROM currency c CROSS JOIN organization g
        WHERE c.code <> g.base_currency AND NOT EXISTS (
            SELECT FROM fx_rate f WHERE (f.from_currency, f.to_currency) = (c.code, g.base_currency)
            AND f.on_date = '2026-10-31')""",
    "a document in a currency nobody knows": """
        SELECT q.id FROM quote q WHERE q.currency NOT IN (SELECT code FROM currency)""",
}


@pytest.mark.parametrize("what", WRONG)
def test_nothing_disagrees(inside: Session, what: str) -> None:
    assert list(inside.scalars(text(WRONG[what]))) == []


TESTED = {"supplier_invoice", "award", "purchase_order_line", "quote"}


def test_there_is_something_to_agree_about(inside: Session) -> None:
    counts = {table: inside.scalar(text(f"SELECT count(*) FROM {table}")) for table in TESTED}
    assert all(count > 50 for count in counts.values()), counts
    linked = "SELECT count(*) FROM purchase_order_line WHERE award_id IS NOT NULL"
    assert inside.scalar(text(linked)) > 50


def test_an_invoice_stands_where_its_match_puts_it(inside: Session) -> None:
    for invoice in inside.scalars(select(models.SupplierInvoice)).all():
        is_wrong = invoice.status == "mismatched" or invoice.release_reason is not None
        assert match(inside, invoice).holds is not is_wrong, (invoice.id, invoice.status)


def test_an_award_beside_the_lowest_landed_cost_says_why(inside: Session) -> None:
    rows = inside.execute(
        text("""
        SELECT a.reason, mine.landed > best.landed AS dearer FROM award a
        JOIN (SELECT b.id, b.unit_price * (1 + (q.freight + q.duty) / q.total) AS landed, q.currency
              FROM quote_line b JOIN quote q ON q.id = b.quote_id WHERE q.total > 0) mine
            ON mine.id = a.quote_line_id
        JOIN LATERAL (SELECT min(o.unit_price * (1 + (p.freight + p.duty) / p.total)) AS landed
            FROM quote_line o JOIN quote p ON p.id = o.quote_id
            WHERE o.rfq_line_id = a.rfq_line_id AND p.currency = mine.currency AND p.total > 0) best
            ON true""")
    ).all()
    assert any(row.dearer for row in rows)
    assert all(row.reason for row in rows if row.dearer)
    assert any(row.reason is None for row in rows)


def test_balances_and_totals_are_what_the_triggers_would_have_kept(inside: Session) -> None:
    moved = inside.scalar(select(func.sum(models.StockMove.quantity)))
    assert moved == inside.scalar(select(func.sum(models.StockBalance.quantity)))
    for document, lines, key in (
        ("quote", "quote_line", "quote_id"),
        ("purchase_order", "purchase_order_line", "order_id"),
        ("sales_order", "sales_order_line", "order_id"),
        ("supplier_invoice", "invoice_line", "invoice_id"),
    ):
        wrong = text(
            f"SELECT count(*) FROM {document} d JOIN currency c ON c.code = d.currency WHERE total <>"
            f" (SELECT sum(round(amount, c.decimals)) FROM {lines} l WHERE l.{key} = d.id)"
        )
        assert inside.scalar(wrong) == 0, document
