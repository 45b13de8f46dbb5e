"""Owns the rows KPIs are measured on: made inside the server, over 24 months, 40 categories, 20 regions."""
# ruff: noqa: E501

from dataclasses import dataclass

from bench.stage import execute

SUPPLIERS, PRODUCTS, CATEGORIES, REGIONS = 60_000, 8_000, 40, 20
CUSTOMERS, SALES = 5_000, 125_000
MOVES = 125  # of a product: each fifth brings goods, the others take less of them
LINES = 5  # of a request, each bid on by so many quotes
ORDER_LINES = 4

# A number in [0, 1) for each row, and suppliers by Zipf's law: the chance of a rank is one over the rank.
CHANCE = "((({n})::numeric * 2654435761) % 4294967296 / 4294967296)::float8"
RANK = "least({count}, floor(exp({u} * ln({count} + 1)))::bigint)"
WHEN = "(now() - ({u}) * interval '730 days')"


@dataclass(frozen=True)
class Size:
    """How many rows there are. At scale 1: ten million lines of quotes, two million lines of orders."""

    scale: float

    def of(self, count: int, least: int = 1) -> int:
        """So many, scaled."""
        return max(least, round(count * self.scale))

    @property
    def quote_lines(self) -> int:
        """Bids on lines."""
        return self.rfqs * LINES * LINES

    @property
    def rfqs(self) -> int:
        """Requests for quotation."""
        return self.of(400_000, 20)

    @property
    def orders(self) -> int:
        """Purchase orders."""
        return self.of(500_000, 20)

    @property
    def suppliers(self) -> int:
        """Suppliers."""
        return self.of(SUPPLIERS, 100)


def statements(size: Size) -> dict[str, str]:
    """The INSERT of each table, in order."""
    return buying(size) | selling(size)


def buying(size: Size) -> dict[str, str]:
    """Requests, bids, orders and what came of them, with the catalogue they are about."""
    n = {"suppliers": size.suppliers, "products": size.of(PRODUCTS, 50), "rfqs": size.rfqs}
    u = CHANCE.format(n="n")
    # Who it is has a chance apart from when it is: or each supplier would have all orders in one month.
    of_rfq = RANK.format(count=n["suppliers"], u=CHANCE.format(n="r.n * 48271 + 17"))
    of_order = RANK.format(count=n["suppliers"], u=CHANCE.format(n="n * 48271 + 17"))
    return {
        "organization": "(id, name) VALUES (1, 'Bench')",
        "unit": "(id, code, name) VALUES (1, 'pcs', 'Pieces')",
        "warehouse": "(id, org_id, code, name) VALUES (1, 1, 'H1', 'Hall')",
        "fx_rate": "(id, from_currency, to_currency, on_date, rate)"
        " SELECT row_number() OVER (), c, 'EUR', current_date - 7 * w, r * (1 + sin(w) / 20)"
        " FROM (VALUES ('USD', 0.92), ('JPY', 0.0061)) AS v (c, r), generate_series(0, 120) w",
        "product_category": "(id, org_id, code, name, path)"
        f" SELECT n, 1, 'C' || n, 'Category ' || n, 'Category ' || n FROM generate_series(1::bigint, {CATEGORIES}) n",
        "product": "(id, org_id, sku, name, unit_id, category_id, standard_cost, price)"
        f" SELECT n, 1, 'P-' || n, 'Product ' || n, 1, 1 + n % {CATEGORIES}, 5 + n % 90, 9 + n % 150"
        f" FROM generate_series(1::bigint, {n['products']}) n",
        "supplier": "(id, org_id, code, name, category_id, region, country, status)"
        f" SELECT n, 1, 'S-' || n, 'Supplier ' || n, 1 + n % {CATEGORIES}, 'Region ' || 1 + n % {REGIONS}, 'DE',"
        f" 'active' FROM generate_series(1::bigint, {n['suppliers']}) n",
        "rfq": "(id, org_id, number, title, category_id, status, deadline, sent_at, awarded_at, created_at)"
        f" SELECT n, 1, 'RFQ-' || n, 'Request ' || n, 1 + n % {CATEGORIES},"
        " CASE n % 4 WHEN 0 THEN 'quoted' ELSE 'awarded' END, at + interval '14 days', at,"
        " CASE WHEN n % 4 > 0 THEN at + (15 + n % 20) * interval '1 day' END, at"
        f" FROM generate_series(1::bigint, {n['rfqs']}) n, LATERAL (SELECT {WHEN.format(u=u)} AS at) AS w",
        "rfq_line": "(id, org_id, rfq_id, position, product_id, quantity, target_price)"
        f" SELECT n, 1, 1 + (n - 1) / {LINES}, n % {LINES}, 1 + (n * 7919) % {n['products']}, 1 + n % 500,"
        f" 5 + n % 90 FROM generate_series(1::bigint, {n['rfqs'] * LINES}) n",
        "rfq_invitation": "(id, org_id, rfq_id, supplier_id, invited_at)"
        f" SELECT row_number() OVER (), 1, r.n, 1 + ({of_rfq} + k * 7919) % {n['suppliers']}, f.sent_at"
        f" FROM generate_series(1::bigint, {n['rfqs']}) AS r (n) JOIN rfq AS f ON f.id = r.n,"
        f" generate_series(0, {LINES + 1}) k",
        "quote": "(id, org_id, rfq_id, supplier_id, status, currency, submitted_at, created_at)"
        f" SELECT (r.n - 1) * {LINES} + k + 1, 1, r.n, 1 + ({of_rfq} + k * 7919) % {n['suppliers']},"
        " CASE k WHEN 0 THEN 'awarded' ELSE 'rejected' END, (ARRAY['EUR', 'EUR', 'EUR', 'USD', 'JPY'])[1 + k],"
        " f.sent_at + (6 + (r.n * 31 + k * 57) % 400) * interval '1 hour', f.sent_at"
        f" FROM generate_series(1::bigint, {n['rfqs']}) AS r (n) JOIN rfq AS f ON f.id = r.n,"
        f" generate_series(0, {LINES - 1}) k",
        "quote_line": "(id, org_id, quote_id, rfq_line_id, quantity, unit_price, lead_days)"
        f" SELECT n, 1, 1 + (n - 1) / {LINES},"
        f" (n - 1) / {LINES * LINES} * {LINES} + 1 + n % {LINES}, 1 + n % 500,"
        f" round(((5 + n % 90) * (0.7 + 0.6 * {u}) * CASE (n - 1) / {LINES} % {LINES} WHEN 4 THEN 160 ELSE 1 END)"
        f"::numeric, 2), 5 + n % 60 FROM generate_series(1::bigint, {size.quote_lines}) n",
        "award": "(id, org_id, rfq_line_id, quote_line_id, quantity, created_at)"
        f" SELECT row_number() OVER (), 1, l.id, b.id, l.quantity, f.awarded_at FROM rfq AS f"
        " JOIN rfq_line AS l ON l.rfq_id = f.id JOIN quote_line AS b ON b.rfq_line_id = l.id"
        f" AND b.quote_id = (f.id - 1) * {LINES} + 1 WHERE f.id % 4 = 1",
        "purchase_order": "(id, org_id, supplier_id, number, status, ordered_on, currency, sent_at, created_at)"
        f" SELECT n, 1, {of_order}, 'PO-' || n, CASE WHEN n % 50 = 0 THEN 'cancelled' ELSE 'received' END,"
        " at::date, (ARRAY['EUR', 'EUR', 'EUR', 'USD'])[1 + (n % 4)::int], at, at"
        f" FROM generate_series(1::bigint, {size.orders}) n, LATERAL (SELECT {WHEN.format(u=u)} AS at) AS w",
        "purchase_order_line": "(id, org_id, order_id, position, product_id, quantity, unit_price, promised_on)"
        f" SELECT n, 1, o.id, n % {ORDER_LINES}, 1 + (n * 7907) % {n['products']}, 1 + n % 300,"
        f" 5 + (n * 7907) % 90, o.ordered_on + 10 + (n % 40)::int"
        f" FROM generate_series(1::bigint, {size.orders * ORDER_LINES}) n"
        f" JOIN purchase_order AS o ON o.id = 1 + (n - 1) / {ORDER_LINES}",
        "receipt": "(id, org_id, order_id, warehouse_id, received_at)"
        " SELECT id, 1, id, 1, least(now(), ordered_on + (12 + id % 40) * interval '1 day') FROM purchase_order"
        " WHERE status = 'received'",
        "receipt_line": "(id, org_id, receipt_id, order_line_id, received, rejected)"
        " SELECT l.id, 1, l.order_id, l.id, l.quantity, CASE WHEN l.id % 37 = 0 THEN 1 ELSE 0 END"
        " FROM purchase_order_line AS l JOIN receipt AS r ON r.id = l.order_id",
    }


def selling(size: Size) -> dict[str, str]:
    """Stock of every product and customers' orders: at scale 1 a million moves and half a million lines."""
    u, products = CHANCE.format(n="n"), size.of(PRODUCTS, 50)
    customers, orders = size.of(CUSTOMERS, 20), size.of(SALES, 20)
    customer = RANK.format(count=customers, u=CHANCE.format(n="n * 48271 + 29"))
    return {
        "stock_move": "(id, org_id, product_id, warehouse_id, moved_at, quantity, unit_cost, source)"
        f" SELECT k * {products} + p.id, 1, p.id, 1,"
        f" now() - ({MOVES} - k - p.id::float8 / {products + 1}) * interval '730 days' / {MOVES},"
        " CASE k % 5 WHEN 0 THEN 380 + p.id % 50 ELSE -(60 + (p.id * 31 + k * 17) % 35) END, p.standard_cost,"
        " CASE k % 5 WHEN 0 THEN 'receipt' ELSE 'shipment' END"
        f" FROM product AS p, generate_series(0, {MOVES - 1}) k",
        "stock_balance": "(id, org_id, product_id, warehouse_id, quantity, average_cost)"
        " SELECT m.product_id, 1, m.product_id, 1, sum(m.quantity), min(m.unit_cost) FROM stock_move AS m"
        " GROUP BY m.product_id",
        "customer": "(id, org_id, code, name) SELECT n, 1, 'K-' || n, 'Customer ' || n"
        f" FROM generate_series(1::bigint, {customers}) n",
        "sales_order": "(id, org_id, customer_id, number, status, ordered_on, promised_on, shipped_at, created_at)"
        f" SELECT n, 1, {customer}, 'SO-' || n, CASE WHEN n % 40 = 0 THEN 'cancelled' ELSE 'shipped' END,"
        " at::date, at::date + 9, CASE WHEN n % 40 > 0 THEN least(now(), at + n % 12 * interval '1 day') END, at"
        f" FROM generate_series(1::bigint, {orders}) n, LATERAL (SELECT {WHEN.format(u=u)} AS at) AS w",
        "sales_order_line": "(id, org_id, order_id, position, product_id, quantity, unit_price, unit_cost)"
        f" SELECT n, 1, 1 + (n - 1) / {ORDER_LINES}, n % {ORDER_LINES}, 1 + (n * 7907) % {products},"
        f" 1 + n % 60, 9 + n % 150, CASE WHEN n % 30 > 0 THEN 5 + n % 90 END"
        f" FROM generate_series(1::bigint, {orders * ORDER_LINES}) n",
    }


def load(url: str, schema: str, size: Size) -> None:
    """Fill the tenant as the superuser, triggers and foreign keys resting."""
    for table, statement in statements(size).items():
        execute(
            url,
            f"SET search_path TO {schema}, public; SET session_replication_role TO replica;"
            f" INSERT INTO {table} {statement.replace(')', ') OVERRIDING SYSTEM VALUE', 1)}",
        )
        execute(url, f"VACUUM ANALYZE {schema}.{table}")
    execute(url, "CHECKPOINT")
