-- One row per invitation to quote, by the month it was sent; the bin is the whole hours until the first quote.
SELECT
    i.id AS record_id,
    i.org_id,
    date_trunc('month', timezone(g.time_zone, coalesce(i.invited_at, i.created_at)))::date AS month,
    i.supplier_id AS subject_id,
    coalesce(r.category_id, s.category_id, 0) AS category_id,
    coalesce(s.region, '') AS region,
    CASE WHEN why.time = '' THEN floor(extract(epoch FROM answer.at - i.invited_at) / 3600)::int END AS bin,
    CASE
        WHEN state.is_out = 'excluded: sent later' THEN i.invited_at
        WHEN why.rate LIKE 'pending%%' THEN r.deadline
    END AS due_at,
    CASE WHEN why.rate = '' THEN coalesce(answer.at <= r.deadline, FALSE)::int END AS quoted,
    CASE WHEN why.rate = '' THEN 1 END AS invited,
    CASE WHEN why.time = '' THEN 1 END AS responses,
    why.rate AS response_rate_why,
    why.time AS response_time_why
FROM rfq_invitation AS i
JOIN rfq AS r ON r.id = i.rfq_id
JOIN organization AS g ON g.id = i.org_id
JOIN supplier AS s ON s.id = i.supplier_id
CROSS JOIN LATERAL (
    -- The first time it was submitted: a later revision keeps the earlier moment in its snapshot.
    SELECT min(least(q.submitted_at, first.submitted_at)) AS at
    FROM quote AS q
    LEFT JOIN LATERAL (
        SELECT min((v.snapshot ->> 'submitted_at')::timestamptz) AS submitted_at
        FROM quote_revision AS v
        WHERE v.quote_id = q.id
    ) AS first ON TRUE
    WHERE q.rfq_id = i.rfq_id AND q.supplier_id = i.supplier_id AND q.deleted_at IS NULL
        AND (q.submitted_at <= %(as_of)s::timestamptz OR first.submitted_at <= %(as_of)s::timestamptz)
) AS answer
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN i.invited_at IS NULL OR r.deleted_at IS NOT NULL THEN 'excluded: not sent'
        WHEN i.invited_at > %(as_of)s::timestamptz THEN 'excluded: sent later'
        WHEN r.status = 'cancelled' THEN 'excluded: the request was cancelled'
        ELSE ''
    END AS is_out
) AS state
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN state.is_out <> '' THEN state.is_out
            WHEN r.deadline IS NULL THEN 'excluded: the request has no deadline'
            WHEN r.deadline > %(as_of)s::timestamptz
                THEN 'pending: deadline ' || to_char(timezone(g.time_zone, r.deadline), 'YYYY-MM-DD HH24:MI')
            ELSE ''
        END AS rate,
        CASE
            WHEN state.is_out <> '' THEN state.is_out
            WHEN answer.at IS NULL AND r.deadline > %(as_of)s::timestamptz THEN 'pending: no quote yet'
            WHEN answer.at IS NULL THEN 'excluded: no quote'
            WHEN answer.at < i.invited_at THEN 'excluded: quoted before the invitation'
            ELSE ''
        END AS time
) AS why
