-- One row per request, by the month it was sent in; a draft by the month it was made in.
SELECT
    r.id AS record_id,
    r.org_id,
    date_trunc('month', timezone(g.time_zone, coalesce(r.sent_at, r.created_at)))::date AS month,
    0::bigint AS subject_id,
    coalesce(r.category_id, 0) AS category_id,
    '' AS region,
    NULL::int AS bin,
    CASE
        WHEN why.sent LIKE 'pending:%%' THEN r.sent_at
        WHEN why.bidding LIKE 'pending: until%%' THEN r.deadline
    END AS due_at,
    CASE WHEN why.sent = '' THEN 1 END AS sent,
    CASE WHEN why.sent = '' THEN (came.quotes > 0 OR stage.is_awarded)::int END AS quoted,
    CASE WHEN why.sent = '' THEN stage.is_awarded::int END AS awarded,
    CASE WHEN why.sent = '' THEN (stage.is_awarded AND EXISTS (
        SELECT FROM purchase_order AS o
        WHERE o.rfq_id = r.id AND o.deleted_at IS NULL
            AND o.status IN ('sent', 'acknowledged', 'part_received', 'received', 'closed')
            AND coalesce(o.sent_at, o.created_at) <= %(as_of)s::timestamptz
    ))::int END AS ordered,
    CASE WHEN why.sent = '' THEN (r.status = 'cancelled')::int END AS cancelled,
    CASE WHEN why.bidding = '' THEN (came.quotes = 1)::int END AS single_bids,
    CASE WHEN why.bidding = '' THEN 1 END AS decided,
    CASE WHEN why.bidding = '' THEN came.quotes END AS offers,
    why.sent AS rfqs_sent_why,
    why.sent AS rfqs_quoted_why,
    why.sent AS rfqs_awarded_why,
    why.sent AS rfqs_ordered_why,
    why.sent AS rfqs_cancelled_why,
    why.bidding AS single_bid_why,
    why.bidding AS quotes_per_request_why
FROM rfq AS r
JOIN organization AS g ON g.id = r.org_id
-- One that came in awarded has no moment of its award: it is taken as awarded when it was sent.
CROSS JOIN LATERAL (
    SELECT
        r.status IN ('awarded', 'closed')
        AND coalesce(r.awarded_at, r.sent_at, r.created_at) <= %(as_of)s::timestamptz AS is_awarded
) AS stage
CROSS JOIN LATERAL (
    SELECT count(*) AS quotes
    FROM quote AS q
    WHERE q.rfq_id = r.id AND q.deleted_at IS NULL AND q.status NOT IN ('draft', 'withdrawn')
        AND coalesce(q.submitted_at, q.created_at) <= %(as_of)s::timestamptz
) AS came
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.deleted_at IS NOT NULL THEN 'excluded: deleted'
        WHEN r.status = 'draft' THEN 'pending: not sent'
        WHEN r.sent_at IS NULL THEN 'excluded: never sent'
        WHEN r.sent_at > %(as_of)s::timestamptz THEN 'pending: sent after this moment'
        ELSE ''
    END AS sent
) AS sending
CROSS JOIN LATERAL (
    SELECT
        sending.sent,
        CASE
            WHEN sending.sent <> '' THEN sending.sent
            WHEN r.status = 'cancelled' THEN 'excluded: cancelled'
            WHEN NOT stage.is_awarded AND r.early_close_reason IS NULL AND r.deadline IS NULL
                THEN 'pending: no deadline'
            WHEN NOT stage.is_awarded AND r.early_close_reason IS NULL AND r.deadline > %(as_of)s::timestamptz
                THEN 'pending: until ' || to_char(timezone(g.time_zone, r.deadline), 'YYYY-MM-DD HH24:MI')
            WHEN came.quotes = 0 THEN 'excluded: nobody made an offer'
            ELSE ''
        END AS bidding
) AS why
