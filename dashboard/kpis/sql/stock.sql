-- One row per product: what lies in all warehouses of its organization, how old it is, and whether to order. All of
-- today counts.
WITH settings AS (
    SELECT * FROM jsonb_to_recordset(%(parameters)s::jsonb) AS s (
        org_id bigint,
        below_reorder_factor numeric,
        below_reorder_days numeric,
        below_reorder_lead_days numeric,
        below_reorder_basis text
    )
),

orgs AS MATERIALIZED (
    SELECT
        g.id,
        g.time_zone,
        g.base_currency,
        timezone(g.time_zone, %(as_of)s::timestamptz)::date AS today,
        exchange_rate(
            g.base_currency, %(currency)s, timezone(g.time_zone, %(as_of)s::timestamptz)::date
        ) AS rate,
        coalesce(v.below_reorder_factor, 1.65) AS factor,
        coalesce(v.below_reorder_days, 90)::int AS demand_days,
        coalesce(v.below_reorder_lead_days, 365)::int AS lead_days,
        coalesce(v.below_reorder_basis, 'computed') AS basis
    FROM organization AS g
    LEFT JOIN settings AS v ON v.org_id = g.id
)

SELECT
    p.id AS record_id,
    p.org_id,
    date_trunc('month', g.today)::date AS month,
    p.id AS subject_id,
    coalesce(p.category_id, 0) AS category_id,
    '' AS region,
    NULL::int AS bin,
    g.tomorrow AS due_at,
    CASE WHEN why.stock_aged = '' THEN held.value * g.rate END AS aged_value,
    CASE WHEN why.stock_aged = '' THEN held.value * aged.age_older / held.quantity * g.rate END AS old_value,
    CASE WHEN why.stock_aged = '' THEN 1 END AS aged_products,
    CASE WHEN why.below_reorder = '' THEN (held.quantity < point.quantity)::int END AS below,
    CASE WHEN why.below_reorder = '' THEN 1 END AS with_point,
    CASE WHEN why.suggested_orders = '' THEN advice.quantity * p.standard_cost * g.cost_rate END AS suggested_value,
    CASE WHEN why.suggested_orders = '' THEN 1 END AS advised,
    why.stock_aged AS stock_aged_why,
    why.below_reorder AS below_reorder_why,
    why.suggested_orders AS suggested_orders_why,
    held.quantity AS on_hand,
    coming.quantity AS on_order,
    held.value * g.rate AS value,
    aged.age_30,
    aged.age_90,
    aged.age_180,
    aged.age_older,
    demand.mean AS daily_mean,
    demand.deviation AS daily_deviation,
    demand.days AS demand_days,
    lead.mean AS lead_mean,
    lead.deviation AS lead_deviation,
    lead.n AS lead_n,
    point.quantity AS reorder_point,
    point.basis,
    advice.quantity AS suggested
FROM product AS p
JOIN orgs AS o ON o.id = p.org_id
CROSS JOIN LATERAL (
    SELECT
        o.*,
        timezone(o.time_zone, (o.today + 1)::timestamp) AS tomorrow,
        CASE
            WHEN p.currency = o.base_currency THEN o.rate
            ELSE exchange_rate(p.currency, %(currency)s, o.today)
        END AS cost_rate
) AS g
CROSS JOIN LATERAL (
    SELECT coalesce(sum(b.quantity), 0) - later.quantity AS quantity,
        coalesce(sum(b.quantity * b.average_cost), 0) - later.value AS value
    FROM (
        SELECT coalesce(sum(m.quantity), 0) AS quantity, coalesce(sum(m.value), 0) AS value
        FROM kpi_move AS m
        WHERE m.product_id = p.id AND m.moved_at >= g.tomorrow
    ) AS later
    LEFT JOIN stock_balance AS b ON b.product_id = p.id
    GROUP BY later.quantity, later.value
) AS held
-- First in, first out: what is there is what came last. A transfer makes nothing younger. What no move brought
-- that is still kept is older than all of them.
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(layer.quantity) FILTER (WHERE layer.age <= 30), 0) AS age_30,
        coalesce(sum(layer.quantity) FILTER (WHERE layer.age BETWEEN 31 AND 90), 0) AS age_90,
        coalesce(sum(layer.quantity) FILTER (WHERE layer.age BETWEEN 91 AND 180), 0) AS age_180,
        greatest(held.quantity, 0) - coalesce(sum(layer.quantity) FILTER (WHERE layer.age <= 180), 0) AS age_older
    FROM (
        SELECT
            g.today - timezone(g.time_zone, m.moved_at)::date AS age,
            greatest(
                least(
                    m.quantity,
                    held.quantity - sum(m.quantity) OVER (ORDER BY m.moved_at DESC, m.move_id DESC) + m.quantity
                ),
                0
            ) AS quantity
        FROM kpi_move AS m
        WHERE m.product_id = p.id AND m.quantity > 0 AND m.source <> 'transfer'
            AND m.moved_at < g.tomorrow
    ) AS layer
) AS aged
-- Whole days before today, those on which nothing was shipped too; none before the first move.
CROSS JOIN LATERAL (
    SELECT
        known.days,
        CASE WHEN known.days > 1 THEN sum(coalesce(day.shipped, 0)) / known.days END AS mean,
        CASE WHEN known.days > 1 THEN sqrt(
            greatest(
                sum(coalesce(day.shipped, 0) ^ 2) - sum(coalesce(day.shipped, 0)) ^ 2 / known.days, 0
            ) / (known.days - 1)
        ) END AS deviation
    FROM (
        SELECT CASE
            WHEN count(*) > 0 THEN least(g.demand_days, g.today - min(timezone(g.time_zone, m.moved_at)::date))
        END AS days
        FROM kpi_move AS m
        WHERE m.product_id = p.id AND m.moved_at < g.tomorrow
    ) AS known
    LEFT JOIN LATERAL (
        SELECT -sum(m.quantity) AS shipped
        FROM kpi_move AS m
        WHERE m.product_id = p.id AND m.source = 'shipment'
            AND m.moved_at >= timezone(g.time_zone, (g.today - known.days)::timestamp)
            AND m.moved_at < timezone(g.time_zone, g.today::timestamp)
        GROUP BY timezone(g.time_zone, m.moved_at)::date
    ) AS day ON TRUE
    GROUP BY known.days
) AS demand
CROSS JOIN LATERAL (
    SELECT
        count(*)::int AS n,
        avg(timezone(g.time_zone, r.received_at)::date - o2.ordered_on) AS mean,
        stddev_samp(timezone(g.time_zone, r.received_at)::date - o2.ordered_on) AS deviation
    FROM purchase_order_line AS l
    JOIN purchase_order AS o2 ON o2.id = l.order_id
    JOIN receipt_line AS rl ON rl.order_line_id = l.id
    JOIN receipt AS r ON r.id = rl.receipt_id
    WHERE l.product_id = p.id AND o2.ordered_on IS NOT NULL
        AND r.received_at < g.tomorrow
        AND timezone(g.time_zone, r.received_at)::date BETWEEN greatest(g.today - g.lead_days, o2.ordered_on) AND g.today
) AS lead
CROSS JOIN LATERAL (
    SELECT coalesce(sum(greatest(l.quantity - came.accepted, 0)), 0) AS quantity
    FROM purchase_order_line AS l
    JOIN purchase_order AS o2 ON o2.id = l.order_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(rl.received - rl.rejected), 0) AS accepted
        FROM receipt_line AS rl
        JOIN receipt AS r ON r.id = rl.receipt_id
        WHERE rl.order_line_id = l.id AND r.received_at < g.tomorrow
    ) AS came
    WHERE l.product_id = p.id AND o2.deleted_at IS NULL
        AND o2.status IN ('sent', 'acknowledged', 'part_received')
) AS coming
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN is_known.computed THEN
                demand.mean * lead.mean
                + g.factor * sqrt(lead.mean * demand.deviation ^ 2 + demand.mean ^ 2 * lead.deviation ^ 2)
            WHEN p.reorder_point > 0 THEN p.reorder_point
        END AS quantity,
        CASE WHEN is_known.computed THEN 'computed' WHEN p.reorder_point > 0 THEN 'declared' ELSE '' END AS basis
    FROM (
        SELECT g.basis = 'computed' AND demand.mean IS NOT NULL AND lead.n > 1 AS computed
    ) AS is_known
) AS point
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN held.quantity + coming.quantity < point.quantity
            THEN greatest(ceil(point.quantity - held.quantity - coming.quantity), p.min_order_qty)
        WHEN point.quantity IS NOT NULL THEN 0
    END AS quantity
) AS advice
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN held.quantity <= 0 THEN 'excluded: nothing in stock'
            WHEN g.rate IS NULL THEN 'excluded: no exchange rate from ' || g.base_currency
            ELSE ''
        END AS stock_aged,
        CASE
            WHEN p.deleted_at IS NOT NULL OR NOT p.is_active THEN 'excluded: the product is not active'
            WHEN point.quantity IS NULL
                THEN 'excluded: no reorder point: too few deliveries or days of demand, and none declared'
            ELSE ''
        END AS below_reorder
) AS first_why
CROSS JOIN LATERAL (
    SELECT
        first_why.stock_aged,
        first_why.below_reorder,
        CASE
            WHEN first_why.below_reorder <> '' THEN first_why.below_reorder
            WHEN advice.quantity > 0 AND g.cost_rate IS NULL
                THEN 'excluded: no exchange rate from ' || p.currency
            ELSE ''
        END AS suggested_orders
) AS why
WHERE p.deleted_at IS NULL OR held.quantity > 0
