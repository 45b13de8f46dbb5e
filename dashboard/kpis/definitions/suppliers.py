"""Supplier performance: what was promised, delivered, accepted, answered and paid."""

from dashboard.kpis import concentration, reliability
from dashboard.kpis.definitions.supplier_families import DELIVERIES, INSPECTIONS, INVITATIONS, RECEIPTS
from dashboard.kpis.registry import Kpi, Parameter, register

__all__ = ["DELIVERIES", "INSPECTIONS", "INVITATIONS", "RECEIPTS", "concentration"]

BUYING = "Head of purchasing"
QUALITY = "Head of quality"
FINANCE = "Purchasing controller"
TOLERANCE = Parameter("tolerance", "Days it may be late", 0, "days", 0, 365)
FULL = Parameter("full", "Share of the ordered quantity that counts as in full", 100, "%", 1, 100)
WINDOW = Parameter("window", "Days a lead time may differ from the quoted one", 3, "days", 0, 365)
LEAD_TIME = (
    " A line counts in the month it was promised for, once its quantity has come in (or, where its order is"
    " closed, with its last delivery). Quoted: the days of the bid, of the quote, or from order to promise."
)

OTIF = register(
    Kpi(
        code="otif",
        title="On time in full",
        area="suppliers",
        family="deliveries",
        kind="ratio",
        unit="%",
        better="higher",
        owner=BUYING,
        formula=(
            "Lines whose accepted quantity received by the promised day plus tolerance reaches the share in"
            " full of the ordered quantity, out of lines promised in the period whose promised day plus"
            " tolerance has passed. Overdue open lines fail; cancelled ones are out."
        ),
        numerator="otif_hits",
        denominator="otif_lines",
        count="otif_lines",
        factor=100,
        parameters=(TOLERANCE, FULL),
    )
)
register(
    Kpi(
        code="lead_bias",
        title="Lead-time bias",
        area="suppliers",
        family="deliveries",
        kind="mean",
        unit="days",
        better="lower",
        owner=BUYING,
        formula="Mean of the actual less the quoted lead time, in days." + LEAD_TIME,
        numerator="lead_gap",
        denominator="lead_lines",
        count="lead_lines",
    )
)
register(
    Kpi(
        code="lead_variability",
        title="Lead-time variability",
        area="suppliers",
        family="deliveries",
        kind="deviation",
        unit="days",
        better="lower",
        owner=BUYING,
        formula=(
            "Standard deviation (of a sample) of the actual less the quoted lead time, in days; no data below"
            " two lines." + LEAD_TIME
        ),
        numerator="lead_squares",
        denominator="lead_lines",
        extra="lead_gap",
        count="lead_lines",
    )
)
register(
    Kpi(
        code="lead_kept",
        title="Lead time kept",
        area="suppliers",
        family="deliveries",
        kind="ratio",
        unit="%",
        better="higher",
        owner=BUYING,
        formula=(
            "Lines whose actual lead time differs from the quoted one by no more than the window, earlier or"
            " later, out of all with a known lead time." + LEAD_TIME
        ),
        numerator="lead_hits",
        denominator="lead_lines",
        count="lead_lines",
        factor=100,
        parameters=(WINDOW,),
    )
)
register(
    Kpi(
        code="po_accuracy",
        title="Order accuracy",
        area="suppliers",
        family="deliveries",
        kind="ratio",
        unit="%",
        better="higher",
        owner=FINANCE,
        formula=(
            "Lines of closed orders that were not amended after sending and match three ways (invoiced in the"
            " order's currency, no more than was accepted and ordered, at the ordered price, within the"
            " organization's tolerances), out of all lines of closed orders. A line without an invoice does"
            " not match."
        ),
        numerator="accurate",
        denominator="closed",
        count="closed",
        factor=100,
    )
)
register(
    Kpi(
        code="defect_ppm",
        title="Defects per million",
        area="suppliers",
        family="inspections",
        kind="ratio",
        unit="ppm",
        better="lower",
        owner=QUALITY,
        formula="One million times the quantity rejected, divided by the quantity received.",
        numerator="rejected",
        denominator="received",
        count="inspected",
        factor=1_000_000,
        decimals=0,
    )
)
register(
    Kpi(
        code="clean_deliveries",
        title="Deliveries without a rejection",
        area="suppliers",
        family="inspections",
        kind="ratio",
        unit="%",
        better="higher",
        owner=QUALITY,
        formula="Received lines of which nothing was rejected, out of all received lines.",
        numerator="clean",
        denominator="inspected",
        count="inspected",
        factor=100,
    )
)
register(
    Kpi(
        code="response_rate",
        title="Response rate",
        area="suppliers",
        family="invitations",
        kind="ratio",
        unit="%",
        better="higher",
        owner=BUYING,
        formula=(
            "Invitations quoted by the deadline, out of invitations sent whose deadline has passed."
            " Declining is not quoting; a later revision does not make a quote late; cancelled requests are"
            " out."
        ),
        numerator="quoted",
        denominator="invited",
        count="invited",
        factor=100,
    )
)
register(
    Kpi(
        code="response_time",
        title="Response time",
        area="suppliers",
        family="invitations",
        kind="median",
        unit="hours",
        better="lower",
        owner=BUYING,
        formula=(
            "Median of the whole hours from the invitation to the first quote, over the invitations that"
            " were answered with one."
        ),
        numerator="responses",
        denominator="responses",
        count="responses",
        decimals=0,
    )
)
register(
    Kpi(
        code="spend",
        title="Spend",
        area="suppliers",
        family="receipts",
        kind="sum",
        unit="money",
        better="neither",
        owner=FINANCE,
        formula=(
            "Sum of accepted quantity (received less rejected) times the order's price, in the display"
            " currency at the rate of the day it came in."
        ),
        numerator="spend",
        count="spend_lines",
        decimals=2,
    )
)
register(
    Kpi(
        code="spend_under_management",
        title="Spend under management",
        area="suppliers",
        family="receipts",
        kind="ratio",
        unit="%",
        better="higher",
        owner=BUYING,
        formula=(
            "Spend on order lines that follow an award, or whose order names the quote it was placed on,"
            " out of all spend."
        ),
        numerator="managed",
        denominator="spend",
        count="spend_lines",
        factor=100,
    )
)
register(
    Kpi(
        code="maverick_spend",
        title="Maverick spend",
        area="suppliers",
        family="receipts",
        kind="ratio",
        unit="%",
        better="lower",
        owner=BUYING,
        formula="Spend with neither an award nor a quote behind it, out of all spend.",
        numerator="maverick",
        denominator="spend",
        count="spend_lines",
        factor=100,
    )
)
register(
    Kpi(
        code="ppv",
        title="Purchase price variance",
        area="suppliers",
        family="receipts",
        kind="sum",
        unit="money",
        better="lower",
        owner=FINANCE,
        formula=(
            "Sum of the order's price less the product's standard cost (as it is kept now), times the"
            " quantity received, in the display currency at the rate of the day it came in."
        ),
        numerator="gap",
        count="priced_lines",
        decimals=2,
    )
)
register(
    Kpi(
        code="ppv_percent",
        title="Purchase price variance in percent",
        area="suppliers",
        family="receipts",
        kind="ratio",
        unit="%",
        better="lower",
        owner=FINANCE,
        formula="Purchase price variance divided by standard cost times the quantity received.",
        numerator="gap",
        denominator="standard",
        count="priced_lines",
        factor=100,
    )
)
register(
    Kpi(
        code="reliability",
        title="Reliability",
        area="suppliers",
        family="deliveries",
        kind="composite",
        unit="points",
        better="higher",
        owner=BUYING,
        formula=reliability.FORMULA,
        parts=tuple(reliability.WEIGHTS),
    )
)
register(
    Kpi(
        code="concentration",
        title="Concentration of spend",
        area="market",
        family="receipts",
        kind="composite",
        unit="index",
        better="lower",
        owner=BUYING,
        formula=(
            "Sum over the suppliers of their squared share of the spend: 1 is a single supplier, 0.1 is as"
            " ten of the same size."
        ),
        decimals=3,
        parts=("spend",),
    )
)
