"""Every revision of every history goes up, down and up again, on databases of its own."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

from dashboard.app import create_app
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.schema_migrations import service
from dashboard.schema_migrations.drift.definition import ITSELF, read_objects
from dashboard.schema_migrations.histories import PLANS, History
from dashboard.schema_migrations.revisions import list_revisions
from dashboard.servers import ErpPasswords, bootstrap_control, bootstrap_erp
from dashboard.tenants.service import create_tenant
from tests.conftest import Servers

ERP, CONTROL = "erp_each", "control_each"
SLUG = "each-revision"
# What was handed to the role of sealed prices stays with it, so that nobody takes it back to read them:
# the way back leads on to before the tables were there.
ONE_WAY = {(History.TENANT, "0007"): "0005"}


@pytest.fixture(scope="module")
def empty(servers: Servers, settings: Settings) -> Iterator[Flask]:
    """The product on two databases that nobody migrated yet."""
    postgres = servers.postgres
    bootstrap_erp(
        postgres.url("postgres"), ERP, ErpPasswords("owner", "app", "monitor", "replication", "backup")
    )
    bootstrap_control(postgres.url("postgres"), CONTROL, "control")
    update = {
        "control_url": postgres.url(CONTROL, "steward", "control"),
        "database_url": postgres.url(ERP, "steward_app", "app"),
        "database_direct_url": postgres.url(ERP, "steward_owner", "owner"),
        "database_monitor_url": postgres.url(ERP, "steward_monitor", "monitor"),
    }
    driver = {name: url.replace("postgresql://", "postgresql+psycopg2://") for name, url in update.items()}
    made = create_app(settings.model_copy(update=driver))
    yield made
    with made.app_context():
        for engine in db.engines.values():
            engine.dispose()
    _drop(postgres.url("postgres"))


def _drop(url: str) -> None:
    with closing(psycopg2.connect(url)) as link:
        link.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
        with link.cursor() as at:
            for database in (ERP, CONTROL):
                at.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            at.execute("DROP ROLE IF EXISTS tenant_each_revision")


def definition(history: History, schema: str) -> set[tuple[str, str, str]]:
    """What a schema consists of, without where it stands and who may enter: that is no history's business."""
    with db.engines[PLANS[history].bind].connect() as connection:
        found = read_objects(connection, schema, role=schema)
        return {entry for entry in found if "_version" not in entry[1] and entry[0] != ITSELF}


def move(history: History, schema: str, to: str, *, up: bool) -> None:
    """Go to a revision, for real."""
    with db.engines[PLANS[history].bind].connect() as connection:
        (service.upgrade if up else service.downgrade)(connection, history, schema, to)
        connection.commit()


def walk(history: History, schema: str) -> int:
    """Take each revision up, down and up again; returns how many there were."""
    revisions = list(reversed(list_revisions(history)))
    stood = {"base": definition(history, schema)}
    for revision in revisions:
        move(history, schema, revision.id, up=True)
        stood[revision.id] = definition(history, schema)
        parent = revision.parents[0] if revision.parents else "base"
        below = ONE_WAY.get((history, revision.id), parent)
        move(history, schema, below, up=False)
        left = definition(history, schema) ^ stood[below]
        assert not left, f"the downgrade of {history.value} {revision.id} leaves or takes {sorted(left)}"
        move(history, schema, revision.id, up=True)
        changed = definition(history, schema) ^ stood[revision.id]
        assert not changed, f"a second upgrade to {revision.id} makes something else: {sorted(changed)}"
    return len(revisions)


def test_each_revision_goes_up_down_and_up_again(empty: Flask) -> None:
    """Control and shared tables first: a tenant's revisions need them."""
    with empty.app_context():
        for history in (History.CONTROL, History.SHARED):
            assert walk(history, "public") == len(list_revisions(history))
        schema = create_tenant("Each revision", SLUG).schema
        migrated = definition(History.TENANT, schema)
        move(History.TENANT, schema, "base", up=False)
        assert walk(History.TENANT, schema) == len(list_revisions(History.TENANT))
        assert definition(History.TENANT, schema) == migrated, "a new tenant is what its history makes"
