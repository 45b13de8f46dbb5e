-- One row per received line, by the month it came in. Days are those of the organization's calendar.
SELECT
    rl.id AS record_id,
    rl.org_id,
    date_trunc('month', came.day)::date AS month,
    o.supplier_id AS subject_id,
    coalesce(p.category_id, s.category_id, 0) AS category_id,
    coalesce(s.region, '') AS region,
    NULL::int AS bin,
    CASE WHEN r.received_at > %(as_of)s::timestamptz THEN r.received_at END AS due_at,
    CASE WHEN why.spend = '' THEN worth.spend END AS spend,
    CASE WHEN why.spend = '' THEN CASE WHEN came.is_managed THEN worth.spend ELSE 0 END END AS managed,
    CASE WHEN why.spend = '' THEN CASE WHEN came.is_managed THEN 0 ELSE worth.spend END END AS maverick,
    CASE WHEN why.spend = '' THEN 1 END AS spend_lines,
    CASE WHEN why.price = '' THEN worth.paid - worth.standard END AS gap,
    CASE WHEN why.price = '' THEN worth.standard END AS standard,
    CASE WHEN why.price = '' THEN 1 END AS priced_lines,
    why.spend AS spend_why,
    why.spend AS spend_under_management_why,
    why.spend AS maverick_spend_why,
    why.spend AS concentration_why,
    why.price AS ppv_why,
    why.price AS ppv_percent_why
FROM receipt_line AS rl
JOIN receipt AS r ON r.id = rl.receipt_id
JOIN purchase_order_line AS l ON l.id = rl.order_line_id
JOIN purchase_order AS o ON o.id = l.order_id
JOIN organization AS g ON g.id = rl.org_id
JOIN supplier AS s ON s.id = o.supplier_id
LEFT JOIN product AS p ON p.id = l.product_id
CROSS JOIN LATERAL (
    SELECT
        timezone(g.time_zone, r.received_at)::date AS day,
        l.award_id IS NOT NULL OR o.quote_id IS NOT NULL AS is_managed
    OFFSET 0
) AS came
-- OFFSET 0: a rate is looked up once per currency and day, not wherever it is named above.
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN o.currency = %(currency)s THEN 1 ELSE exchange_rate(o.currency, %(currency)s, came.day)
    END AS of_order
    OFFSET 0
) AS paid_in
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN p.currency = %(currency)s THEN 1 ELSE exchange_rate(p.currency, %(currency)s, came.day)
    END AS of_product
    OFFSET 0
) AS costed_in
CROSS JOIN LATERAL (
    SELECT paid_in.of_order AS paid, CASE WHEN p.standard_cost > 0 THEN costed_in.of_product END AS standard
) AS rate
CROSS JOIN LATERAL (
    SELECT
        (rl.received - rl.rejected) * l.unit_price * rate.paid AS spend,
        rl.received * l.unit_price * rate.paid AS paid,
        rl.received * p.standard_cost * rate.standard AS standard
) AS worth
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN r.received_at > %(as_of)s::timestamptz THEN 'excluded: received later'
            WHEN rate.paid IS NULL
                THEN concat('excluded: no exchange rate ', o.currency, ' to ', %(currency)s, ' on ', came.day)
            ELSE ''
        END AS spend,
        CASE
            WHEN r.received_at > %(as_of)s::timestamptz THEN 'excluded: received later'
            WHEN l.product_id IS NULL THEN 'excluded: not a product'
            WHEN p.standard_cost = 0 THEN 'excluded: no standard cost'
            WHEN rate.paid IS NULL OR rate.standard IS NULL THEN concat(
                'excluded: no exchange rate ',
                CASE WHEN rate.paid IS NULL THEN o.currency ELSE p.currency END,
                ' to ', %(currency)s, ' on ', came.day
            )
            ELSE ''
        END AS price
) AS why
