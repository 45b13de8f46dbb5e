"""What must hold in the records of a tenant after a restore; drills ask it of every tenant."""

from dashboard.backups.drills.assertions import register_assertion

# A number is drawn under the lock of its sequence and never removed: the last one is how many there are.
NUMBERS = """
WITH document AS (
    SELECT org_id, number FROM rfq UNION ALL SELECT org_id, number FROM purchase_order
    UNION ALL SELECT org_id, number FROM sales_order
), given AS (
    SELECT org_id, split_part(number, '-', 1) AS type, split_part(number, '-', 2)::int AS year,
        count(DISTINCT number) AS documents, max(split_part(number, '-', 3)::int) AS highest
    FROM document WHERE number IS NOT NULL GROUP BY 1, 2, 3
)
SELECT format('%s-%s of organization %s: %s documents, the last number drawn is %s and the highest %s',
    coalesce(g.type, s.type), coalesce(g.year, s.year), coalesce(g.org_id, s.org_id),
    coalesce(g.documents, 0), coalesce(s.last, 0), coalesce(g.highest, 0))
FROM given g FULL JOIN number_sequence s ON (s.org_id, s.type, s.year) = (g.org_id, g.type, g.year)
WHERE coalesce(g.documents, 0) <> coalesce(s.last, 0) OR coalesce(g.highest, 0) <> coalesce(s.last, 0)
"""
STOCK = """
WITH ledger AS (
    SELECT org_id, product_id, warehouse_id, sum(quantity) AS quantity FROM stock_move GROUP BY 1, 2, 3
)
SELECT format('product %s in warehouse %s: moves add up to %s, the balance says %s',
    coalesce(l.product_id, b.product_id), coalesce(l.warehouse_id, b.warehouse_id),
    coalesce(l.quantity, 0), coalesce(b.quantity, 0))
FROM ledger l FULL JOIN stock_balance b
    ON (b.org_id, b.product_id, b.warehouse_id) = (l.org_id, l.product_id, l.warehouse_id)
WHERE coalesce(l.quantity, 0) <> coalesce(b.quantity, 0)
"""
# As sum_lines() adds up: a document with a line that has no amount yet has no total.
TOTALS = """
SELECT format('{document} %s: its lines add up to %s, its total is %s', d.id,
    coalesce(fresh.total::text, 'nothing yet'), coalesce(d.total::text, 'empty'))
FROM {document} d CROSS JOIN LATERAL (
    SELECT CASE WHEN bool_or(l.id IS NOT NULL AND l.amount IS NULL) THEN NULL
        ELSE coalesce(sum(round(l.amount, coalesce(c.decimals, 2))), 0) END AS total
    FROM (SELECT 1) one LEFT JOIN {line} l ON l.{key} = d.id LEFT JOIN currency c ON c.code = d.currency
) fresh
WHERE d.total IS DISTINCT FROM fresh.total AND EXISTS (SELECT FROM {line} l WHERE l.{key} = d.id)
"""
DOCUMENTS = (
    ("quote", "quote_line", "quote_id"),
    ("purchase_order", "purchase_order_line", "order_id"),
    ("sales_order", "sales_order_line", "order_id"),
    ("supplier_invoice", "invoice_line", "invoice_id"),
)
AWARDS = """
SELECT format('line %s asks for %s, %s is awarded', l.id, l.quantity, sum(a.quantity))
FROM rfq_line l JOIN award a ON a.rfq_line_id = l.id GROUP BY l.id, l.quantity
HAVING sum(a.quantity) > l.quantity
"""

register_assertion("erp.numbers", "Document numbers have no gap", NUMBERS, needs="number_sequence")
register_assertion("erp.stock", "The stock ledger equals the balances", STOCK, needs="stock_balance")
register_assertion(
    "erp.totals",
    "Totals of documents equal their lines",
    " UNION ALL ".join(
        TOTALS.format(document=document, line=line, key=key) for document, line, key in DOCUMENTS
    ),
    needs="supplier_invoice",
)
register_assertion("erp.awards", "Nothing is awarded beyond its line", AWARDS, needs="award")
