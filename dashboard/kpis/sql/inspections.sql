-- One row per received line, by the month it came in: how much of it was rejected.
SELECT
    rl.id AS record_id,
    rl.org_id,
    date_trunc('month', timezone(g.time_zone, r.received_at))::date AS month,
    o.supplier_id AS subject_id,
    coalesce(p.category_id, s.category_id, 0) AS category_id,
    coalesce(s.region, '') AS region,
    NULL::int AS bin,
    CASE WHEN r.received_at > %(as_of)s::timestamptz THEN r.received_at END AS due_at,
    CASE WHEN why.quality = '' THEN rl.received END AS received,
    CASE WHEN why.quality = '' THEN rl.rejected END AS rejected,
    CASE WHEN why.quality = '' THEN (rl.rejected = 0)::int END AS clean,
    CASE WHEN why.quality = '' THEN 1 END AS inspected,
    why.quality AS defect_ppm_why,
    why.quality AS clean_deliveries_why
FROM receipt_line AS rl
JOIN receipt AS r ON r.id = rl.receipt_id
JOIN purchase_order_line AS l ON l.id = rl.order_line_id
JOIN purchase_order AS o ON o.id = l.order_id
JOIN organization AS g ON g.id = rl.org_id
JOIN supplier AS s ON s.id = o.supplier_id
LEFT JOIN product AS p ON p.id = l.product_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN r.received_at > %(as_of)s::timestamptz THEN 'excluded: received later' ELSE '' END AS quality
) AS why
