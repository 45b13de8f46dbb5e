-- title: Fill in when purchase orders were sent
-- table: purchase_order
-- needs: 0006
-- only: sent_at IS NULL AND status <> 'draft'
-- Orders sent before revision 0006 carry no moment; the row history knows it.
UPDATE purchase_order AS o
SET sent_at = (
    SELECT h.at FROM row_history AS h
    WHERE h.table_name = 'purchase_order' AND h.record_id = o.id AND h.new ->> 'status' = 'sent'
    ORDER BY h.id LIMIT 1
)
WHERE o.id > :after AND o.id <= :upto AND o.sent_at IS NULL AND o.status <> 'draft'
    AND EXISTS (
        SELECT FROM row_history AS h
        WHERE h.table_name = 'purchase_order' AND h.record_id = o.id AND h.new ->> 'status' = 'sent'
    )
