"""What the release's DDL makes is what Alembic makes, to the last right."""

import difflib
import re
import subprocess

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.backups.copies.setup import programs_of
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.schema_migrations.drift import definition
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import pool, rendering, service, template
from dashboard.tenants.creating.blueprint import BlueprintError
from dashboard.tenants.service import create_tenant
from tests.conftest import Servers
from tests.tenants.creating.conftest import Makings

pytestmark = [
    pytest.mark.commits,
    pytest.mark.xdist_group("creating"),
    pytest.mark.usefixtures("blueprint"),
]
LATEST = text("SELECT detail ->> 'way' FROM operation WHERE action = 'tenant.create' AND target = :slug")


def way_of(tenant: TenantRef) -> str:
    """How a tenant was made, as the log of operations tells."""
    with db.engines["control"].connect() as connection:
        return connection.scalar(LATEST, {"slug": tenant.slug}) or ""


def dump(servers: Servers, tenant: TenantRef) -> list[str]:
    """Everything pg_dump knows of a schema, with one name for all."""
    schema = tenant.schema
    program = programs_of(get_settings()) / "pg_dump"
    command = (str(program), servers.postgres.url("erp_test"), "--schema-only", "-n", schema)
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text_of_it = re.sub(r"(?m)^\\.*\n", "", found)
    return re.sub(rf"\b({schema}|{tenant.role})\b", "tenant", text_of_it).splitlines()


@pytest.mark.parametrize("spares", [0, 1], ids=["from the blueprint", "from a spare"])
def test_each_definition_is_the_one_alembic_makes(
    makings: Makings, acme: TenantRef, servers: Servers, spares: int
) -> None:
    pool.keep(spares)
    made = create_tenant("Made", makings.slug())
    assert way_of(made) == ("spare" if spares else "blueprint")
    migrated, found = makings.objects(acme), makings.objects(made)
    assert len(migrated) > 1000
    assert sorted(set(migrated) ^ set(found)) == []
    with db.engines["owner"].connect() as connection:
        prints = [definition.fingerprint(connection, one.schema, role=one.role) for one in (acme, made)]
    assert prints[0] == prints[1]
    differing = difflib.unified_diff(dump(servers, acme), dump(servers, made), n=0, lineterm="")
    assert list(differing) == []


def test_a_tenant_of_the_blueprint_works_and_is_in_the_ledger(makings: Makings) -> None:
    made = create_tenant("Made", makings.slug(), actor="somebody")
    with use_tenant(made, actor="tester") as session:
        session.execute(text("INSERT INTO unit (code, name, factor) VALUES ('kg', 'Kilogram', 1)"))
        assert session.scalar(text("SELECT actor FROM row_history ORDER BY id DESC LIMIT 1")) == "tester"
    with db.engines["owner"].connect() as connection:
        head = connection.execute(
            text("SELECT kind, revision FROM schema_head WHERE tenant_id = :id"), {"id": made.id}
        ).one()
        moved = connection.execute(
            text("SELECT from_revision, to_revision, applied_by FROM tenant_revision WHERE tenant_id = :id"),
            {"id": made.id},
        ).one()
    assert tuple(head) == ("tenant", blueprints.head())
    assert tuple(moved) == (None, blueprints.head(), "somebody")


def test_the_ddl_names_neither_template_nor_owner_nor_settings(app: Flask) -> None:
    with db.engines["owner"].connect() as connection:
        found = blueprints.find(connection)
    assert found is not None
    assert not re.search(r"template_\d|steward_owner", found.ddl)
    assert not re.search(r"(?m)^(\\|SET (?!LOCAL )|SELECT pg_catalog\.set_config)", found.ddl)


def test_an_empty_schema_is_made_in_the_callers_transaction(makings: Makings, acme: TenantRef) -> None:
    name = f"tenant_{makings.stem}_empty"
    with db.engines["owner"].connect() as connection:
        assert service.make_schema(connection, name, name) == blueprints.head()
        made = definition.fingerprint(connection, name, role=name)
        assert made == definition.fingerprint(connection, acme.schema, role=acme.role)
        connection.rollback()
    assert makings.traces(f"{makings.stem}-empty") == []


def test_other_migration_files_make_another_blueprint_and_other_spares(
    makings: Makings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.keep(1)
    before = makings.spares()
    monkeypatch.setattr(blueprints, "code_hash", lambda: "of the next release")
    with db.engines["owner"].connect() as connection:
        assert blueprints.find(connection) is None
        assert connection.execute(pool.LIST, pool.release()).all() == [], "a spare of other code may be taken"
    makings.sql("UPDATE schema_head SET fingerprint = 'of the former release' WHERE kind = 'spare'")
    kept = pool.keep(1)
    assert (kept.dropped, len(kept.made), kept.ready) == (before, 1, 1)
    monkeypatch.undo()
    makings.sql("UPDATE tenant_blueprint SET code_hash = :code", code=blueprints.code_hash())


def without_policies(dump: str, **names: object) -> str:
    """A rendering that loses something."""
    return re.sub(r"(?m)^CREATE POLICY .*;\n", "", RENDER(dump, **names))  # type: ignore[arg-type]


def with_a_row(connection: object, tenant: TenantRef, *, actor: str) -> None:
    """Migrations that leave a row behind."""
    template_made(connection, tenant, actor=actor)  # type: ignore[arg-type]
    statement = f"INSERT INTO {tenant.schema}.unit (code, name, factor) VALUES ('kg', 'Kilogram', 1)"
    connection.exec_driver_sql(statement)  # type: ignore[attr-defined]


template_made, RENDER = template.create_by_alembic, rendering.render


class Told:
    """A log that keeps why something was not done."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def warning(self, _event: str, *, reason: str, **_facts: object) -> None:
        self.reasons.append(reason)

    def info(self, _event: str, **_facts: object) -> None:
        """Nothing to keep."""


@pytest.mark.parametrize(
    ("module", "name", "broken", "reason"),
    [
        (rendering, "render", without_policies, "policy quote_price.submitted"),
        (template, "create_by_alembic", with_a_row, "rows into row_history, unit"),
    ],
    ids=["DDL that lost something", "rows of a migration"],
)
def test_what_ddl_cannot_make_is_left_to_alembic_and_said_in_the_log(
    makings: Makings,
    acme: TenantRef,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    name: str,
    broken: object,
    reason: str,
) -> None:
    told = Told()
    for place in (template, service):
        monkeypatch.setattr(place, "log", told)
    with db.engines["owner"].connect() as connection:
        whole = connection.scalar(text("SELECT ddl FROM tenant_blueprint"))
    monkeypatch.setattr(module, name, broken)
    try:
        assert template.make_blueprint().ddl == ""
        monkeypatch.setattr(module, name, {"render": RENDER, "create_by_alembic": template_made}[name])
        made = create_tenant("By Alembic", makings.slug())
    finally:
        monkeypatch.undo()
        makings.sql("UPDATE tenant_blueprint SET ddl = :ddl", ddl=whole)
    assert way_of(made) == "alembic"
    assert set(makings.objects(made)) == set(makings.objects(acme))
    assert reason in told.reasons[0]
    assert "cannot be made from DDL" in told.reasons[1]


def test_without_a_blueprint_nothing_is_replayed(makings: Makings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blueprints, "code_hash", lambda: "of another release")
    with (
        db.engines["owner"].connect() as connection,
        pytest.raises(BlueprintError, match="not been made yet"),
    ):
        service.make_schema(connection, "tenant_never", "tenant_never")
    assert way_of(create_tenant("Before the job", makings.slug())) == "alembic"
