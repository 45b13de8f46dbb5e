"""Through PgBouncer in transaction mode any transaction gets any server connection, never another tenant."""

import secrets
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.app import create_app
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.servers import scratch_folder
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.conftest import Servers
from tests.pooler import pgbouncer

pytestmark = pytest.mark.commits
THREADS, ROUNDS, CONNECTIONS = 8, 25, 2
WHO = text(
    "SELECT current_user, current_schema, pg_backend_pid(), current_setting('steward.actor'),"
    " (SELECT count(*) FROM unit WHERE code LIKE 'pool-%')"
)
WRITE = text("INSERT INTO unit (code, name) VALUES (:code, 'through the pool')")


@pytest.fixture
def pooled(app: Flask, servers: Servers, settings: Settings) -> Iterator[Flask]:
    """The product with its app login behind PgBouncer, which has two connections for eight threads."""
    login = {"user": "steward_app", "password": "app", "size": CONNECTIONS}
    with scratch_folder() as folder, pgbouncer(servers, folder, **login) as console:  # type: ignore[arg-type]
        url = console.replace("postgres:console", "steward_app:app").replace("/pgbouncer", "/erp_test")
        url = url.replace("postgresql://", "postgresql+psycopg2://")
        pooled = create_app(settings.model_copy(update={"database_url": url}))
        yield pooled
        with pooled.app_context():
            for engine in db.engines.values():
                engine.dispose()
    with app.app_context():
        for slug in ("acme", "globex"):
            with use_tenant(tenancy.get_tenant(slug), actor="tester") as session:
                session.execute(text("DELETE FROM unit WHERE code LIKE 'pool-%'"))
                session.commit()


def work(pooled: Flask, tenant: TenantRef, seen: list[tuple[object, ...]]) -> None:
    """Look who one is, write a row, and look again in the next transaction, many times."""
    actor = secrets.token_hex(4)
    with pooled.app_context():
        for number in range(ROUNDS):
            with use_tenant(tenant, actor=actor) as session:
                user, schema, process, told, _ = session.execute(WHO).one()
                seen.append((tenant.slug, user, schema, told == actor, process))
                session.execute(WRITE, {"code": f"pool-{actor}-{number}"})
                session.commit()


def test_eight_threads_of_two_tenants_on_two_connections_never_meet(app: Flask, pooled: Flask) -> None:
    with app.app_context():
        tenants = [tenancy.get_tenant(slug) for slug in ("acme", "globex")]
    seen = list[tuple[object, ...]]()
    threads = [
        threading.Thread(target=work, args=(pooled, tenants[number % 2], seen)) for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == THREADS * ROUNDS
    assert {row[:4] for row in seen} == {(one.slug, one.role, one.schema, True) for one in tenants}
    assert len({row[4] for row in seen}) <= CONNECTIONS, "they did share server connections"
    with app.app_context():
        for tenant in tenants:
            with use_tenant(tenant, actor="tester") as session:
                assert session.execute(WHO).one()[4] == THREADS // 2 * ROUNDS, "each row is in its own tenant"


def test_nothing_of_a_tenant_is_left_on_a_server_connection(app: Flask, pooled: Flask) -> None:
    with app.app_context():
        acme = tenancy.get_tenant("acme")
    with pooled.app_context():
        for _ in range(2 * CONNECTIONS):
            with use_tenant(acme, actor="tester") as session:
                session.execute(WHO)
                session.commit()
        with db.engine.connect() as bare:
            left = bare.execute(text("SELECT current_user, current_setting('search_path')")).one()
    assert left[0] == "steward_app"
    assert acme.schema not in left[1]
