"""Real servers for every test: one PostgreSQL and one Valkey per test process, migrated once."""

import os
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask_sqlalchemy.session
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Connection, delete
from sqlalchemy.orm import Session

from dashboard.app import create_app
from dashboard.core.config import Settings, get_settings
from dashboard.core.db import db
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import service as migrations
from dashboard.servers import (
    ErpPasswords,
    Postgres,
    Valkey,
    bootstrap_control,
    bootstrap_erp,
    free_port,
    scratch_folder,
)
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant
from dashboard.users import passwords
from dashboard.users.models import Operator
from dashboard.users.service import create_operator

pytest_plugins = ("tests.cluster", "tests.counting", "tests.rubbish")

# An example that takes long says that the machine is busy, not that it is wrong.
hypothesis_settings.register_profile("steward", deadline=None)
hypothesis_settings.load_profile("steward")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything a test may need is installed (STEWARD_TEST_REQUIRE=all) a skip is a failure."""
    report = yield
    is_forbidden = os.environ.get("STEWARD_TEST_REQUIRE") == "all" and "only root" not in str(report.longrepr)
    if report.skipped and is_forbidden:
        report.outcome = "failed"
        report.longrepr = f"skipped, and STEWARD_TEST_REQUIRE=all forbids it: {report.longrepr}"
    return report


# Durability is what the servers tests are about; everywhere else speed matters more.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "150",
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_utility": "off",
}
PASSWORD = "correct horse battery staple"
BEGUN = datetime.now(UTC).replace(microsecond=0)
# Hundreds of logins need no 64 MiB each; tests/users/test_passwords.py asserts the product's own cost.
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@dataclass(frozen=True)
class Servers:
    """The running servers and the environment that leads to them."""

    postgres: Postgres
    valkey: Valkey
    home: Path
    environment: dict[str, str]


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """One PostgreSQL with both databases, one Valkey as broker (0) and cache (1)."""
    with ExitStack() as stack:
        home = stack.enter_context(scratch_folder())
        postgres = Postgres(home / "pg", free_port(), secrets.token_hex(8), FAST)
        valkey = Valkey(home / "valkey", free_port(), secrets.token_hex(8), append_only=True)
        for server in (postgres, valkey):
            server.ensure_initialised()
            stack.callback(server.stop)
            server.start()
        passwords = ErpPasswords("owner", "app", "monitor", "replication", "backup")
        bootstrap_erp(postgres.url("postgres"), "erp_test", passwords)
        bootstrap_control(postgres.url("postgres"), "control_test", "control")
        yield Servers(postgres, valkey, home, _environment(postgres, valkey, home))


def _environment(postgres: Postgres, valkey: Valkey, home: Path) -> dict[str, str]:
    return {
        "STEWARD_ENV": "test",
        "STEWARD_HOME": str(home),
        "STEWARD_SECRET_KEY": secrets.token_hex(32),
        "STEWARD_CONTROL_URL": postgres.url("control_test", "steward", "control"),
        "DATABASE_URL": postgres.url("erp_test", "steward_app", "app"),
        "DATABASE_DIRECT_URL": postgres.url("erp_test", "steward_owner", "owner"),
        "DATABASE_MONITOR_URL": postgres.url("erp_test", "steward_monitor", "monitor"),
        "STEWARD_BROKER_URL": valkey.url(0),
        "STEWARD_CACHE_URL": valkey.url(1),
    }


@pytest.fixture(scope="session")
def settings(servers: Servers) -> Settings:
    """The settings of the test servers; also in the environment, for processes a test starts."""
    os.environ.update(servers.environment)
    get_settings.cache_clear()
    return get_settings()


class Browser(FlaskClient):
    """A client whose every request has its own app context: nobody stays logged in through the test's `g`."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        with self.application.app_context():
            return super().open(*args, **kwargs)


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    """The product, migrated, with tenants `acme` and `globex`."""
    app = create_app(settings)
    app.test_client_class = Browser
    app.config.update(TESTING=True, PROPAGATE_EXCEPTIONS=False, WTF_CSRF_ENABLED=False)
    with app.app_context():
        migrations.upgrade_all(lambda _line: None)
        for name in ("Acme", "Globex"):
            create_tenant(name)
    return app


@pytest.fixture(autouse=True, scope="module")
def now_of_module(request: pytest.FixtureRequest) -> None:
    """Set a module's NOW when its first test begins: a run takes long, and servers have real clocks."""
    if isinstance(getattr(request.module, "NOW", None), datetime):
        was, begun = request.module.NOW, datetime.now(UTC)
        if was >= BEGUN:  # and no moment that a test has written down
            request.module.NOW = begun.replace(microsecond=begun.microsecond if was.microsecond else 0)


@pytest.fixture(autouse=True)
def rolled_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test that uses the app inside outer transactions and undo them afterwards.

    Tests marked `commits` write for real (others must see it) and clean up themselves.
    """
    if "app" not in request.fixturenames or request.node.get_closest_marker("commits"):
        yield
        return
    app: Flask = request.getfixturevalue("app")
    with app.app_context(), ExitStack() as stack:
        connections = {name: stack.enter_context(db.engines[name].connect()) for name in (None, "control")}
        for connection in connections.values():
            stack.callback(connection.begin().rollback)
        stack.enter_context(_sessions_join(connections))
        stack.callback(db.session.remove)
        yield


class _sessions_join:  # noqa: N801  # reads as a verb at its only use
    """Make every session of the test a savepoint inside the outer transactions."""

    def __init__(self, connections: dict[str | None, Connection]) -> None:
        self.connections = connections
        self.patch = pytest.MonkeyPatch()

    def __enter__(self) -> None:
        engines = {str(db.engines[name].url): connection for name, connection in self.connections.items()}
        session_class = flask_sqlalchemy.session.Session
        original_bind = session_class.get_bind

        def get_bind(session: Session, *args: object, **kwargs: object) -> object:
            bind = original_bind(session, *args, **kwargs)  # type: ignore[arg-type]
            return engines.get(str(bind.engine.url), bind)

        self.patch.setattr(session_class, "get_bind", get_bind)
        db.session.remove()
        db.session.configure(join_transaction_mode="create_savepoint")

    def __exit__(self, *exc: object) -> None:
        db.session.remove()
        self.patch.undo()


@pytest.fixture
def control(app: Flask) -> Session:
    """The session, for tables of the control database."""
    return db.session()


@pytest.fixture
def acme(app: Flask) -> TenantRef:
    """The tenant most tests work in."""
    with app.app_context():
        return tenancy.get_tenant("acme")


@pytest.fixture
def globex(app: Flask) -> TenantRef:
    """The other tenant, to look for leaks."""
    with app.app_context():
        return tenancy.get_tenant("globex")


@pytest.fixture
def tenant(acme: TenantRef) -> Iterator[Session]:
    """A session inside acme, as its role."""
    with use_tenant(acme, actor="tester@example.com") as session:
        yield session


@pytest.fixture
def registry_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read the registry of tenants anew after changes only, not after seconds: statements can be counted."""
    monkeypatch.setattr(tenancy, "FRESH_SECONDS", float("inf"))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser nobody is logged in with."""
    return app.test_client()


@pytest.fixture
def login(app: Flask, request: pytest.FixtureRequest) -> Iterator[Callable[..., FlaskClient]]:
    """Log in a new operator: `login("staff", tenant="acme")`; no role at all with `login(None)`.

    What a test that commits has logged in is removed after it.
    """
    made: list[str] = []

    def enter(role: str | None = "admin", tenant: str | None = None) -> FlaskClient:
        email = f"{role or 'nobody'}-{secrets.token_hex(4)}@example.com"
        create_operator(email, "Test Person", PASSWORD, [(role, tenant)] if role else [])
        db.session.commit()
        made.append(email)
        browser = app.test_client()
        answer = browser.post("/login", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 302, answer.get_data(as_text=True)[:2000]
        browser.email = email  # type: ignore[attr-defined]  # for tests that look for the actor
        return browser

    yield enter
    if request.node.get_closest_marker("commits") and made:
        with app.app_context(), control_transaction() as session:
            session.execute(delete(Operator).where(Operator.email.in_(made)))
