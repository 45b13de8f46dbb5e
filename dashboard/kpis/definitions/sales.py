"""Sales: what was shipped, what it earned, and whether it left on time."""

from dashboard.kpis.definitions.changes import on_rate_days
from dashboard.kpis.families import Family
from dashboard.kpis.families import register as register_family
from dashboard.kpis.registry import Kpi, Parameter, register

OWNER = "Head of sales"
_UPDATED = "SELECT record_id FROM changed WHERE operation = 'U' AND old ?|"

_LINES = "SELECT id FROM sales_order_line WHERE"
_ORDERS = "SELECT id FROM sales_order WHERE"

SALES_LINES = register_family(
    Family(
        name="sales_lines",
        title="Lines of customers' orders by the month they were shipped in",
        entity="sales_order",
        subject="customer",
        measures=("revenue", "sold_lines", "margin", "costed_revenue", "costed_lines"),
        sources={
            "sales_order_line": "SELECT record_id FROM changed",
            "sales_order": f"{_LINES} order_id IN (SELECT record_id FROM changed)",  # noqa: S608
            "product": f"{_LINES} product_id IN ({_UPDATED} array['category_id'])",
            "organization": f"{_LINES} org_id IN ({_UPDATED} array['time_zone', 'base_currency'])",
            "currency": (
                "SELECT l.id FROM sales_order_line AS l JOIN sales_order AS o ON o.id = l.order_id"
                " WHERE o.currency IN (SELECT code FROM currency WHERE id IN (SELECT record_id FROM changed)"
                " UNION SELECT old ->> 'code' FROM changed WHERE old ? 'code')"
            ),
            "fx_rate": on_rate_days(
                "SELECT l.id FROM sales_order_line AS l JOIN sales_order AS o ON o.id = l.order_id"
                " JOIN organization AS g ON g.id = o.org_id WHERE o.shipped_at IS NOT NULL",
                "timezone(g.time_zone, o.shipped_at)::date",
            ),
        },
        record_sql=(
            "SELECT l.id, concat(coalesce(o.number, 'Draft order'), ' · ', coalesce(l.description, p.sku))"
            " AS title, o.id AS open_id FROM sales_order_line AS l JOIN sales_order AS o ON o.id = l.order_id"
            " LEFT JOIN product AS p ON p.id = l.product_id WHERE l.id = ANY(%(records)s)"
        ),
    )
)

SHIPMENTS = register_family(
    Family(
        name="shipments",
        title="Customers' orders by the month they were promised for",
        entity="sales_order",
        subject="customer",
        measures=("on_time", "promised"),
        sources={
            "sales_order": "SELECT record_id FROM changed",
            "organization": f"{_ORDERS} org_id IN ({_UPDATED} array['time_zone'])",
        },
        record_sql=(
            "SELECT o.id, concat(coalesce(o.number, 'Draft order'), ' · ', c.name) AS title, o.id AS open_id"
            " FROM sales_order AS o JOIN customer AS c ON c.id = o.customer_id WHERE o.id = ANY(%(records)s)"
        ),
    )
)

REVENUE = register(
    Kpi(
        code="revenue",
        title="Revenue",
        area="sales",
        family=SALES_LINES.name,
        kind="sum",
        unit="money",
        better="higher",
        owner=OWNER,
        formula=(
            "Sum of the line amounts, after discount and before tax and freight, each rounded to its"
            " currency, of orders shipped in the period; in the display currency at the rate of the day of"
            " shipment."
        ),
        numerator="revenue",
        count="sold_lines",
        decimals=2,
    )
)

MARGIN = register(
    Kpi(
        code="margin",
        title="Margin",
        area="sales",
        family=SALES_LINES.name,
        kind="sum",
        unit="money",
        better="higher",
        owner=OWNER,
        formula=(
            "Revenue less quantity times cost at shipment, over the lines whose cost is known; the cost is"
            " in the currency of the organization. Both in the display currency at the rate of the day of"
            " shipment."
        ),
        numerator="margin",
        count="costed_lines",
        decimals=2,
    )
)

MARGIN_SHARE = register(
    Kpi(
        code="margin_share",
        title="Margin of revenue",
        area="sales",
        family=SALES_LINES.name,
        kind="ratio",
        unit="%",
        better="higher",
        owner=OWNER,
        formula="Margin divided by the revenue of the same lines: those whose cost at shipment is known.",
        numerator="margin",
        denominator="costed_revenue",
        count="costed_lines",
        factor=100,
    )
)

ON_TIME_SHIPMENT = register(
    Kpi(
        code="on_time_shipment",
        title="Shipped on time",
        area="sales",
        family=SHIPMENTS.name,
        kind="ratio",
        unit="%",
        better="higher",
        owner=OWNER,
        formula=(
            "Orders shipped by the promised day plus tolerance, out of orders promised in the period whose"
            " promised day plus tolerance has come. Overdue orders that were not shipped fail; cancelled"
            " ones are out."
        ),
        numerator="on_time",
        denominator="promised",
        count="promised",
        factor=100,
        parameters=(Parameter("tolerance", "Days it may be late", 0, "days", 0, 365),),
    )
)
