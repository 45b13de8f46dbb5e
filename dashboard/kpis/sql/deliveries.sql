-- One row per line of an order, by the month it was promised for. Days are those of the organization's calendar.
WITH settings AS (
    SELECT * FROM jsonb_to_recordset(%(parameters)s::jsonb)
    AS s (org_id bigint, otif_tolerance int, otif_full numeric, lead_kept_window int)
)
SELECT
    l.id AS record_id,
    o.org_id,
    date_trunc('month', day.of_month)::date AS month,
    o.supplier_id AS subject_id,
    coalesce(p.category_id, s.category_id, 0) AS category_id,
    coalesce(s.region, '') AS region,
    NULL::int AS bin,
    least(
        timezone(g.time_zone, least(
            CASE WHEN why.otif LIKE 'pending: due%%' THEN l.promised_on + day.tolerance END,
            CASE WHEN state.is_out = 'excluded: ordered later' THEN o.ordered_on END,
            paper.next_on
        )::timestamp),
        came.next_at
    ) AS due_at,
    CASE WHEN why.otif = '' THEN (came.in_time >= l.quantity * day.full / 100)::int END AS otif_hits,
    CASE WHEN why.otif = '' THEN 1 END AS otif_lines,
    CASE WHEN why.lead = '' THEN lead.gap END AS lead_gap,
    CASE WHEN why.lead = '' THEN lead.gap * lead.gap END AS lead_squares,
    CASE WHEN why.lead = '' THEN 1 END AS lead_lines,
    CASE WHEN why.lead = '' THEN (abs(lead.gap) <= day.window)::int END AS lead_hits,
    CASE WHEN why.accuracy = '' THEN coalesce(paper.is_accurate, FALSE)::int END AS accurate,
    CASE WHEN why.accuracy = '' THEN 1 END AS closed,
    why.otif AS otif_why,
    why.lead AS lead_bias_why,
    why.lead AS lead_variability_why,
    why.lead AS lead_kept_why,
    why.accuracy AS po_accuracy_why,
    why.otif AS reliability_why
FROM purchase_order_line AS l
JOIN purchase_order AS o ON o.id = l.order_id
JOIN organization AS g ON g.id = o.org_id
JOIN supplier AS s ON s.id = o.supplier_id
LEFT JOIN product AS p ON p.id = l.product_id
LEFT JOIN award AS a ON a.id = l.award_id
LEFT JOIN quote_line AS bid ON bid.id = a.quote_line_id
LEFT JOIN quote AS q ON q.id = o.quote_id
LEFT JOIN settings AS v ON v.org_id = o.org_id
CROSS JOIN LATERAL (
    SELECT
        timezone(g.time_zone, %(as_of)s::timestamptz)::date AS today,
        coalesce(l.promised_on, o.ordered_on, timezone(g.time_zone, l.created_at)::date) AS of_month,
        coalesce(v.otif_tolerance, 0) AS tolerance,
        coalesce(v.otif_full, 100) AS full,
        coalesce(v.lead_kept_window, 3) AS window
    OFFSET 0
) AS day
CROSS JOIN LATERAL (
    -- What was accepted in time and in all; the day on which the ordered quantity had come, and the last day.
    SELECT
        coalesce(sum(r.accepted) FILTER (WHERE r.is_past AND r.came_on <= l.promised_on + day.tolerance), 0) AS in_time,
        coalesce(sum(r.accepted) FILTER (WHERE r.is_past), 0) AS accepted,
        min(r.came_on) FILTER (WHERE r.is_past AND r.so_far >= l.quantity) AS complete_on,
        max(r.came_on) FILTER (WHERE r.is_past) AS last_on,
        min(r.received_at) FILTER (WHERE NOT r.is_past) AS next_at
    FROM (
        SELECT
            rl.received - rl.rejected AS accepted,
            r.received_at,
            timezone(g.time_zone, r.received_at)::date AS came_on,
            r.received_at <= %(as_of)s::timestamptz AS is_past,
            sum(rl.received) OVER (ORDER BY r.received_at, rl.id) AS so_far
        FROM receipt_line AS rl
        JOIN receipt AS r ON r.id = rl.receipt_id
        WHERE rl.order_line_id = l.id
    ) AS r
) AS came
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN came.complete_on IS NOT NULL THEN came.complete_on
            WHEN o.status = 'closed' THEN came.last_on
        END - o.ordered_on - coalesce(bid.lead_days, q.lead_time_days, l.promised_on - o.ordered_on) AS gap
) AS lead
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN o.status = 'cancelled' THEN 'excluded: the order was cancelled'
        WHEN o.status IN ('draft', 'to_approve', 'approved') OR o.deleted_at IS NOT NULL THEN 'excluded: not sent'
        WHEN o.ordered_on > day.today AND came.last_on IS NULL THEN 'excluded: ordered later'
        ELSE ''
    END AS is_out
) AS state
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN state.is_out <> '' THEN state.is_out
            WHEN l.promised_on IS NULL THEN 'excluded: no day was promised'
            WHEN l.promised_on + day.tolerance > day.today
                THEN 'pending: due ' || (l.promised_on + day.tolerance)::text
            ELSE ''
        END AS otif,
        CASE
            WHEN state.is_out <> '' THEN state.is_out
            WHEN o.ordered_on IS NULL THEN 'excluded: no day of the order'
            WHEN lead.gap IS NOT NULL THEN ''
            WHEN bid.lead_days IS NULL AND q.lead_time_days IS NULL AND l.promised_on IS NULL
                THEN 'excluded: no lead time was quoted'
            WHEN o.status = 'closed' THEN 'excluded: closed with nothing received'
            ELSE 'pending: not received in full'
        END AS lead,
        CASE
            WHEN state.is_out <> '' THEN state.is_out
            WHEN o.status <> 'closed' THEN 'pending: the order is not closed'
            ELSE ''
        END AS accuracy
    OFFSET 0
) AS why
CROSS JOIN LATERAL (
    -- Unamended since it was sent, and order, receipts and invoices agree; see dashboard/erp/invoicing.
    SELECT
        bills.quantity BETWEEN 0.000001
            AND least(came.accepted, l.quantity) * (1 + g.quantity_tolerance_percent / 100)
        AND bills.do_match
        AND NOT EXISTS (
            SELECT FROM row_history AS h
            WHERE h.table_name = 'purchase_order_line' AND h.record_id = l.id AND h.operation = 'U'
                AND h.at > o.sent_at AND h.at <= %(as_of)s::timestamptz
                AND h.old ?| ARRAY['quantity', 'unit_price', 'promised_on', 'product_id']
        ) AS is_accurate,
        bills.next_on
    FROM (
        SELECT
            coalesce(sum(b.quantity) FILTER (WHERE i.invoiced_on <= day.today), 0) AS quantity,
            bool_and(
                abs(b.unit_price - l.unit_price) <= l.unit_price * g.price_tolerance_percent / 100
                AND i.currency = o.currency AND i.supplier_id = o.supplier_id
            ) FILTER (WHERE i.invoiced_on <= day.today) AS do_match,
            min(i.invoiced_on) FILTER (WHERE i.invoiced_on > day.today) AS next_on
        FROM invoice_line AS b
        JOIN supplier_invoice AS i ON i.id = b.invoice_id
        WHERE b.order_line_id = l.id AND i.deleted_at IS NULL AND i.status <> 'void' AND why.accuracy = ''
    ) AS bills
) AS paper
