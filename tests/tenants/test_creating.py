"""A tenant is created whole or not at all."""

import secrets
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.creating import service as creating
from dashboard.tenants.creating.registering import Registered
from dashboard.tenants.service import create_tenant, slug_of

LEFT = text(
    "SELECT count(*) FROM (SELECT nspname FROM pg_namespace UNION ALL SELECT rolname FROM pg_roles"
    " UNION ALL SELECT slug FROM public.tenant) AS names (name) WHERE name LIKE :pattern"
)


@pytest.fixture
def slug(app: Flask) -> Iterator[str]:
    """A short name nobody has; what was made of it is removed."""
    slug = f"t{secrets.token_hex(4)}"
    yield slug
    with app.app_context(), db.engines["owner"].begin() as connection:
        names = connection.scalars(text("SELECT schema_name FROM tenant WHERE slug = :s"), {"s": slug}).all()
        for schema in names:
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema}")
        connection.execute(text("DELETE FROM tenant WHERE slug = :s"), {"s": slug})
    tenancy.forget()


def left_of(slug: str) -> int:
    """How many schemas, roles and registry rows carry the name."""
    with db.engines["owner"].connect() as connection:
        return connection.scalar(LEFT, {"pattern": f"%{slug}%"}) or 0


@pytest.mark.commits
def test_a_new_tenant_has_tables_head_domain_and_history(app: Flask, slug: str) -> None:
    with app.app_context():
        tenant = create_tenant("Söhne & Töchter", slug)
        assert tenancy.find_by_host(f"{slug}.localhost") == tenant
        with use_tenant(tenant, actor="tester") as session:
            session.execute(text("INSERT INTO unit (code, name, factor) VALUES ('kg', 'Kilogram', 1)"))
            assert session.scalar(text("SELECT actor FROM row_history ORDER BY id DESC LIMIT 1")) == "tester"
        with db.engines["owner"].connect() as connection:
            assert (migrations.current(connection, History.TENANT, tenant.schema),) == migrations.heads(
                History.TENANT
            )


@pytest.mark.commits
def test_a_failure_on_the_way_leaves_nothing(app: Flask, slug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish = creating._furnish

    def fail(connection: Connection, registered: Registered, actor: str) -> None:
        furnish(connection, registered, actor)
        raise RuntimeError("power cut")

    monkeypatch.setattr(creating, "_furnish", fail)
    with app.app_context(), pytest.raises(RuntimeError, match="power cut"):
        create_tenant("Half", slug)
    with app.app_context():
        assert left_of(slug) == 0


@pytest.mark.commits
def test_a_taken_schema_name_gets_a_suffix(app: Flask, slug: str) -> None:
    with app.app_context():
        with db.engines["owner"].begin() as connection:
            connection.exec_driver_sql(f"CREATE SCHEMA tenant_{slug}")
        try:
            assert create_tenant("Second", slug).schema == f"tenant_{slug}_2"
        finally:
            with db.engines["owner"].begin() as connection:
                connection.exec_driver_sql(f"DROP SCHEMA tenant_{slug}")


def test_a_taken_slug_or_domain_is_refused(app: Flask) -> None:
    with pytest.raises(ConflictError) as taken:
        create_tenant("Acme again", "acme")
    assert taken.value.fields == {"slug": "The short name 'acme' is taken by another tenant."}
    with pytest.raises(ConflictError) as domain:
        create_tenant("Other", "other-one", domain="acme.localhost")
    assert domain.value.fields == {"domain": "The domain 'acme.localhost' is taken by another tenant."}


@pytest.mark.parametrize(
    ("name", "slug"), [("", ""), ("   ", "x"), ("n" * 121, ""), ("Fine", "Not Fine"), ("Fine", "1st")]
)
def test_an_unusable_name_is_refused(app: Flask, name: str, slug: str) -> None:
    with pytest.raises(InvalidInputError):
        create_tenant(name, slug)


@pytest.mark.parametrize(
    ("name", "slug"), [("Söhne & Co.", "sohne-co"), ("北方", "tenant"), ("3M", "m"), ("  A  B ", "a-b")]
)
def test_a_short_name_is_made_from_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@pytest.mark.commits
def test_the_command_line_creates_and_lists(app: Flask, slug: str) -> None:
    runner: FlaskCliRunner = app.test_cli_runner()
    assert "created" in runner.invoke(args=["tenants", "create", "By Hand", "--slug", slug]).output
    assert slug in runner.invoke(args=["tenants", "list"]).output
    again = runner.invoke(args=["tenants", "create", "By Hand", "--slug", slug])
    assert again.exit_code == 1
    assert "is taken" in again.output
    assert "Traceback" not in again.output


def test_an_unknown_tenant_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFoundError):
        tenancy.get_tenant("nobody")
