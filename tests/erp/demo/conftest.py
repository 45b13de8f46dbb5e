"""One tenant with the small profile for all tests of the demo data; nobody commits into it."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.demo import service
from dashboard.erp.demo.service import DemoReport
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant


@pytest.fixture(scope="package")
def demo(app: Flask) -> Iterator[tuple[TenantRef, DemoReport]]:
    """A tenant with the small profile, and what loading it reported."""
    with app.app_context():
        tenant = create_tenant("Demo Works", "demo-works")
        report = service.load(tenant, "small")
    yield tenant, report
    with app.app_context(), db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(
            f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
            f" DROP ROLE {tenant.role}"
        )
    tenancy.forget()


@pytest.fixture
def inside(app: Flask, demo: tuple[TenantRef, DemoReport]) -> Iterator[Session]:
    """A session of the tenant; what it writes is rolled back."""
    with use_tenant(demo[0], actor="tester@example.com") as session:
        yield session
