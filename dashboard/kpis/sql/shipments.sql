-- One row per customer's order, by the month it was promised for, else ordered in. Days are those of the organization's calendar.
WITH settings AS (
    SELECT * FROM jsonb_to_recordset(%(parameters)s::jsonb) AS s (org_id bigint, on_time_shipment_tolerance numeric)
)

SELECT
    o.id AS record_id,
    o.org_id,
    date_trunc('month', coalesce(o.promised_on, o.ordered_on, timezone(g.time_zone, o.created_at)::date))::date AS month,
    o.customer_id AS subject_id,
    0::bigint AS category_id,
    '' AS region,
    NULL::int AS bin,
    CASE
        WHEN why.late LIKE 'pending: due%%' THEN timezone(g.time_zone, (o.promised_on + due.tolerance)::timestamp)
    END AS due_at,
    CASE WHEN why.late = '' THEN coalesce(due.shipped <= o.promised_on + due.tolerance, FALSE)::int END AS on_time,
    CASE WHEN why.late = '' THEN 1 END AS promised,
    why.late AS on_time_shipment_why
FROM sales_order AS o
JOIN organization AS g ON g.id = o.org_id
LEFT JOIN settings AS v ON v.org_id = o.org_id
CROSS JOIN LATERAL (
    SELECT
        timezone(g.time_zone, %(as_of)s::timestamptz)::date AS today,
        CASE
            WHEN o.shipped_at <= %(as_of)s::timestamptz THEN timezone(g.time_zone, o.shipped_at)::date
        END AS shipped,
        coalesce(v.on_time_shipment_tolerance, 0)::int AS tolerance
) AS due
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN o.deleted_at IS NOT NULL THEN 'excluded: the order was deleted'
        WHEN o.status = 'cancelled' THEN 'excluded: the order was cancelled'
        WHEN o.status = 'draft' THEN 'excluded: the order is a draft'
        WHEN o.promised_on IS NULL THEN 'excluded: no day was promised'
        WHEN o.status IN ('shipped', 'closed') AND o.shipped_at IS NULL
            THEN 'excluded: nobody noted when it was shipped'
        WHEN o.promised_on + due.tolerance > due.today
            THEN 'pending: due ' || (o.promised_on + due.tolerance)::text
        ELSE ''
    END AS late
) AS why
