"""The check of all tenants finds what is wrong, and its attempts to break out really run."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from dashboard.core.db import db
from dashboard.health.queries import get_reading
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants import probes
from dashboard.tenants.inspection import READING, inspect_tenants


def test_every_attempt_is_refused_in_a_sound_cluster(acme: TenantRef) -> None:
    with db.engine.connect() as connection:
        attempts = probes.try_to_escape(connection, acme, [tenancy.get_tenant("globex")])
    assert len(attempts) >= 10
    assert [attempt for attempt in attempts if not attempt.was_refused] == []


def test_a_hole_is_found(acme: TenantRef, globex: TenantRef) -> None:
    hole = f"{globex.schema}.row_history"
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(
            f"GRANT USAGE ON SCHEMA {globex.schema} TO {acme.role}; GRANT SELECT ON {hole} TO {acme.role}"
        )
    try:
        with db.engine.connect() as connection:
            attempts = probes.try_to_escape(connection, acme, [globex])
        assert [attempt.title for attempt in attempts if not attempt.was_refused] == [
            "read another tenant's history"
        ]
    finally:
        with db.engines["owner"].begin() as connection:
            connection.exec_driver_sql(
                f"REVOKE ALL ON {hole} FROM {acme.role};"
                f" REVOKE USAGE ON SCHEMA {globex.schema} FROM {acme.role}"
            )


def test_a_schema_of_no_tenant_is_named(app: object) -> None:
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA tenant_stray")
    try:
        with db.engines["monitor"].connect() as connection:
            facts = {fact.schema: fact for fact in probes.read_schemas(connection)}
        assert facts["tenant_stray"].problem == "a schema that belongs to no tenant"
        assert facts["tenant_acme"].problem == ""
        assert facts["tenant_acme"].tables > 10
    finally:
        with db.engines["owner"].begin() as connection:
            connection.exec_driver_sql("DROP SCHEMA tenant_stray")


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"has_schema": False}, "the schema is missing"),
        ({"has_role": False}, "the role is missing"),
        ({"tables": 0}, "the schema has no tables"),
    ],
)
def test_a_problem_is_said_in_words(facts: dict[str, bool | int], problem: str) -> None:
    sound = {"slug": "x", "schema": "tenant_x", "is_registered": True, "has_schema": True, "has_role": True}
    fact = probes.SchemaFacts(**{**sound, "owner": "o", "tables": 3, "bytes": 1, "rows": 1, **facts})  # type: ignore[arg-type]
    assert fact.problem == problem


def test_the_page_shows_what_was_read_and_when(login: Callable[..., FlaskClient]) -> None:
    browser = login()
    assert "not checked yet" in browser.get("/admin/tenants/").get_data(as_text=True)
    counts = inspect_tenants()
    db.session.commit()
    assert (counts["problems"], counts["escapes"]) == (0, 0)
    assert get_reading(READING) is not None
    page = browser.get("/admin/tenants/").get_data(as_text=True)
    assert "attempts refused" in page
    assert "As of" in page
    details = browser.get("/admin/tenants/acme/").get_data(as_text=True)
    assert "permission denied" in details
