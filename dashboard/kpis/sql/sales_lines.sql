-- One row per line of a customer's order, by the month it was shipped in; what was not stands in the month it is
-- promised for, or was ordered in. The cost at shipment is in the organization's currency, as costs of stock are.
SELECT
    l.id AS record_id,
    o.org_id,
    date_trunc('month', coalesce(day.shipped, o.promised_on, o.ordered_on, day.made))::date AS month,
    o.customer_id AS subject_id,
    coalesce(p.category_id, 0) AS category_id,
    '' AS region,
    NULL::int AS bin,
    CASE WHEN o.shipped_at > %(as_of)s::timestamptz THEN o.shipped_at END AS due_at,
    CASE WHEN why.revenue = '' THEN line.amount * rate.of_order END AS revenue,
    CASE WHEN why.revenue = '' THEN 1 END AS sold_lines,
    CASE WHEN why.margin = '' THEN line.amount * rate.of_order - l.quantity * l.unit_cost * rate.of_base END AS margin,
    CASE WHEN why.margin = '' THEN line.amount * rate.of_order END AS costed_revenue,
    CASE WHEN why.margin = '' THEN 1 END AS costed_lines,
    why.revenue AS revenue_why,
    why.margin AS margin_why,
    why.margin AS margin_share_why
FROM sales_order_line AS l
JOIN sales_order AS o ON o.id = l.order_id
JOIN organization AS g ON g.id = o.org_id
LEFT JOIN product AS p ON p.id = l.product_id
LEFT JOIN currency AS c ON c.code = o.currency
CROSS JOIN LATERAL (
    SELECT
        timezone(g.time_zone, o.shipped_at)::date AS shipped,
        timezone(g.time_zone, o.created_at)::date AS made
) AS day
CROSS JOIN LATERAL (SELECT round(l.amount, coalesce(c.decimals, 2)) AS amount) AS line
CROSS JOIN LATERAL (
    SELECT exchange_rate(g.base_currency, %(currency)s, day.shipped) AS of_base
) AS base
CROSS JOIN LATERAL (
    SELECT
        base.of_base,
        CASE
            WHEN o.currency = g.base_currency THEN base.of_base
            -- the order's own rate where the table has none; 1 between two currencies was never set
            ELSE coalesce(exchange_rate(o.currency, g.base_currency, day.shipped), nullif(o.fx_rate, 1)) * base.of_base
        END AS of_order
) AS rate
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN o.deleted_at IS NOT NULL THEN 'excluded: the order was deleted'
        WHEN o.status = 'cancelled' THEN 'excluded: the order was cancelled'
        WHEN o.status = 'draft' THEN 'excluded: the order is a draft'
        WHEN o.status = 'confirmed' OR o.shipped_at > %(as_of)s::timestamptz THEN 'pending: not shipped yet'
        WHEN o.shipped_at IS NULL THEN 'excluded: nobody noted when it was shipped'
        WHEN rate.of_order IS NULL THEN 'excluded: no exchange rate from ' || o.currency
        ELSE ''
    END AS revenue
) AS first_why
CROSS JOIN LATERAL (
    SELECT
        first_why.revenue,
        CASE
            WHEN first_why.revenue <> '' THEN first_why.revenue
            WHEN l.unit_cost IS NULL THEN 'excluded: its cost at shipment is not known'
            ELSE ''
        END AS margin
) AS why
