"""Market intelligence: what suppliers bid, compared with each other and with standard costs."""
# SQL is put together from text of this package alone.
# ruff: noqa: S608

from dashboard.kpis.definitions.changes import on_rate_days
from dashboard.kpis.families import Family
from dashboard.kpis.families import register as register_family
from dashboard.kpis.registry import Kpi, Parameter, register

OWNER = "Head of sourcing"
FEWEST = Parameter("fewest", "Fewest bids on a line for a median", 3, "bids", 1, 100)

# A bid counts in the median of its line: whatever changes one bid touches all bids of the line.
_OF_LINES = "SELECT id FROM quote_line WHERE rfq_line_id IN"
_OF_REQUESTS = "SELECT b.id FROM quote_line AS b JOIN quote AS q ON q.id = b.quote_id WHERE q.rfq_id IN"
_UPDATED = "SELECT record_id FROM changed WHERE operation = 'U' AND old ?|"

BIDS = register_family(
    Family(
        name="bids",
        title="Bids on lines by the month they were submitted in",
        entity="quote",
        subject="supplier",
        bin_unit="hundredths of the index",
        measures=("index_sum", "index_bids", "level_bids", "level_bid_value", "level_standard_value"),
        weighed=("index_bids",),
        sources={
            "quote_line": (
                f"{_OF_LINES} (SELECT rfq_line_id FROM quote_line WHERE id IN (SELECT record_id FROM changed)"
                " UNION SELECT (old ->> 'rfq_line_id')::bigint FROM changed WHERE old ? 'rfq_line_id')"
                " UNION SELECT record_id FROM changed"
            ),
            "quote": (
                f"{_OF_REQUESTS} (SELECT rfq_id FROM quote WHERE id IN ({_UPDATED} array['status',"
                " 'submitted_at', 'deleted_at', 'currency', 'rfq_id', 'supplier_id'])"
                " UNION SELECT (old ->> 'rfq_id')::bigint FROM changed WHERE old ? 'rfq_id')"
            ),
            "rfq": (
                f"{_OF_REQUESTS} ({_UPDATED} array['deleted_at', 'sent_at', 'sealed', 'category_id']"
                " UNION SELECT record_id FROM changed WHERE operation = 'U'"
                " AND 'cancelled' IN (old ->> 'status', new ->> 'status'))"
            ),
            "rfq_line": f"{_OF_LINES} ({_UPDATED} array['product_id'])",
            "supplier": (
                "SELECT b.id FROM quote_line AS b JOIN quote AS q ON q.id = b.quote_id"
                f" WHERE q.supplier_id IN ({_UPDATED} array['region', 'category_id'])"
            ),
            "product": (
                "SELECT b.id FROM quote_line AS b JOIN rfq_line AS l ON l.id = b.rfq_line_id"
                f" WHERE l.product_id IN ({_UPDATED} array['category_id', 'standard_cost', 'currency'])"
            ),
            "organization": (
                f"SELECT id FROM quote_line WHERE org_id IN ({_UPDATED} array['time_zone', 'base_currency'])"
            ),
            "fx_rate": on_rate_days(
                "SELECT b.id FROM rfq AS r JOIN organization AS g ON g.id = r.org_id"
                " JOIN quote AS q ON q.rfq_id = r.id JOIN quote_line AS b ON b.quote_id = q.id WHERE TRUE",
                "timezone(g.time_zone, coalesce(r.sent_at, r.created_at))::date",
            ),
        },
        record_sql=(
            "SELECT b.id, concat(s.name, ': ', coalesce(l.description, p.name, 'Line ' || l.position))"
            " AS title, b.quote_id FROM quote_line AS b JOIN quote AS q ON q.id = b.quote_id"
            " JOIN supplier AS s ON s.id = q.supplier_id JOIN rfq_line AS l ON l.id = b.rfq_line_id"
            " LEFT JOIN product AS p ON p.id = l.product_id WHERE b.id = ANY(%(records)s)"
        ),
    )
)

PRICE_INDEX = register(
    Kpi(
        code="price_index",
        title="Price index",
        area="market",
        family="bids",
        kind="mean",
        unit="index",
        better="lower",
        owner=OWNER,
        formula=(
            "Mean of unit price divided by the median bid on the same line, to six decimals, over lines with"
            " enough bids; 1 is the middle of the market. Bids of a line are compared in the organization's"
            " currency, all at the rate of the day the request was sent. Drafts, withdrawn quotes, bids of"
            " cancelled requests and lines without a bid are out; sealed prices wait for their opening."
        ),
        numerator="index_sum",
        denominator="index_bids",
        count="index_bids",
        decimals=3,
        parameters=(FEWEST,),
    )
)

PRICE_LEVEL = register(
    Kpi(
        code="price_level",
        title="Price level",
        area="market",
        family="bids",
        kind="ratio",
        unit="index",
        better="lower",
        owner=OWNER,
        formula=(
            "Sum of bid price times quantity offered, divided by the sum of the product's standard cost times"
            " the same quantity, in the display currency at the rate of the day the request was sent; 1 is"
            " the standard cost as it is today. Bids on products with a standard cost count."
        ),
        numerator="level_bid_value",
        denominator="level_standard_value",
        count="level_bids",
        decimals=3,
    )
)

PRICE_OUTLIERS = register(
    Kpi(
        code="price_outliers",
        title="Price outliers",
        area="market",
        family="bids",
        kind="composite",
        unit="%",
        better="lower",
        owner=OWNER,
        formula=(
            "Share of bids whose price index, in whole hundredths, lies above the third quartile plus 1.5"
            " times the distance of the quartiles, both of the bids in the same category over the period and"
            " the organizations shown, whatever the region."
        ),
        count="index_bids",
        factor=100,
        parts=("price_index",),
    )
)
