"""A browser, a server and a person for the journeys; what they write is real and removed at the end."""

import secrets
import threading
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import text
from werkzeug.serving import WSGIRequestHandler, make_server

from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.service import create_tenant
from dashboard.users.models import Operator
from dashboard.users.service import create_operator
from tests.conftest import PASSWORD
from tests.e2e.places import Frame, LoginPage
from tests.e2e.seeding import fill
from tests.e2e.watching import AXE, Complaints

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = (1440, 900), (390, 844)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys write for real: server and browser see only what is committed.

    What they walk through has tests of its own that count its lines; counting them here costs a third more.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.commits)
            item.add_marker(pytest.mark.no_cover)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Debian's chromium, headless."""
    if not CHROMIUM.exists():
        pytest.skip("chromium is not installed (apt-get install chromium)")
    if not AXE.exists():
        pytest.skip("axe-core is not installed (make static/vendor/.built)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


class _Patient(BufferedReader):
    """Ends where its sender is gone: Werkzeug reads on before it closes the file it was sending."""

    def read(self, size: int | None = -1, /) -> bytes:
        try:
            return super().read(size)
        except ConnectionError:
            return b""


class _Handler(WSGIRequestHandler):
    def setup(self) -> None:
        super().setup()
        self.rfile = _Patient(self.rfile.detach())


@pytest.fixture(scope="session")
def live_server(app: Flask) -> Iterator[str]:
    """Serve the app from a thread and give its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _forms_are_checked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers send the CSRF token; the rest of the suite switches the check off."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)


@pytest.fixture(scope="session")
def filled_tenant(app: Flask) -> Iterator[TenantRef]:
    """A tenant of the journeys' own, with records in it."""
    with app.app_context():
        tenant = create_tenant("Journey Works", f"journey-{secrets.token_hex(3)}")
    try:
        with app.app_context():
            fill(tenant)
        yield tenant
    finally:
        _drop(app, tenant)


def _drop(app: Flask, tenant: TenantRef) -> None:
    with app.app_context(), db.engines["owner"].begin() as connection:
        connection.execute(text(f'DROP SCHEMA "{tenant.schema}" CASCADE; DROP ROLE "{tenant.role}"'))
        connection.execute(text("DELETE FROM public.tenant WHERE id = :id"), {"id": tenant.id})


@pytest.fixture(scope="session")
def make_operator(app: Flask) -> Iterator[Callable[..., str]]:
    """Add operators with a role in all tenants; gives the address to log in with."""
    made: list[str] = []

    def add(role: str, tenant: str | None = None) -> str:
        email = f"{role}-{secrets.token_hex(4)}@example.com"
        with app.app_context():
            create_operator(email, "Ada Journey", PASSWORD, [(role, tenant)])
            db.session.commit()
        made.append(email)
        return email

    yield add
    with app.app_context():
        for operator in db.session.query(Operator).filter(Operator.email.in_(made)):
            db.session.delete(operator)  # a test of operators may have removed all of them since
        db.session.commit()


Opener = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Open pages of a given size and theme; complaints of the browser fail the test at its end."""
    contexts: list[BrowserContext] = []
    heard: list[Complaints] = []

    def new(size: tuple[int, int] = WIDE, theme: Any = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.complaints = Complaints(page)  # type: ignore[attr-defined]
        heard.append(page.complaints)  # type: ignore[attr-defined]
        return page

    yield new
    for context in contexts:
        context.close()
    lines = [line for complaints in heard for line in complaints.take()]
    assert not lines, "\n".join(lines)


@pytest.fixture
def page(open_page: Opener) -> Page:
    """A wide, light page nobody is logged in on."""
    return open_page()


@pytest.fixture
def enter(
    live_server: str, make_operator: Callable[..., str], filled_tenant: TenantRef, open_page: Opener
) -> Callable[..., Frame]:
    """Log a new person in: `enter("admin", size=NARROW, theme="dark")`; the filled tenant is theirs."""

    def log_in(role: str = "admin", tenant: str | None = None, **look: Any) -> Frame:
        page = open_page(**look)
        frame = LoginPage(page, live_server).enter(make_operator(role, tenant), PASSWORD)
        page.goto(f"{live_server}/t/{filled_tenant.slug}/switch")
        return frame

    return log_in
