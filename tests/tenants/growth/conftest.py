"""A tenant with demo data whose large tables are partitioned, archived and brought back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.schema_migrations.drift import definition
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant
from tests.conftest import Servers
from tests.tenants.rewinding.past import Past, past_of, remove_tenant


@pytest.fixture
def past(app: Flask, servers: Servers, settings: Settings) -> Iterator[Past]:
    """A tenant with demo data."""
    with app.app_context(), past_of(servers.postgres.url, "erp_test", settings) as past:
        yield past


@pytest.fixture
def empty(app: Flask, servers: Servers, settings: Settings) -> Iterator[Past]:
    """A tenant without any, which is made sooner."""
    with app.app_context():
        tenant = create_tenant("Growing", "growing")
        yield Past(tenant, servers.postgres.url, "erp_test", settings)
        db.session.remove()
        remove_tenant(tenant)


@contextmanager
def at_work(past: Past) -> Iterator[Session]:
    """Work as the tenant; committed at the end."""
    with use_tenant(past.tenant, actor="ada@example.com", request_id="req-1") as session:
        yield session
        session.commit()


def fingerprint(past: Past) -> str:
    """What the drift page compares."""
    with db.engines["owner"].begin() as connection:
        return definition.fingerprint(connection, past.tenant.schema, role=past.tenant.role)
