-- One row per award of a line to a bid, by the month of the award, whose day is the one of all exchange rates.
WITH settings AS (
    SELECT * FROM jsonb_to_recordset(%(parameters)s::jsonb) AS s (org_id bigint, savings_baseline text)
)
SELECT
    a.id AS record_id,
    r.org_id,
    date_trunc('month', at.moment)::date AS month,
    q.supplier_id AS subject_id,
    coalesce(p.category_id, r.category_id, s.category_id, 0) AS category_id,
    coalesce(s.region, '') AS region,
    NULL::int AS bin,
    CASE WHEN why.value = 'pending: awarded after this moment' THEN coalesce(r.awarded_at, a.created_at) END AS due_at,
    CASE WHEN why.value = '' THEN worth.given END AS awarded_value,
    CASE WHEN why.value = '' THEN 1 END AS award_count,
    CASE WHEN why.savings = '' THEN worth.given END AS compared_value,
    CASE WHEN why.savings = '' THEN worth.baseline END AS baseline_value,
    CASE WHEN why.savings = '' THEN worth.baseline - worth.given END AS saved,
    CASE WHEN why.savings = '' THEN 1 END AS compared,
    why.savings AS savings_why,
    why.savings AS saved_amount_why,
    why.value AS awarded_value_why
FROM award AS a
JOIN rfq_line AS l ON l.id = a.rfq_line_id
JOIN rfq AS r ON r.id = l.rfq_id
JOIN organization AS g ON g.id = r.org_id
JOIN quote_line AS b ON b.id = a.quote_line_id
JOIN quote AS q ON q.id = b.quote_id
JOIN supplier AS s ON s.id = q.supplier_id
LEFT JOIN product AS p ON p.id = l.product_id
LEFT JOIN settings AS v ON v.org_id = r.org_id
CROSS JOIN LATERAL (
    SELECT
        coalesce(v.savings_baseline, 'target') AS baseline,
        timezone(g.time_zone, coalesce(r.awarded_at, a.created_at)) AS moment,
        timezone(g.time_zone, coalesce(r.awarded_at, a.created_at))::date AS day
) AS at
-- What prices are compared with: a price, its currency, and how many prices it was made of.
LEFT JOIN LATERAL (
    SELECT l.target_price AS price, r.currency, 1 AS prices WHERE at.baseline = 'target'
    UNION ALL
    SELECT avg(o.price), g.base_currency, count(o.price)::int
    FROM (
        SELECT ob.unit_price * CASE
            WHEN oq.currency = g.base_currency THEN 1 ELSE exchange_rate(oq.currency, g.base_currency, at.day)
        END AS price
        FROM quote_line AS ob
        JOIN quote AS oq ON oq.id = ob.quote_id
        WHERE ob.rfq_line_id = l.id
            AND NOT ob.no_bid
            AND oq.status NOT IN ('draft', 'withdrawn')
            AND oq.deleted_at IS NULL
            AND coalesce(oq.submitted_at, oq.created_at) <= %(as_of)s::timestamptz
    ) AS o
    WHERE at.baseline = 'mean bid'
    HAVING at.baseline = 'mean bid'
    UNION ALL
    (
        SELECT ol.unit_price, od.currency, 1
        FROM purchase_order_line AS ol
        JOIN purchase_order AS od ON od.id = ol.order_id
        WHERE at.baseline = 'last paid'
            AND ol.product_id = l.product_id
            AND od.org_id = r.org_id
            AND od.ordered_on < at.day
            AND od.rfq_id IS DISTINCT FROM r.id
            AND od.deleted_at IS NULL
            AND od.status IN ('sent', 'acknowledged', 'part_received', 'received', 'closed')
        ORDER BY od.ordered_on DESC, ol.id DESC
        LIMIT 1
    )
) AS base ON TRUE
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN q.currency = g.base_currency THEN 1 ELSE exchange_rate(q.currency, g.base_currency, at.day) END
            AS given,
        CASE
            WHEN base.currency = g.base_currency THEN 1 ELSE exchange_rate(base.currency, g.base_currency, at.day)
        END AS baseline,
        CASE WHEN g.base_currency = %(currency)s THEN 1 ELSE exchange_rate(g.base_currency, %(currency)s, at.day) END
            AS shown
    OFFSET 0 -- asks for each rate once, not wherever it is named
) AS rate
CROSS JOIN LATERAL (
    SELECT
        round(b.unit_price * rate.given * rate.shown * a.quantity, 6) AS given,
        round(base.price * rate.baseline * rate.shown * a.quantity, 6) AS baseline
    OFFSET 0
) AS worth
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.deleted_at IS NOT NULL THEN 'excluded: the request was deleted'
        WHEN r.status = 'cancelled' THEN 'excluded: the request was cancelled'
        WHEN coalesce(r.awarded_at, a.created_at) > %(as_of)s::timestamptz THEN 'pending: awarded after this moment'
        WHEN r.status NOT IN ('awarded', 'closed') THEN 'pending: the request is not awarded'
        WHEN b.unit_price IS NULL THEN 'excluded: the bid has no price'
        WHEN rate.given IS NULL
            THEN 'excluded: no exchange rate from ' || q.currency || ' to ' || g.base_currency || ' on ' || at.day
        WHEN rate.shown IS NULL
            THEN 'excluded: no exchange rate from ' || g.base_currency || ' to ' || %(currency)s || ' on ' || at.day
        ELSE ''
    END AS value
    OFFSET 0
) AS value_why
CROSS JOIN LATERAL (
    SELECT
        value_why.value,
        CASE
            WHEN value_why.value <> '' THEN value_why.value
            WHEN at.baseline = 'target' AND base.price IS NULL THEN 'excluded: the line has no target price'
            WHEN at.baseline = 'mean bid' AND coalesce(base.prices, 0) < 2 THEN 'excluded: fewer than two bids'
            WHEN base.price IS NULL THEN 'excluded: no earlier order of the product'
            WHEN worth.baseline IS NULL
                THEN 'excluded: no exchange rate from ' || base.currency || ' to ' || g.base_currency || ' on ' || at.day
            WHEN base.price = 0 THEN 'excluded: the baseline is 0'
            ELSE ''
        END AS savings
    OFFSET 0
) AS why
