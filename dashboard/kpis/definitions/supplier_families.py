"""Families of facts about suppliers: lines promised, goods received, their inspection, invitations sent."""

from dashboard.kpis.families import Family, register

LINES_OF_ORGANIZATION = (
    "SELECT id FROM purchase_order_line WHERE org_id IN"
    " (SELECT record_id FROM changed WHERE old ?| array["
    "'time_zone', 'quantity_tolerance_percent', 'price_tolerance_percent'])"
)
RECEIVED_OF_ORDER = (
    "SELECT rl.id FROM receipt_line rl JOIN purchase_order_line l ON l.id = rl.order_line_id"
    " WHERE l.order_id IN (SELECT record_id FROM changed)"
)
RECEIVED = {
    "receipt_line": "SELECT record_id FROM changed",
    "receipt": "SELECT id FROM receipt_line WHERE receipt_id IN (SELECT record_id FROM changed)",
    "purchase_order_line": (
        "SELECT id FROM receipt_line WHERE order_line_id IN (SELECT record_id FROM changed)"
    ),
    "purchase_order": RECEIVED_OF_ORDER,
    "supplier": (
        "SELECT rl.id FROM receipt_line rl JOIN purchase_order_line l ON l.id = rl.order_line_id"
        " JOIN purchase_order o ON o.id = l.order_id WHERE o.supplier_id IN"
        " (SELECT record_id FROM changed WHERE old ?| array['region', 'category_id'])"
    ),
    "product": (
        "SELECT rl.id FROM receipt_line rl JOIN purchase_order_line l ON l.id = rl.order_line_id"
        " WHERE l.product_id IN"
        " (SELECT record_id FROM changed WHERE old ?| array['category_id', 'standard_cost', 'currency'])"
    ),
    "organization": (
        "SELECT id FROM receipt_line WHERE org_id IN (SELECT record_id FROM changed WHERE old ? 'time_zone')"
    ),
}
RECEIVED_TITLE = (
    "SELECT rl.id, concat(coalesce(o.number, 'Draft order'), ' · ', coalesce(p.sku, l.description), ' · ',"
    " r.reference) AS title, r.id AS open_id FROM receipt_line rl JOIN receipt r ON r.id = rl.receipt_id"
    " JOIN purchase_order_line l ON l.id = rl.order_line_id JOIN purchase_order o ON o.id = l.order_id"
    " LEFT JOIN product p ON p.id = l.product_id WHERE rl.id = ANY(%(records)s)"
)

DELIVERIES = register(
    Family(
        name="deliveries",
        title="Order lines by the month they were promised for",
        entity="purchase_order",
        subject="supplier",
        measures=(
            "otif_hits",
            "otif_lines",
            "lead_gap",
            "lead_squares",
            "lead_lines",
            "lead_hits",
            "accurate",
            "closed",
        ),
        weighed=("otif_lines", "lead_lines"),
        sources={
            "purchase_order_line": "SELECT record_id FROM changed",
            "purchase_order": (
                "SELECT id FROM purchase_order_line WHERE order_id IN (SELECT record_id FROM changed)"
            ),
            "receipt_line": (
                "SELECT order_line_id FROM receipt_line WHERE id IN (SELECT record_id FROM changed)"
                " UNION SELECT (old ->> 'order_line_id')::bigint FROM changed WHERE old ? 'order_line_id'"
            ),
            "receipt": (
                "SELECT order_line_id FROM receipt_line WHERE receipt_id IN (SELECT record_id FROM changed)"
            ),
            "invoice_line": (
                "SELECT order_line_id FROM invoice_line WHERE id IN (SELECT record_id FROM changed)"
                " UNION SELECT (old ->> 'order_line_id')::bigint FROM changed WHERE old ? 'order_line_id'"
            ),
            "supplier_invoice": (
                "SELECT order_line_id FROM invoice_line WHERE invoice_id IN (SELECT record_id FROM changed)"
            ),
            "quote_line": (
                "SELECT l.id FROM purchase_order_line l JOIN award a ON a.id = l.award_id"
                " WHERE a.quote_line_id IN (SELECT record_id FROM changed WHERE old ? 'lead_days')"
            ),
            "quote": (
                "SELECT l.id FROM purchase_order_line l JOIN purchase_order o ON o.id = l.order_id"
                " WHERE o.quote_id IN (SELECT record_id FROM changed WHERE old ? 'lead_time_days')"
            ),
            "supplier": (
                "SELECT l.id FROM purchase_order_line l JOIN purchase_order o ON o.id = l.order_id"
                " WHERE o.supplier_id IN"
                " (SELECT record_id FROM changed WHERE old ?| array['region', 'category_id'])"
            ),
            "product": (
                "SELECT id FROM purchase_order_line WHERE product_id IN"
                " (SELECT record_id FROM changed WHERE old ? 'category_id')"
            ),
            "organization": LINES_OF_ORGANIZATION,
        },
        record_sql=(
            "SELECT l.id, concat(coalesce(o.number, 'Draft order'), ' · ', coalesce(p.sku, l.description))"
            " AS title, o.id AS open_id FROM purchase_order_line l JOIN purchase_order o ON o.id = l.order_id"
            " LEFT JOIN product p ON p.id = l.product_id WHERE l.id = ANY(%(records)s)"
        ),
    )
)

RECEIPTS = register(
    Family(
        name="receipts",
        title="Received lines and their worth, by the month they came in",
        entity="receipt",
        subject="supplier",
        measures=("spend", "managed", "maverick", "spend_lines", "gap", "standard", "priced_lines"),
        squared="spend",
        sources=RECEIVED
        | {
            "fx_rate": (  # a rate holds until the next one; a moved or removed one all later ones
                "SELECT rl.id FROM (SELECT x.on_date, (SELECT min(y.on_date) FROM fx_rate y"
                " WHERE y.from_currency = x.from_currency AND y.to_currency = x.to_currency"
                " AND y.on_date > x.on_date) AS next_on"
                " FROM fx_rate x WHERE x.id IN (SELECT record_id FROM changed)) AS x"
                " JOIN receipt r ON r.received_at >= x.on_date - 2"
                " AND r.received_at < coalesce(x.next_on, 'infinity') + 2"
                " JOIN receipt_line rl ON rl.receipt_id = r.id"
                " UNION SELECT rl.id FROM changed x"
                " JOIN receipt r ON r.received_at >= (x.old ->> 'on_date')::date - 2"
                " JOIN receipt_line rl ON rl.receipt_id = r.id"
            ),
        },
        record_sql=RECEIVED_TITLE,
    )
)

INSPECTIONS = register(
    Family(
        name="inspections",
        title="Received lines and what was rejected of them, by the month they came in",
        entity="receipt",
        subject="supplier",
        measures=("received", "rejected", "clean", "inspected"),
        weighed=("inspected",),
        sources=RECEIVED,
        record_sql=RECEIVED_TITLE,
    )
)

INVITATIONS = register(
    Family(
        name="invitations",
        title="Invitations to quote, by the month they were sent",
        entity="rfq",
        subject="supplier",
        bin_unit="hours",
        measures=("quoted", "invited", "responses"),
        weighed=("invited",),
        sources={
            "rfq_invitation": "SELECT record_id FROM changed",
            "rfq": "SELECT id FROM rfq_invitation WHERE rfq_id IN (SELECT record_id FROM changed)",
            "quote": (
                "SELECT i.id FROM quote q JOIN rfq_invitation i"
                " ON i.rfq_id = q.rfq_id AND i.supplier_id = q.supplier_id"
                " WHERE q.id IN (SELECT record_id FROM changed)"
                " UNION SELECT i.id FROM changed c JOIN rfq_invitation i"
                " ON i.rfq_id = (c.old ->> 'rfq_id')::bigint WHERE c.old ? 'rfq_id'"
                " UNION SELECT i.id FROM changed c JOIN quote q ON q.id = c.record_id"
                " JOIN rfq_invitation i ON i.rfq_id = q.rfq_id WHERE c.old ? 'supplier_id'"
            ),
            "quote_revision": (
                "SELECT i.id FROM quote_revision v JOIN quote q ON q.id = v.quote_id JOIN rfq_invitation i"
                " ON i.rfq_id = q.rfq_id AND i.supplier_id = q.supplier_id"
                " WHERE v.id IN (SELECT record_id FROM changed)"
            ),
            "supplier": (
                "SELECT id FROM rfq_invitation WHERE supplier_id IN"
                " (SELECT record_id FROM changed WHERE old ?| array['region', 'category_id'])"
            ),
            "organization": (
                "SELECT id FROM rfq_invitation WHERE org_id IN"
                " (SELECT record_id FROM changed WHERE old ? 'time_zone')"
            ),
        },
        record_sql=(
            "SELECT i.id, concat(coalesce(r.number, r.title), ' · ', s.name) AS title, r.id AS open_id"
            " FROM rfq_invitation i JOIN rfq r ON r.id = i.rfq_id JOIN supplier s ON s.id = i.supplier_id"
            " WHERE i.id = ANY(%(records)s)"
        ),
    )
)
