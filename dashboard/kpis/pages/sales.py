"""Sales: the customers beside each other."""

from dashboard.kpis.pages import scorecard
from dashboard.kpis.pages.context import Context
from dashboard.kpis.pages.page import Table


def tables(context: Context) -> list[Table]:
    """The largest customers."""
    ranking = scorecard.read(context, scorecard.CUSTOMERS)
    return [scorecard.table(context, ranking)] if ranking else []
