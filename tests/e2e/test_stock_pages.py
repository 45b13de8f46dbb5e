"""The pages on which stock is adjusted and moved, wide and narrow, light and dark."""

from collections.abc import Callable

import pytest
from flask import Flask

from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.e2e.conftest import NARROW, WIDE
from tests.e2e.places import Frame
from tests.e2e.watching import look_at


@pytest.fixture
def _has_warehouse(app: Flask, filled_tenant: TenantRef) -> None:
    """Make sure that there is somewhere to keep things."""
    with app.app_context(), use_tenant(filled_tenant, actor="maker@example.com") as session:
        factories.WarehouseFactory(name="Central")
        session.commit()


@pytest.mark.usefixtures("_has_warehouse")
@pytest.mark.parametrize("name", ["adjust", "transfer"])
def test_stock_is_entered_on_any_screen(
    name: str, live_server: str, filled_tenant: TenantRef, enter: Callable[..., Frame]
) -> None:
    page = enter("staff").page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/records/stock/{name}")
    look_at(page, f"stock-{name}", NARROW, WIDE)
