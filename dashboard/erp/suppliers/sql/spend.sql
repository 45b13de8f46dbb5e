-- Spend on one supplier by calendar year of the receipt: accepted quantity times the order's price, in the
-- organization's currency at the rate of the receipt's day; where none is known, at the order's own.
SELECT extract(year FROM x.on_day)::integer AS year, sum(x.amount * x.rate) AS spend,
       count(DISTINCT x.order_id) AS orders, count(*) FILTER (WHERE x.rate IS NULL) AS without_rate
FROM (
  SELECT o.id AS order_id, d.on_day, (rl.received - rl.rejected) * l.unit_price AS amount,
    CASE WHEN o.currency = g.base_currency THEN 1 ELSE coalesce(
      (SELECT rate FROM fx_rate f WHERE f.from_currency = o.currency AND f.to_currency = g.base_currency
         AND f.on_date <= d.on_day ORDER BY f.on_date DESC LIMIT 1),
      (SELECT 1 / rate FROM fx_rate f WHERE f.from_currency = g.base_currency AND f.to_currency = o.currency
         AND f.on_date <= d.on_day ORDER BY f.on_date DESC LIMIT 1),
      nullif(o.fx_rate, 1)) END AS rate
  FROM purchase_order o
  JOIN organization g ON g.id = o.org_id
  JOIN receipt r ON r.order_id = o.id
  JOIN receipt_line rl ON rl.receipt_id = r.id
  JOIN purchase_order_line l ON l.id = rl.order_line_id
  CROSS JOIN LATERAL (SELECT timezone(g.time_zone, r.received_at)::date AS on_day) d
  WHERE o.supplier_id = :supplier_id AND o.deleted_at IS NULL
) x
GROUP BY 1 ORDER BY 1 DESC LIMIT 6
