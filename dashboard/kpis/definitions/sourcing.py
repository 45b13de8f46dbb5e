"""Sourcing: how far requests come, how long they take, how many compete, and what awards save."""
# SQL is put together from text of this package alone.
# ruff: noqa: S608

from dashboard.kpis.definitions.changes import on_rate_days
from dashboard.kpis.families import Family
from dashboard.kpis.families import register as register_family
from dashboard.kpis.registry import Kpi, Parameter, register

OWNER = "Head of sourcing"
BASELINE = Parameter(
    "baseline", "What a price is compared with", "target", choices=("target", "mean bid", "last paid")
)

_CHANGED = "SELECT record_id FROM changed"
_UPDATED = "SELECT record_id FROM changed WHERE operation = 'U' AND old ?|"
_RFQ_TITLE = "SELECT id, concat_ws(' · ', number, title) AS title, id FROM rfq WHERE id = ANY(%(records)s)"
_RFQ_ZONES = f"SELECT id FROM rfq WHERE org_id IN ({_UPDATED} array['time_zone'])"
_OF_REQUESTS = "SELECT a.id FROM award AS a JOIN rfq_line AS l ON l.id = a.rfq_line_id WHERE l.rfq_id IN"
_OF_LINES = "SELECT id FROM award WHERE rfq_line_id IN"
# An order or its line can be what was last paid for awards made after its day. Looked for only where somebody
# declared that a baseline: it takes long where a product is often asked for.
_LAST_PAID = (
    "EXISTS (SELECT FROM kpi_version WHERE code = 'savings' AND parameters ->> 'baseline' = 'last paid') AND"
)
_LATER_AWARDS = (
    "SELECT a.id FROM purchase_order_line AS o JOIN purchase_order AS d ON d.id = o.order_id"
    " JOIN rfq_line AS l ON l.product_id = o.product_id JOIN rfq AS r ON r.id = l.rfq_id"
    " JOIN organization AS g ON g.id = r.org_id JOIN award AS a ON a.rfq_line_id = l.id"
    " WHERE d.ordered_on < timezone(g.time_zone, coalesce(r.awarded_at, a.created_at))::date"
    f" AND {_LAST_PAID}"
)

RFQS = register_family(
    Family(
        name="rfqs",
        title="Requests by the month they were sent in",
        entity="rfq",
        measures=("sent", "quoted", "awarded", "ordered", "cancelled", "single_bids", "decided", "offers"),
        sources={
            "rfq": _CHANGED,
            "quote": (
                f"SELECT rfq_id FROM quote WHERE id IN ({_CHANGED})"
                " UNION SELECT (old ->> 'rfq_id')::bigint FROM changed WHERE old ? 'rfq_id'"
            ),
            "purchase_order": (
                f"SELECT rfq_id FROM purchase_order WHERE id IN ({_CHANGED}) AND rfq_id IS NOT NULL"
                " UNION SELECT (old ->> 'rfq_id')::bigint FROM changed WHERE old ->> 'rfq_id' IS NOT NULL"
            ),
            "organization": _RFQ_ZONES,
        },
        record_sql=_RFQ_TITLE,
    )
)

CYCLES = register_family(
    Family(
        name="cycles",
        title="Requests by the month they were awarded in",
        entity="rfq",
        bin_unit="hours",
        measures=("cycle_hours", "cycle_rfqs"),
        sources={"rfq": _CHANGED, "organization": _RFQ_ZONES},
        record_sql=_RFQ_TITLE,
    )
)

AWARDS = register_family(
    Family(
        name="awards",
        title="Awards by the month they were made in",
        entity="rfq",
        subject="supplier",
        measures=("awarded_value", "award_count", "compared_value", "baseline_value", "saved", "compared"),
        sources={
            "award": _CHANGED,
            "quote_line": (
                f"{_OF_LINES} (SELECT rfq_line_id FROM quote_line WHERE id IN ({_CHANGED})"
                " UNION SELECT (old ->> 'rfq_line_id')::bigint FROM changed WHERE old ? 'rfq_line_id')"
            ),
            "quote": (
                f"{_OF_REQUESTS} (SELECT rfq_id FROM quote WHERE id IN ({_UPDATED} array['status',"
                " 'submitted_at', 'deleted_at', 'currency', 'rfq_id', 'supplier_id'])"
                " UNION SELECT (old ->> 'rfq_id')::bigint FROM changed WHERE old ? 'rfq_id')"
            ),
            "rfq": (
                f"{_OF_REQUESTS} ({_UPDATED}"
                " array['status', 'deleted_at', 'awarded_at', 'currency', 'category_id'])"
            ),
            "rfq_line": f"{_OF_LINES} ({_UPDATED} array['product_id', 'target_price'])",
            "purchase_order": (
                f"{_LATER_AWARDS} d.id IN ({_UPDATED} array['ordered_on', 'currency', 'deleted_at', 'rfq_id']"
                " UNION SELECT record_id FROM changed WHERE old ? 'status' AND ARRAY['draft', 'to_approve',"
                " 'approved', 'cancelled'] && ARRAY[old ->> 'status', new ->> 'status'])"
            ),
            "purchase_order_line": (
                f"{_LATER_AWARDS} o.id IN ({_CHANGED}) UNION {_OF_LINES} (SELECT id FROM rfq_line"
                f" WHERE {_LAST_PAID} product_id IN (SELECT (old ->> 'product_id')::bigint FROM changed"
                " WHERE old ? 'product_id'))"
            ),
            "supplier": (
                "SELECT a.id FROM award AS a JOIN quote_line AS b ON b.id = a.quote_line_id"
                " JOIN quote AS q ON q.id = b.quote_id"
                f" WHERE q.supplier_id IN ({_UPDATED} array['region', 'category_id'])"
            ),
            "product": (
                "SELECT a.id FROM award AS a JOIN rfq_line AS l ON l.id = a.rfq_line_id"
                f" WHERE l.product_id IN ({_UPDATED} array['category_id'])"
            ),
            "organization": (
                f"SELECT id FROM award WHERE org_id IN ({_UPDATED} array['time_zone', 'base_currency'])"
            ),
            "fx_rate": on_rate_days(
                "SELECT a.id FROM award AS a JOIN rfq_line AS l ON l.id = a.rfq_line_id"
                " JOIN rfq AS r ON r.id = l.rfq_id JOIN organization AS g ON g.id = r.org_id WHERE TRUE",
                "timezone(g.time_zone, coalesce(r.awarded_at, a.created_at))::date",
            ),
        },
        record_sql=(
            "SELECT a.id, concat(coalesce(r.number, r.title), ': ', coalesce(l.description, p.name,"
            " 'Line ' || l.position), ' to ', s.name) AS title, r.id FROM award AS a"
            " JOIN rfq_line AS l ON l.id = a.rfq_line_id JOIN rfq AS r ON r.id = l.rfq_id"
            " JOIN quote_line AS b ON b.id = a.quote_line_id JOIN quote AS q ON q.id = b.quote_id"
            " JOIN supplier AS s ON s.id = q.supplier_id LEFT JOIN product AS p ON p.id = l.product_id"
            " WHERE a.id = ANY(%(records)s)"
        ),
    )
)

STAGES = (
    ("rfqs_sent", "Requests sent", "sent", "Requests sent in the period, cancelled ones among them."),
    (
        "rfqs_quoted",
        "Requests quoted",
        "quoted",
        "Of the requests sent in the period, those awarded or with a quote submitted and not withdrawn.",
    ),
    (
        "rfqs_awarded",
        "Requests awarded",
        "awarded",
        "Of the requests sent in the period, those awarded so far.",
    ),
    (
        "rfqs_ordered",
        "Requests ordered",
        "ordered",
        "Of the requests sent in the period, those awarded so far with an order sent to the supplier.",
    ),
)
for _code, _title, _measure, _formula in STAGES:
    register(
        Kpi(
            code=_code,
            title=_title,
            area="sourcing",
            family="rfqs",
            kind="sum",
            unit="requests",
            better="neither",
            owner=OWNER,
            formula=_formula,
            numerator=_measure,
            count="sent",
            decimals=0,
        )
    )

RFQS_CANCELLED = register(
    Kpi(
        code="rfqs_cancelled",
        title="Requests cancelled",
        area="sourcing",
        family="rfqs",
        kind="ratio",
        unit="%",
        better="lower",
        owner=OWNER,
        formula="Requests that were cancelled after they were sent, out of those sent in the period.",
        numerator="cancelled",
        denominator="sent",
        count="sent",
        factor=100,
    )
)

SINGLE_BID = register(
    Kpi(
        code="single_bid",
        title="Single-bid share",
        area="sourcing",
        family="rfqs",
        kind="ratio",
        unit="%",
        better="lower",
        owner=OWNER,
        formula=(
            "Requests with exactly one quote, out of requests sent in the period with at least one, once"
            " bidding is over: the deadline has passed, it was closed early, or it is awarded. Drafts and"
            " withdrawn quotes are no quotes; cancelled requests are out."
        ),
        numerator="single_bids",
        denominator="decided",
        count="decided",
        factor=100,
    )
)

COMPETITION = register(
    Kpi(
        code="quotes_per_request",
        title="Quotes per request",
        area="sourcing",
        family="rfqs",
        kind="mean",
        unit="quotes",
        better="higher",
        owner=OWNER,
        formula="Mean number of quotes on the requests that the single-bid share counts.",
        numerator="offers",
        denominator="decided",
        count="decided",
        decimals=2,
    )
)

CYCLE_TIME = register(
    Kpi(
        code="cycle_time",
        title="Cycle time",
        area="sourcing",
        family="cycles",
        kind="median",
        unit="hours",
        better="lower",
        owner=OWNER,
        formula=(
            "Median of the time from sending a request to its award, in whole hours, over requests awarded"
            " in the period; cancelled ones are out."
        ),
        numerator="cycle_hours",
        denominator="cycle_rfqs",
        count="cycle_rfqs",
        decimals=0,
    )
)

SAVINGS = register(
    Kpi(
        code="savings",
        title="Savings",
        area="sourcing",
        family="awards",
        kind="ratio",
        unit="%",
        better="higher",
        owner=OWNER,
        formula=(
            "Sum of (baseline minus awarded price) times the awarded quantity, divided by the sum of baseline"
            " times that quantity, in the display currency at the rate of the day of the award. The baseline"
            " is declared: the target price of the line, the mean of its bids (two at least), or the price of"
            " the newest earlier order of the product by the same organization. An award without its baseline"
            " is out."
        ),
        numerator="saved",
        denominator="baseline_value",
        count="compared",
        factor=100,
        parameters=(BASELINE,),
    )
)

SAVED = register(
    Kpi(
        code="saved_amount",
        title="Amount saved",
        area="sourcing",
        family="awards",
        kind="sum",
        unit="money",
        better="higher",
        owner=OWNER,
        formula="Sum of (baseline minus awarded price) times the awarded quantity, as Savings counts it.",
        numerator="saved",
        count="compared",
        decimals=0,
    )
)

AWARDED_VALUE = register(
    Kpi(
        code="awarded_value",
        title="Awarded value",
        area="sourcing",
        family="awards",
        kind="sum",
        unit="money",
        better="neither",
        owner=OWNER,
        formula=(
            "Sum of awarded price times the awarded quantity, in the display currency at the rate of the day"
            " of the award."
        ),
        numerator="awarded_value",
        count="award_count",
        decimals=0,
    )
)
