"""Families of facts about stock: balances by month, and what there is of each product today."""

from dashboard.kpis import stock_keeping
from dashboard.kpis.definitions.changes import RATE_DAYS, on_rate_days
from dashboard.kpis.families import Family, register
from dashboard.kpis.refreshing import COMPANIONS, Companion


def _month(moment: str) -> str:
    """SQL of the months from January 2000 to a moment."""
    return f"greatest((extract(year FROM {moment}) * 12 + extract(month FROM {moment}))::int - 24001, 0)"


def _months(since: str, until: str = "now() + interval '1 day'") -> str:
    """SQL that gives the months of a balance `b` from one moment to another, a day too many at both ends."""
    first = _month(f"({since} - interval '1 day')")
    return f"CROSS JOIN LATERAL generate_series({first}, {_month(until)}) AS n"


_RECORD = "SELECT b.id * 1000 + n FROM stock_balance AS b"
_OF_ALL_TIME = _months("(SELECT coalesce(min(m.moved_at), now()) FROM stock_move AS m)")
_RATED = _months("d.first", "least(d.next, now() + interval '1 day')")
_UPDATED = "SELECT record_id FROM changed WHERE operation = 'U' AND old ?|"

STOCK_MONTHS = register(
    Family(
        name="stock_months",
        title="What lay of a product in a warehouse, and what was shipped of it, by month",
        entity="stock_balance",
        subject="product",
        measures=("value_at_end", "value_days", "shipped_cost", "counted"),
        is_monthly=True,
        sources={
            "stock_move": (
                f"{_RECORD} JOIN stock_move AS m"  # noqa: S608
                " ON m.product_id = b.product_id AND m.warehouse_id = b.warehouse_id"
                f" {_months('m.moved_at')} WHERE m.id IN (SELECT record_id FROM changed)"
            ),
            "product": f"{_RECORD} {_OF_ALL_TIME} WHERE b.product_id IN ({_UPDATED} array['category_id'])",
            "organization": (
                f"{_RECORD} {_OF_ALL_TIME} WHERE b.org_id IN ({_UPDATED} array['time_zone', 'base_currency'])"
            ),
            "fx_rate": (f"{_RECORD} CROSS JOIN ({RATE_DAYS}) AS d {_RATED}"),
        },
        record_sql=(
            "SELECT r.id, concat(p.sku, ' · ', w.code, ' · ', to_char("
            " date '2000-01-01' + make_interval(months => (r.id %% 1000)::int), 'YYYY-MM')) AS title,"
            " b.id AS open_id FROM unnest(%(records)s::bigint[]) AS r (id)"
            " JOIN stock_balance AS b ON b.id = r.id / 1000 JOIN product AS p ON p.id = b.product_id"
            " JOIN warehouse AS w ON w.id = b.warehouse_id"
        ),
    )
)

_PRODUCTS = "SELECT id FROM product WHERE"
_OF_LINES = "SELECT product_id FROM purchase_order_line WHERE"

STOCK = register(
    Family(
        name="stock",
        title="Products in stock today",
        entity="product",
        subject="product",
        measures=(
            "aged_value",
            "old_value",
            "aged_products",
            "below",
            "with_point",
            "suggested_value",
            "advised",
        ),
        sources={
            "product": "SELECT record_id FROM changed",
            "stock_move": "SELECT product_id FROM stock_move WHERE id IN (SELECT record_id FROM changed)",
            "purchase_order_line": (
                f"{_OF_LINES} id IN (SELECT record_id FROM changed"  # noqa: S608
                " WHERE operation <> 'U' OR old ?| array['product_id', 'quantity', 'order_id'])"
                " UNION SELECT (old ->> 'product_id')::bigint FROM changed WHERE old ? 'product_id'"
            ),
            "purchase_order": (
                f"{_OF_LINES} order_id IN ({_UPDATED} array['status', 'ordered_on', 'deleted_at'])"
            ),
            "receipt_line": (
                "SELECT l.product_id FROM receipt_line AS rl"  # noqa: S608
                " JOIN purchase_order_line AS l ON l.id = rl.order_line_id"
                " JOIN purchase_order AS o ON o.id = l.order_id"
                " WHERE rl.id IN (SELECT record_id FROM changed)"
                " AND o.status IN ('sent', 'acknowledged', 'part_received')"  # else nothing is to come
                f" UNION {_OF_LINES} id IN (SELECT order_line_id FROM receipt_line"
                " WHERE id IN (SELECT record_id FROM changed WHERE operation <> 'U'"
                " OR old ?| array['received', 'order_line_id', 'receipt_id'])"
                " UNION SELECT (old ->> 'order_line_id')::bigint FROM changed WHERE old ? 'order_line_id')"
            ),
            "receipt": (
                f"{_OF_LINES} id IN (SELECT order_line_id FROM receipt_line"  # noqa: S608
                f" WHERE receipt_id IN ({_UPDATED} array['received_at', 'order_id']))"
            ),
            "organization": f"{_PRODUCTS} org_id IN ({_UPDATED} array['time_zone', 'base_currency'])",
            "fx_rate": on_rate_days(
                "SELECT p.id FROM product AS p JOIN organization AS g ON g.id = p.org_id WHERE TRUE",
                "timezone(g.time_zone, now())::date",
            ),
        },
        record_sql=(
            "SELECT id, concat(sku, ' · ', name) AS title, id AS open_id FROM product"
            " WHERE id = ANY(%(records)s)"
        ),
    )
)

COMPANIONS[STOCK_MONTHS.name] = Companion(stock_keeping.value_moves, stock_keeping.keep_nothing)
COMPANIONS[STOCK.name] = Companion(stock_keeping.value_moves, stock_keeping.keep)
