"""Stock: what it is worth, how fast it turns, how old it is, and what is to be ordered."""

from dashboard.kpis.definitions.stock_families import STOCK, STOCK_MONTHS
from dashboard.kpis.registry import Kpi, Parameter, register

OWNER = "Head of logistics"

STOCK_VALUE = register(
    Kpi(
        code="stock_value",
        title="Stock value",
        area="stock",
        family=STOCK_MONTHS.name,
        kind="level",
        unit="money",
        better="neither",
        owner=OWNER,
        formula=(
            "Quantity in stock times its moving average cost, over every product in every warehouse, at the"
            " end of the last month of the period, or now where that month is not over; in the display"
            " currency at the rate of that day."
        ),
        numerator="value_at_end",
        count="counted",
        decimals=2,
    )
)

SHIPPED_COST = register(
    Kpi(
        code="shipped_cost",
        title="Cost of goods shipped",
        area="stock",
        family=STOCK_MONTHS.name,
        kind="sum",
        unit="money",
        better="neither",
        owner=OWNER,
        formula=(
            "Value of the stock that left by shipments, at the moving average cost of the moment, less what"
            " came back; in the display currency at the rate of the month's last day."
        ),
        numerator="shipped_cost",
        count="counted",
        decimals=2,
    )
)

STOCK_TURNOVER = register(
    Kpi(
        code="stock_turnover",
        title="Stock turnover",
        area="stock",
        family=STOCK_MONTHS.name,
        kind="ratio",
        unit="times a year",
        better="higher",
        owner=OWNER,
        formula=(
            "Cost of goods shipped in the period, divided by the mean of the stock's value at the end of"
            " each day of it, scaled to 365 days: 365 times the cost of goods shipped, divided by the sum"
            " of the daily values. Over twelve months this is their cost of goods by their mean stock."
        ),
        numerator="shipped_cost",
        denominator="value_days",
        factor=365,
        decimals=2,
    )
)

STOCK_DAYS = register(
    Kpi(
        code="stock_days",
        title="Days of stock",
        area="stock",
        family=STOCK_MONTHS.name,
        kind="ratio",
        unit="days",
        better="lower",
        owner=OWNER,
        formula=(
            "365 divided by the turnover: the sum of the stock's daily values divided by the cost of goods"
            " shipped in the same days."
        ),
        numerator="value_days",
        denominator="shipped_cost",
    )
)

STOCK_AGED = register(
    Kpi(
        code="stock_aged",
        title="Stock older than 180 days",
        area="stock",
        family=STOCK.name,
        kind="ratio",
        unit="%",
        better="lower",
        owner=OWNER,
        formula=(
            "Share of the present stock value in quantities that came more than 180 days ago, first in"
            " first out over all warehouses of the organization; a transfer between them makes nothing"
            " younger. A picture of today: months that are over have none."
        ),
        numerator="old_value",
        denominator="aged_value",
        count="aged_products",
        factor=100,
    )
)

BELOW_REORDER = register(
    Kpi(
        code="below_reorder",
        title="Products below their reorder point",
        area="stock",
        family=STOCK.name,
        kind="ratio",
        unit="%",
        better="lower",
        owner=OWNER,
        formula=(
            "Active products of which less is in stock than their reorder point, out of those that have"
            " one. The reorder point is the mean shipped a day times the mean lead time, plus the factor"
            " times the root of (lead time times the variance of a day, plus the squared mean of a day"
            " times the variance of the lead time). With less than two days of demand or two deliveries it"
            " is the one the product declares. A picture of today: months that are over have none."
        ),
        numerator="below",
        denominator="with_point",
        count="with_point",
        factor=100,
        parameters=(
            Parameter("factor", "Safety factor: 1.65 covers 95 % of the lead times", 1.65, "", 0, 5),
            Parameter("days", "Days of demand it is computed from", 90, "days", 2, 730),
            Parameter("lead_days", "Days of deliveries the lead time is computed from", 365, "days", 1, 1825),
            Parameter("basis", "Which reorder point counts", "computed", choices=("computed", "declared")),
        ),
    )
)

SUGGESTED_ORDERS = register(
    Kpi(
        code="suggested_orders",
        title="Suggested orders",
        area="stock",
        family=STOCK.name,
        kind="sum",
        unit="money",
        better="neither",
        owner=OWNER,
        formula=(
            "Standard cost of what would lift each product that is below its reorder point, together with"
            " what is on order, up to it: whole units, at least the smallest order. A picture of today:"
            " months that are over have none."
        ),
        numerator="suggested_value",
        count="advised",
        decimals=2,
    )
)
