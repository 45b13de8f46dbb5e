-- Figures of one supplier over the orders promised, received and quoted since a day; one row. Formulas: README of KPIs.
-- A day is the calendar day of the organization. What has no denominator is NULL.
WITH org AS (
  SELECT id, time_zone, timezone(time_zone, now())::date AS today FROM organization WHERE id = :org_id
),
rules AS (
  SELECT coalesce((SELECT nullif(parameters ->> 'tolerance_days', '')::integer FROM kpi_definition
                   WHERE org_id = :org_id AND code = 'otif' AND deleted_at IS NULL
                     AND parameters ->> 'tolerance_days' ~ '^\d{1,3}$'), 0) AS tolerance,
         coalesce((SELECT nullif(parameters ->> 'full_pct', '')::numeric FROM kpi_definition
                   WHERE org_id = :org_id AND code = 'otif' AND deleted_at IS NULL
                     AND parameters ->> 'full_pct' ~ '^\d{1,3}$'), 100) AS full_pct
),
line AS (
  SELECT l.id, l.quantity, l.promised_on, o.ordered_on, o.quote_id, q.lead_time_days AS quoted_days
  FROM purchase_order o
  JOIN purchase_order_line l ON l.order_id = o.id
  LEFT JOIN quote q ON q.id = o.quote_id
  WHERE o.supplier_id = :supplier_id AND o.deleted_at IS NULL AND o.status NOT IN ('draft', 'to_approve', 'cancelled')
),
receipt_of AS (
  SELECT l.id, timezone(org.time_zone, r.received_at)::date AS on_day, rl.received, rl.rejected
  FROM line l JOIN receipt_line rl ON rl.order_line_id = l.id JOIN receipt r ON r.id = rl.receipt_id, org
),
due AS (
  SELECT l.id, l.promised_on,
    coalesce(sum(x.received - x.rejected) FILTER (WHERE x.on_day <= l.promised_on + rules.tolerance), 0)
      >= l.quantity * rules.full_pct / 100 AS is_good
  FROM line l CROSS JOIN rules CROSS JOIN org LEFT JOIN receipt_of x ON x.id = l.id
  WHERE l.promised_on >= :since AND l.promised_on + rules.tolerance <= org.today
  GROUP BY l.id, l.promised_on, l.quantity, rules.full_pct
),
lead AS (
  SELECT (max(x.on_day) - l.ordered_on) - l.quoted_days AS bias
  FROM line l JOIN receipt_of x ON x.id = l.id
  WHERE l.ordered_on IS NOT NULL AND l.quoted_days IS NOT NULL AND x.on_day >= :since
  GROUP BY l.id, l.ordered_on, l.quoted_days
),
asked AS (
  SELECT i.invited_at, min(q.submitted_at) FILTER (WHERE q.submitted_at <= f.deadline) AS answered_at
  FROM rfq_invitation i JOIN rfq f ON f.id = i.rfq_id
  LEFT JOIN quote q ON q.rfq_id = i.rfq_id AND q.supplier_id = i.supplier_id AND q.deleted_at IS NULL
    AND q.status <> 'draft'
  WHERE i.supplier_id = :supplier_id AND i.invited_at >= :since AND f.deadline <= now() AND f.status <> 'cancelled'
  GROUP BY i.id, i.invited_at
),
bid AS (
  SELECT mine.unit_price / nullif(field.median, 0)::numeric AS price_index
  FROM quote q JOIN quote_line mine ON mine.quote_id = q.id
  CROSS JOIN LATERAL (
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY other.unit_price) AS median, count(*) AS bids
    FROM quote_line other JOIN quote oq ON oq.id = other.quote_id
    WHERE other.rfq_line_id = mine.rfq_line_id AND other.unit_price IS NOT NULL AND NOT other.no_bid
      AND oq.deleted_at IS NULL AND oq.status NOT IN ('draft', 'withdrawn') AND oq.currency = q.currency
  ) field
  WHERE q.supplier_id = :supplier_id AND q.deleted_at IS NULL AND q.status NOT IN ('draft', 'withdrawn')
    AND q.submitted_at >= :since AND mine.unit_price IS NOT NULL AND NOT mine.no_bid AND field.bids >= 3
)
SELECT
  (SELECT count(*) FROM due) AS due,
  (SELECT count(*) FROM due WHERE is_good) AS good,
  (SELECT coalesce(jsonb_agg(jsonb_build_array(quarter, good, lines) ORDER BY quarter), '[]') FROM (
     SELECT to_char(promised_on, 'YYYY "Q"Q') AS quarter, count(*) AS lines, count(*) FILTER (WHERE is_good) AS good
     FROM due GROUP BY 1) q) AS quarters,
  (SELECT count(*) FROM receipt_of WHERE on_day >= :since) AS received_lines,
  (SELECT sum(rejected) / nullif(sum(received), 0) * 1000000 FROM receipt_of WHERE on_day >= :since) AS defect_ppm,
  (SELECT count(*) FROM lead) AS lead_lines,
  (SELECT avg(bias) FROM lead) AS lead_bias,
  (SELECT stddev_samp(bias) FROM lead) AS lead_spread,
  (SELECT count(*) FROM asked) AS asked,
  (SELECT count(answered_at) FROM asked) AS answered,
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - invited_at) / 3600)
     FROM asked WHERE answered_at >= invited_at) AS response_hours,
  (SELECT count(*) FROM bid) AS bids,
  (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price_index) FROM bid) AS price_index,
  (SELECT tolerance FROM rules) AS tolerance,
  (SELECT full_pct FROM rules) AS full_pct
