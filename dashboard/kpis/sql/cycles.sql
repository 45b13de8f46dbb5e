-- One row per request, by the month it was awarded in; one that is not awarded by the month it was sent in.
SELECT
    r.id AS record_id,
    r.org_id,
    date_trunc('month', timezone(g.time_zone, CASE
        WHEN why.cycle = '' THEN r.awarded_at ELSE coalesce(r.awarded_at, r.sent_at, r.created_at)
    END))::date AS month,
    0::bigint AS subject_id,
    coalesce(r.category_id, 0) AS category_id,
    '' AS region,
    CASE WHEN why.cycle = '' THEN span.hours END AS bin,
    CASE WHEN why.cycle = 'pending: awarded after this moment' THEN r.awarded_at END AS due_at,
    CASE WHEN why.cycle = '' THEN span.hours END AS cycle_hours,
    CASE WHEN why.cycle = '' THEN 1 END AS cycle_rfqs,
    why.cycle AS cycle_time_why
FROM rfq AS r
JOIN organization AS g ON g.id = r.org_id
CROSS JOIN LATERAL (
    SELECT round(extract(epoch FROM r.awarded_at - r.sent_at) / 3600)::int AS hours
) AS span
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN r.deleted_at IS NOT NULL THEN 'excluded: deleted'
        WHEN r.status = 'cancelled' THEN 'excluded: cancelled'
        WHEN r.status = 'draft' THEN 'pending: not sent'
        WHEN r.awarded_at > %(as_of)s::timestamptz THEN 'pending: awarded after this moment'
        WHEN r.status IN ('sent', 'quoted') THEN 'pending: not awarded'
        WHEN r.awarded_at IS NULL THEN 'excluded: nobody knows when it was awarded'
        WHEN r.sent_at IS NULL THEN 'excluded: nobody knows when it was sent'
        ELSE ''
    END AS cycle
) AS why
