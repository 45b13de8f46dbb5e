-- One row per line of a quote, by the month the quote was submitted in. The bids of a line are compared in the
-- organization's currency, all at the rate of the day the request was sent: a late bid is not dearer for its day.
WITH settings AS (
    SELECT * FROM jsonb_to_recordset(%(parameters)s::jsonb) AS s (org_id bigint, price_index_fewest int)
)
SELECT
    b.id AS record_id,
    r.org_id,
    date_trunc('month', timezone(g.time_zone, at.submitted))::date AS month,
    q.supplier_id AS subject_id,
    coalesce(p.category_id, r.category_id, s.category_id, 0) AS category_id,
    coalesce(s.region, '') AS region,
    CASE WHEN why.index = '' THEN least(round(own.index * 100), 10000)::int END AS bin,
    CASE
        WHEN why.bid LIKE 'pending: sealed until%%' THEN k.opens_at
        WHEN why.bid LIKE 'pending: submitted%%' THEN at.submitted
    END AS due_at,
    CASE WHEN why.index = '' THEN own.index END AS index_sum,
    CASE WHEN why.index = '' THEN 1 END AS index_bids,
    CASE WHEN why.level = '' THEN 1 END AS level_bids,
    CASE WHEN why.level = '' THEN round(own.price * worth.shown * b.quantity, 6) END AS level_bid_value,
    CASE WHEN why.level = '' THEN round(p.standard_cost * worth.standard * worth.shown * b.quantity, 6) END
        AS level_standard_value,
    why.index AS price_index_why,
    why.level AS price_level_why,
    why.index AS price_outliers_why
FROM quote_line AS b
JOIN quote AS q ON q.id = b.quote_id
JOIN rfq AS r ON r.id = q.rfq_id
JOIN organization AS g ON g.id = r.org_id
JOIN supplier AS s ON s.id = q.supplier_id
JOIN rfq_line AS l ON l.id = b.rfq_line_id
LEFT JOIN product AS p ON p.id = l.product_id
LEFT JOIN rfq_seal AS k ON k.rfq_id = r.id
LEFT JOIN settings AS v ON v.org_id = r.org_id
CROSS JOIN LATERAL (
    SELECT
        coalesce(q.submitted_at, q.created_at) AS submitted,
        timezone(g.time_zone, coalesce(r.sent_at, r.created_at))::date AS day
    OFFSET 0
) AS at
-- All bids of the line in order of price, and the middle: the mean of the two middle ones where their number is
-- even, exact as a numeric. It names nothing but the line, so that the planner may keep it for the line's next bid.
-- The rate is exchange_rate() written out: called for each bid of each line it would take most of the time.
CROSS JOIN LATERAL (
    SELECT
        ranked.ids,
        ranked.prices,
        cardinality(ranked.prices) AS bids,
        (ranked.prices[(cardinality(ranked.prices) + 1) / 2] + ranked.prices[cardinality(ranked.prices) / 2 + 1]) / 2
            AS median
    FROM (
        SELECT
            array_agg(o.id ORDER BY o.price) FILTER (WHERE o.price IS NOT NULL) AS ids,
            array_agg(o.price ORDER BY o.price) FILTER (WHERE o.price IS NOT NULL) AS prices
        FROM (
            SELECT ob.id, ob.unit_price * CASE WHEN oq.currency = day.base_currency THEN 1 ELSE coalesce(
                (SELECT fx.rate FROM fx_rate AS fx
                 WHERE fx.from_currency = oq.currency AND fx.to_currency = day.base_currency AND fx.on_date <= day.sent
                 ORDER BY fx.on_date DESC LIMIT 1),
                1 / (SELECT fx.rate FROM fx_rate AS fx
                     WHERE fx.from_currency = day.base_currency AND fx.to_currency = oq.currency
                         AND fx.on_date <= day.sent
                     ORDER BY fx.on_date DESC LIMIT 1)
            ) END AS price
            FROM (
                SELECT lg.base_currency, timezone(lg.time_zone, coalesce(lr.sent_at, lr.created_at))::date AS sent
                FROM rfq_line AS ll
                JOIN rfq AS lr ON lr.id = ll.rfq_id
                JOIN organization AS lg ON lg.id = lr.org_id
                WHERE ll.id = b.rfq_line_id
                OFFSET 0
            ) AS day
            CROSS JOIN quote_line AS ob
            JOIN quote AS oq ON oq.id = ob.quote_id
            WHERE ob.rfq_line_id = b.rfq_line_id
                AND ob.unit_price IS NOT NULL
                AND NOT ob.no_bid
                AND oq.status NOT IN ('draft', 'withdrawn')
                AND oq.deleted_at IS NULL
                AND coalesce(oq.submitted_at, oq.created_at) <= %(as_of)s::timestamptz
            OFFSET 0
        ) AS o
    ) AS ranked
    OFFSET 0
) AS line
-- From the product's currency to the organization's, and from there to the one shown. OFFSET 0 keeps the planner
-- from writing these expressions, and so asking for the rates, into every place that names them.
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN p.currency = g.base_currency THEN 1 ELSE exchange_rate(p.currency, g.base_currency, at.day) END
            AS standard,
        CASE WHEN g.base_currency = %(currency)s THEN 1 ELSE exchange_rate(g.base_currency, %(currency)s, at.day) END
            AS shown
    OFFSET 0
) AS worth
CROSS JOIN LATERAL (
    SELECT mine.price, round(mine.price / nullif(line.median, 0), 6) AS index
    FROM (SELECT line.prices[array_position(line.ids, b.id)] AS price) AS mine
    OFFSET 0
) AS own
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN q.deleted_at IS NOT NULL THEN 'excluded: the quote was deleted'
        WHEN r.deleted_at IS NOT NULL THEN 'excluded: the request was deleted'
        WHEN r.status = 'cancelled' THEN 'excluded: the request was cancelled'
        WHEN q.status = 'withdrawn' THEN 'excluded: the quote was withdrawn'
        WHEN q.status = 'draft' THEN 'pending: the quote is not submitted'
        WHEN at.submitted > %(as_of)s::timestamptz THEN 'pending: submitted after this moment'
        WHEN k.opens_at > least(%(as_of)s::timestamptz, statement_timestamp()) -- also when asked for a day to come
            THEN 'pending: sealed until ' || to_char(timezone(g.time_zone, k.opens_at), 'YYYY-MM-DD HH24:MI')
        WHEN r.sealed AND k.rfq_id IS NULL THEN 'pending: sealed until the request is sent'
        WHEN b.no_bid THEN 'excluded: no bid on this line'
        WHEN b.unit_price IS NULL AND b.sealed_price_at IS NOT NULL THEN 'pending: opened, not yet taken over'
        WHEN b.unit_price IS NULL THEN 'excluded: no price'
        WHEN own.price IS NULL
            THEN 'excluded: no exchange rate from ' || q.currency || ' to ' || g.base_currency || ' on ' || at.day
        ELSE ''
    END AS bid
    OFFSET 0
) AS bid_why
CROSS JOIN LATERAL (
    SELECT
        bid_why.bid,
        CASE
            WHEN bid_why.bid <> '' THEN bid_why.bid
            WHEN line.bids < coalesce(v.price_index_fewest, 3)
                THEN 'excluded: fewer than ' || coalesce(v.price_index_fewest, 3) || ' bids on the line'
            WHEN line.median = 0 THEN 'excluded: the median bid is 0'
            ELSE ''
        END AS index,
        CASE
            WHEN bid_why.bid <> '' THEN bid_why.bid
            WHEN p.id IS NULL THEN 'excluded: the line names no product'
            WHEN p.standard_cost = 0 THEN 'excluded: the product has no standard cost'
            WHEN worth.standard IS NULL
                THEN 'excluded: no exchange rate from ' || p.currency || ' to ' || g.base_currency || ' on ' || at.day
            WHEN worth.shown IS NULL
                THEN 'excluded: no exchange rate from ' || g.base_currency || ' to ' || %(currency)s || ' on ' || at.day
            ELSE ''
        END AS level
    OFFSET 0
) AS why
