"""Records for the journeys' tenant: few, of every kind, with names long enough to break a narrow page."""

from collections.abc import Callable
from typing import Any

from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories

LONG_NAME = "Donaudampfschifffahrtsgesellschaft Metallverarbeitung und Oberflächentechnik GmbH & Co. KG"


def fill(tenant: TenantRef) -> None:
    """Write and commit one record of every kind, and suppliers enough for a second page."""
    with use_tenant(tenant, actor="journey@example.com"):
        organization = factories.OrganizationFactory(name="Journey Works")
        for make in makers():
            make()
        factories.WarehouseFactory(organization=organization)
        factories.SupplierFactory(organization=organization, name=LONG_NAME)
        for _ in range(60):
            factories.SupplierFactory(organization=organization)
        db.session.commit()


def makers() -> list[Callable[..., Any]]:
    """Give one maker for every entity that tests/factories.py knows."""
    made = [value for name, value in vars(factories).items() if name.endswith("Factory")]
    base = factories._Flushing
    return [maker for maker in made if isinstance(maker, type) and issubclass(maker, base)]
