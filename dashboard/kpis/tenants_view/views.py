"""The page across tenants: no tenant in its address, and only those a person may see Insights of."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.kpis.pages import overview
from dashboard.kpis.pages.overview import TITLES
from dashboard.kpis.tenants_view import rows
from dashboard.tenancy.models import TenantStatus
from dashboard.tenancy.queries import known_tenants

blueprint = Blueprint("insights_tenants", __name__, url_prefix="/insights")
SEES = "insights.overview.view"


@blueprint.get("/")
@requires("self.account.edit")
def page() -> ResponseReturnValue:
    """Headline figures side by side: of no tenant for who may see none, so nobody needs to be refused."""
    tenants = [
        tenant
        for tenant in known_tenants()
        if tenant.status == TenantStatus.ACTIVE and current_user.can(SEES, tenant.slug)
    ]
    view = rows.build(tenants, request.args.get("area", ""), request.args.get("kpi", ""))
    areas = dict.fromkeys(kpi.area for kpi in overview.headlines())
    tabs = [(TITLES[area], url_for("insights_tenants.page", area=area), area == view.area) for area in areas]
    return render_template("kpis/tenants/tenants.html", view=view, tabs=tabs)
