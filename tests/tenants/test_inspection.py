"""The check of all tenants finds what is wrong, sizes them, and says how near the limits are."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenants import limits, listing, probes
from dashboard.tenants.inspection import inspect_tenants
from dashboard.tenants.isolation import rounds


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
        ({"status": "archived"}, "archived, but its schema is still there"),
        ({"status": "archived", "has_schema": False, "has_role": False, "tables": 0}, ""),
    ],
    ids=["no schema", "no role", "no tables", "archived with a schema", "archived"],
)
def test_a_problem_is_said_in_words(facts: dict[str, Any], problem: str) -> None:
    sound: dict[str, Any] = {
        "slug": "x",
        "schema": "tenant_x",
        "status": "active",
        "is_registered": True,
        "has_schema": True,
        "has_role": True,
        "owner": "o",
        "tables": 3,
    }
    assert probes.SchemaFacts(**{**sound, **facts}).problem == problem


def test_sizes_and_last_changes_are_read_set_by_set(acme: TenantRef, globex: TenantRef) -> None:
    schemas = [acme.schema, globex.schema]
    with db.engines["monitor"].connect() as connection:
        tables = probes.read_tables(connection, schemas)
        estimated = probes._tables(connection, schemas, probes.COUNTED)
    assert {table.schema for table in tables} == set(schemas)
    assert sum(table.bytes for table in tables) > 1_000_000
    assert [(table.schema, table.name) for table in tables] == [(t.schema, t.name) for t in estimated]
    with db.engines["owner"].connect() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO {acme.schema}.row_history"
            " (table_name, record_id, operation, session_user_name, application_name, transaction_id)"
            " VALUES ('probe', 1, 'I', 'tester', 'tests', 1)"
        )
        changes = probes.read_last_changes(connection, schemas)  # rolls the row back
    assert changes.get(acme.schema)


def test_a_locked_table_holds_nobody_up(acme: TenantRef, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.engines["owner"].connect() as holder, db.engines["monitor"].connect() as connection:
        holder.exec_driver_sql(f"LOCK TABLE {acme.schema}.row_history IN ACCESS EXCLUSIVE MODE")
        connection.exec_driver_sql("SET lock_timeout TO '50ms'")
        connection.commit()
        tables = probes.read_tables(connection, [acme.schema])
        with db.engines["owner"].connect() as reader:
            assert probes.read_last_changes(reader, [acme.schema]) == {}
        holder.rollback()
    assert "row_history" in {table.name for table in tables}


def test_the_pages_show_what_was_read_and_when(login: Callable[..., FlaskClient], acme: TenantRef) -> None:
    browser = login("dba")
    assert "not checked yet" in browser.get("/admin/tenants/").get_data(as_text=True)
    steps: list[tuple[int, int]] = []
    counts = inspect_tenants(lambda done, total, _text: steps.append((done, total)))
    rounds.check_all(lambda _done, _total, _text: None, actor="tester")
    db.session.commit()
    assert counts["problems"] == 0
    assert steps[-1][0] == steps[-1][1] > 0
    page = browser.get("/admin/tenants/").get_data(as_text=True)
    assert "As of" in page
    assert "nothing open" in page
    details = browser.get("/admin/tenants/acme/").get_data(as_text=True)
    assert "permission denied" in details
    assert "row_history" in details
    assert "What can be done with it" in details


def test_the_list_is_found_sorted_and_cut(login: Callable[..., FlaskClient]) -> None:
    inspect_tenants(lambda _done, _total, _text: None)
    browser = login("admin")
    found = browser.get("/admin/tenants/?q=ACM").get_data(as_text=True)
    assert "/admin/tenants/acme/" in found
    assert "/admin/tenants/globex/" not in found
    names = [line.ref.slug for line in listing.build(listing.Wish(sort="-name")).lines]
    assert names.index("globex") < names.index("acme")
    assert "No tenant fits" in browser.get("/admin/tenants/?status=archived").get_data(as_text=True)
    for sort in listing.ORDERS:
        assert browser.get(f"/admin/tenants/?sort=-{sort}&page=99&status=active").status_code == 200


LARGE = probes.DatabaseFacts(
    schemas=1000,
    relations=164_000,
    dump_locks=130_000,
    catalog_bytes=450 * 1024**2,
    drop_locks=517,
    max_locks=64,
    sessions=100,
)


def test_the_limits_of_many_tenants_are_said_with_what_to_do() -> None:
    found = {limit.title: limit for limit in limits.judge(LARGE)}
    assert len(found) == 4
    dump = found["A pg_dump of the whole database needs more locks"]
    assert dump.is_passed
    assert "Set max_locks_per_transaction to 4,096" in dump.fix
    assert limits.judge(replace(LARGE, schemas=10, relations=9000, dump_locks=900, catalog_bytes=10**7)) == []
    [drop] = limits.judge(
        replace(LARGE, schemas=10, relations=9000, dump_locks=90, catalog_bytes=10**7, drop_locks=6000)
    )
    assert drop.title == "Dropping a tenant needs more locks"
