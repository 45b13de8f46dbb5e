"""The migration desk: three histories, every schema's place, and what the card says of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.schema_migrations import probes, queries, reading
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from dashboard.schema_migrations.grid import GridFilter, choose
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.ledger import Standing, read_ledger
from dashboard.schema_migrations.probes import Fleet, read_control, read_fleet
from dashboard.schema_migrations.revisions import behind, head_of, list_revisions
from dashboard.schema_migrations.views import card
from dashboard.servers import free_port
from tests.conftest import Servers

Login = Callable[..., FlaskClient]
PAGE = "/database/migrations/"
NOW = datetime.now(UTC)


def row(name: str = "Late", revision: str | None = None, **changes: Any) -> Standing:
    schema = f"tenant_{name.lower()}"
    found = Standing(
        schema, "tenant", name.lower(), name, "active", schema, revision, str(NOW), "f" * 64, str(NOW)
    )
    return found._replace(**changes)


def store(*rows: Standing, error: str = "", **changes: Any) -> None:
    """Store what a look at such a fleet stores."""
    heads = list(head_of(History.TENANT))
    seen = Fleet(head_of(History.SHARED)[0], list(rows), [], [], [])
    facts = {"shared": seen.shared} | reading.summary(seen, heads, NOW) | changes
    control = head_of(History.CONTROL)[0]
    store_reading(queries.READING, {"control": control, "heads": heads, "fleet": facts})
    store_reading(queries.COPY, {"rows": rows})
    if error:
        store_reading(queries.READING, {}, error)
    db.session.commit()


def test_heads_of_control_shared_and_every_tenant_are_read(
    app: Flask, control: Session, settings: Settings
) -> None:
    assert reading.refresh_heads(settings)["schemas"] >= 2
    stored = queries.get_heads_reading()
    assert stored is not None
    assert queries.fleet_of(stored)["differences"] == []
    rows = {row.slug: row for row in queries.get_ledger(stored).rows}
    assert rows["acme"].revision == head_of(History.TENANT)[0]
    assert {view.status for view in queries.list_histories(stored, list(rows.values()))} == {"current"}


def test_page_shows_revisions_with_their_docstrings(
    app: Flask, control: Session, settings: Settings, login: Login
) -> None:
    reading.refresh_heads(settings)
    control.commit()
    html = login("dba").get(PAGE).text
    assert list_revisions(History.SHARED)[-1].title.split(":")[0] in html
    assert "Acme" in html
    assert card().status == "current"


def test_what_was_applied_is_told_by_revision(
    app: Flask, control: Session, settings: Settings, login: Login
) -> None:
    reading.refresh_heads(settings)
    control.commit()
    moves = queries.fleet_of(queries.get_heads_reading())["moves"]
    newest = next(move for move in moves if move["revision"] == head_of(History.TENANT)[0])
    assert newest["tenants"] >= 2
    assert 0 < newest["median_ms"] <= newest["longest_ms"]
    assert newest["first_at"] <= newest["last_at"]
    assert "Half took at most" in login("dba").get(PAGE).text


@pytest.mark.parametrize(
    ("revision", "status"),
    [(None, "never migrated"), ("gone-from-code", "unknown revision"), ("oldest", "pending")],
    ids=["never", "unknown", "oldest"],
)
def test_schema_that_is_not_at_the_head_is_marked(
    control: Session, login: Login, revision: str | None, status: str
) -> None:
    ids = [known.id for known in list_revisions(History.TENANT)]
    late = row(revision=ids[-1] if revision == "oldest" else revision)
    store(late, row("Fine", ids[0]), error="connection refused")
    seen = queries.list_schemas([late], set())[0]
    assert (seen.status, seen.behind) == (status, behind(History.TENANT, late.revision))
    assert seen.behind == {None: len(ids), "oldest": len(ids) - 1}.get(revision)
    html = login("dba").get(f"{PAGE}?show=behind").text
    assert "Late" in html
    assert ">Fine<" not in html.replace(" ", "").replace("\n", "")
    store(late)
    assert card().status == "pending"
    assert "late" in card().text


def test_page_without_the_erp_shows_what_was_last_read(control: Session, login: Login) -> None:
    store(row(revision=head_of(History.TENANT)[0]), error="connection refused")
    html = login("dba").get(PAGE).text
    assert "Late" in html
    assert "connection refused" in html
    assert card().status == "critical"


def test_ledger_that_disagrees_with_the_schema_is_shown(control: Session, login: Login) -> None:
    found = {"schema": "tenant_acme", "name": "Acme", "ledger": "0006", "own": None}
    store(row(revision="0006"), differences=[found], strays=["tenant_lost"])
    html = login("dba").get(PAGE).text
    assert "the ledger says 0006, tenant_acme says nothing" in html
    assert "tenant_lost" in html


def test_ledger_is_compared_with_each_schemas_own_version(app: Flask, settings: Settings) -> None:
    """Alembic by hand moves a schema and tells the ledger nothing; a schema of nobody is a stray."""
    with db.engines["owner"].connect() as owner, owner.begin() as moved:
        owner.exec_driver_sql("UPDATE tenant_acme.alembic_version SET version_num = '0001'")
        owner.exec_driver_sql("CREATE SCHEMA tenant_stray CREATE TABLE alembic_version (version_num text)")
        link = owner.connection.driver_connection
        assert link is not None
        tables = probes.list_version_tables(link)
        rows = read_ledger(owner)
        head = head_of(History.TENANT)[0]
        found = probes.compare(link, rows, tables)
        assert found == [probes.Difference("tenant_acme", "Acme", head, "0001")]
        assert "tenant_stray" in probes.list_strays(rows, tables)
        moved.rollback()
    assert read_fleet(settings.database_direct_url).differences == []


def test_halted_run_is_the_first_thing_on_the_card(control: Session) -> None:
    plan = FleetPlan(to_revision="0007", sql_hash="x", steps=[], actor="a@example.com")
    control.add(plan)
    control.flush()
    control.add(FleetRun(plan_id=plan.id, status="halted", reason="tenant_late: no such table", actor="a"))
    store(row(revision=head_of(History.TENANT)[0]))
    assert card().status == "critical"
    assert "halted: tenant_late: no such table" in card().text


def test_drift_is_on_the_card(control: Session) -> None:
    head = head_of(History.TENANT)[0]
    store(*(row(name, head) for name in ("A", "B")), row("C", head, fingerprint="0" * 64))
    assert card().status == "warning"
    assert f"differ at revision {head}" in card().text


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"a", "b", "spare"}),
        ({"q": "TENANT_A"}, {"a"}),
        ({"q": "0001"}, {"b"}),
        ({"show": "behind"}, {"b"}),
        ({"show": "drift"}, {"a"}),
        ({"show": "unread"}, {"spare"}),
        ({"show": "pool"}, {"spare"}),
        ({"show": "nonsense", "q": "nobody"}, set()),
    ],
    ids=["all", "name", "revision", "behind", "drift", "unread", "pool", "none"],
)
def test_grid_is_filtered(asked: dict[str, str], found: set[str]) -> None:
    head = head_of(History.TENANT)[0]
    spare = row("spare", head, kind="spare", slug="", fingerprint=None)
    schemas = queries.list_schemas([row("a", head), row("b", "0001"), spare], {"tenant_a"})
    grid = choose(schemas, GridFilter.read(asked))
    assert {one.row.name for one in grid.squares} == found
    if not asked:
        assert [one.row.name for one in grid.lines][:2] == ["b", "a"]
        assert [one.looks for one in schemas] == ["drift", "behind", "current"]


def test_database_that_was_never_migrated_is_an_answer(servers: Servers) -> None:
    empty = servers.postgres.url("postgres")
    assert read_control(empty) is None
    assert read_fleet(empty).standings == []


def test_dead_erp_keeps_the_last_heads(app: Flask, control: Session, settings: Settings) -> None:
    reading.refresh_heads(settings)
    nowhere = f"postgresql://u@127.0.0.1:{free_port()}/d"
    failed = reading.refresh_heads(settings.model_copy(update={"database_direct_url": nowhere}))
    assert "refused" in failed["error"]
    stored = queries.get_heads_reading()
    assert stored is not None
    assert stored.is_failing
    assert queries.get_ledger(stored).rows
    assert card().status == "critical"


def test_head_is_known_since_it_was_first_seen(app: Flask, control: Session, settings: Settings) -> None:
    reading.refresh_heads(settings)
    first = queries.get_heads_reading()
    assert first is not None
    since = first.data["heads_known_at"]
    reading.refresh_heads(settings)
    assert queries.get_heads_reading().data["heads_known_at"] == since  # type: ignore[union-attr]
    store_reading(queries.READING, first.data | {"heads": ["0001"]})
    reading.refresh_heads(settings)
    assert queries.get_heads_reading().data["heads_known_at"] > since  # type: ignore[union-attr]


def test_schema_is_behind_since_the_code_asked_for_more() -> None:
    early, late = NOW - timedelta(days=3), NOW - timedelta(hours=1)
    fleet = Fleet("0001", [row(revision="0001", moved=str(early))], [], [], [])
    assert reading.summary(fleet, ["0002"], late)["behind"][0]["since_at"] == late.isoformat()
