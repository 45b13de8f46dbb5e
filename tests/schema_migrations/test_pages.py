"""The migrations page: three histories and every tenant's head."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health.service import store_reading
from dashboard.schema_migrations import queries, reading
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.probes import read_control, read_fleet
from dashboard.schema_migrations.views import card
from dashboard.servers import free_port
from tests.conftest import Servers

Login = Callable[..., FlaskClient]


def test_heads_of_control_shared_and_every_tenant_are_read(
    app: Flask, control: Session, settings: Settings
) -> None:
    assert reading.refresh_heads(settings)["tenants"] >= 2
    stored = queries.get_heads_reading()
    tenants = {view.facts["slug"]: view for view in queries.list_tenant_heads(stored)}
    assert tenants["acme"].status == "current"
    assert tenants["acme"].behind == 0
    assert not tenants["acme"].differs_from_ledger
    assert {view.status for view in queries.list_histories(stored)} == {"current"}


def test_page_shows_revisions_with_their_docstrings(
    app: Flask, control: Session, settings: Settings, login: Login
) -> None:
    reading.refresh_heads(settings)
    control.commit()
    html = login("dba").get("/database/migrations/").text
    assert queries.list_revisions(History.SHARED)[-1].title.split(":")[0] in html
    assert "Acme" in html
    assert card().status == "current"


def fleet(**changes: Any) -> dict[str, Any]:
    tenant = {
        "slug": "late",
        "name": "Late",
        "schema": "tenant_late",
        "status": "active",
        "ledger_revision": None,
        "applied_at": None,
        "applied_by": None,
        "duration_ms": None,
        "revision": None,
    }
    head = queries.head_of(History.SHARED)[0]
    return {"control": head, "fleet": {"shared": head, "tenants": [tenant | changes], "recent": []}}


@pytest.mark.parametrize(
    ("revision", "status"),
    [(None, "never migrated"), ("gone-from-code", "unknown revision"), ("oldest", "pending")],
)
def test_tenant_that_is_not_at_the_head_is_marked(
    control: Session, login: Login, revision: str | None, status: str
) -> None:
    ids = [known.id for known in queries.list_revisions(History.TENANT)]
    at = ids[-1] if revision == "oldest" else revision
    store_reading(queries.READING, fleet(revision=at))
    control.commit()
    view = queries.list_tenant_heads(queries.get_heads_reading())[0]
    assert view.status == status
    assert view.behind == {None: len(ids), "oldest": len(ids) - 1}.get(revision)
    assert card().status == "pending"
    assert "Late" in login("dba").get("/database/migrations/").text


def test_ledger_that_disagrees_with_the_schema_is_shown(control: Session, login: Login) -> None:
    store_reading(queries.READING, fleet(revision=queries.head_of(History.TENANT)[0], ledger_revision="x"))
    control.commit()
    assert "Ledger says x" in login("dba").get("/database/migrations/").text


def test_database_that_was_never_migrated_is_an_answer(servers: Servers) -> None:
    empty = servers.postgres.url("postgres")
    assert read_control(empty) is None
    assert read_fleet(empty).tenants == []


def test_dead_erp_keeps_the_last_heads(app: Flask, control: Session, settings: Settings) -> None:
    reading.refresh_heads(settings)
    nowhere = f"postgresql://u@127.0.0.1:{free_port()}/d"
    failed = reading.refresh_heads(settings.model_copy(update={"database_direct_url": nowhere}))
    assert "refused" in failed["error"]
    stored = queries.get_heads_reading()
    assert stored is not None
    assert stored.is_failing
    assert queries.list_tenant_heads(stored)
    assert card().status == "critical"
