"""A desk with its own fleet, on the session's servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.schema_migrations.fleet import jobs, planning
from dashboard.tenancy import queries as tenancy
from tests.conftest import Servers
from tests.schema_migrations.fleet import ground as grounds
from tests.schema_migrations.fleet_desk.desk import (
    Desk,
    DeskGround,
    forget_everything,
    forget_people,
    prepare,
    product,
)

DATABASE = "fleet_desk"


@pytest.fixture(scope="package")
def desk_database(servers: Servers) -> Iterator[tuple[str, str]]:
    """The database of the desk's fleet."""
    yield prepare(servers, DATABASE)
    grounds.remove(servers, DATABASE)


@pytest.fixture(scope="package")
def desk_app(app: Flask, settings: Settings, desk_database: tuple[str, str]) -> Iterator[Flask]:
    """The product over that database; the control database is the one of all tests."""
    names = ("database_url", "database_direct_url", "database_monitor_url")
    urls = {name: getattr(settings, name).replace("/erp_test", f"/{DATABASE}") for name in names}
    made = product(settings.model_copy(update=urls))
    yield made
    with made.app_context():
        forget_people()
        for engine in db.engines.values():
            engine.dispose()


@pytest.fixture(scope="package")
def people() -> dict[str, FlaskClient]:
    """Who has logged in, by role."""
    return {}


@pytest.fixture
def desk(
    desk_app: Flask,
    desk_database: tuple[str, str],
    people: dict[str, FlaskClient],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Desk]:
    """The desk: no tenant yet, the usual three revisions, nothing planned."""
    ground = DeskGround(*desk_database, grounds.usual_history(tmp_path / "history"))
    ground.clear()
    monkeypatch.setattr(planning, "tenant_scripts", lambda: ground.history.scripts)
    monkeypatch.setattr(jobs, "get_settings", lambda: desk_app.extensions["steward_settings"])
    with desk_app.app_context():
        yield Desk(desk_app, ground, people)
        forget_everything()
        ground.clear()
    tenancy.forget()
