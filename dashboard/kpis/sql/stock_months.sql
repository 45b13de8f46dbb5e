-- One row per balance (a product in a warehouse) and month, from its first move on. The value at the end of a month is
-- that of the balance less what later moves did to it; the value at the end of each day follows in the same way. All
-- of today counts.
-- record_id = balance * 1000 + months since January 2000.
WITH months AS MATERIALIZED (
    SELECT
        g.id AS org_id,
        c.n,
        c.first_day,
        timezone(g.time_zone, c.first_day::timestamp) AS starts_at,
        least(
            timezone(g.time_zone, (c.first_day + interval '1 month')),
            timezone(g.time_zone, (c.today + 1)::timestamp)
        ) AS ends_at,
        greatest(least((c.first_day + interval '1 month')::date - 1, c.today) - c.first_day + 1, 0) AS days,
        c.today < (c.first_day + interval '1 month')::date AS is_open,
        c.today,
        g.time_zone,
        g.base_currency,
        exchange_rate(
            g.base_currency, %(currency)s, least((c.first_day + interval '1 month')::date - 1, c.today)
        ) AS rate
    FROM organization AS g
    CROSS JOIN LATERAL (
        SELECT
            n,
            make_date(2000 + n / 12, n %% 12 + 1, 1) AS first_day,
            timezone(g.time_zone, %(as_of)s::timestamptz)::date AS today
        FROM (
            SELECT
                timezone('UTC', (SELECT min(moved_at) FROM stock_move)) - interval '12 hours' AS since,
                -- a month has begun for all when it has begun anywhere
                timezone('UTC', %(as_of)s::timestamptz) + interval '14 hours' AS until
        ) AS span
        CROSS JOIN LATERAL generate_series(
            greatest((extract(year FROM span.since) * 12 + extract(month FROM span.since))::int - 24001, 0),
            (extract(year FROM span.until) * 12 + extract(month FROM span.until))::int - 24001
        ) AS n
    ) AS c
)
SELECT
    b.id * 1000 + c.n AS record_id,
    b.org_id,
    c.first_day AS month,
    b.product_id AS subject_id,
    coalesce(p.category_id, 0) AS category_id,
    '' AS region,
    NULL::int AS bin,
    CASE WHEN c.is_open THEN timezone(c.time_zone, greatest(c.today + 1, c.first_day)::timestamp) END AS due_at,
    (b.quantity * b.average_cost - moved.later) * c.rate AS value_at_end,
    ((b.quantity * b.average_cost - moved.later) * c.days - moved.before) * c.rate AS value_days,
    moved.shipped * c.rate AS shipped_cost,
    CASE WHEN c.rate IS NOT NULL THEN 1 END AS counted,
    why.rate AS stock_value_why,
    why.rate AS shipped_cost_why,
    why.rate AS stock_turnover_why,
    why.rate AS stock_days_why
FROM stock_balance AS b
JOIN months AS c ON c.org_id = b.org_id
JOIN product AS p ON p.id = b.product_id
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(m.value) FILTER (WHERE m.moved_at >= c.ends_at), 0) AS later,
        -- what moved on the third was not there on two days
        coalesce(
            sum(m.value * (timezone(c.time_zone, m.moved_at)::date - c.first_day))
            FILTER (WHERE m.moved_at < c.ends_at),
            0
        ) AS before,
        -coalesce(sum(m.value) FILTER (WHERE m.moved_at < c.ends_at AND m.source = 'shipment'), 0) AS shipped
    FROM kpi_move AS m
    WHERE m.product_id = b.product_id AND m.warehouse_id = b.warehouse_id
        AND m.moved_at >= least(c.starts_at, c.ends_at)
) AS moved
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN c.rate IS NULL THEN 'excluded: no exchange rate from ' || c.base_currency
        ELSE ''
    END AS rate
) AS why
WHERE EXISTS (
    SELECT FROM kpi_move AS m
    WHERE m.product_id = b.product_id AND m.warehouse_id = b.warehouse_id AND m.moved_at < c.ends_at
)
