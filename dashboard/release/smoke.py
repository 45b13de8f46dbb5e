"""Smoke tests of the running product: does it answer, let people in, show every desk, read every tenant."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Flask, current_app, url_for
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.menu import GROUPS, MenuItem, all_items
from dashboard.release.visiting import Answer, signed_in, visit
from dashboard.release.wishes import Say, StepError
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.histories import History
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

READY_SECONDS = 60.0
POLL_SECONDS = 0.5
SAMPLE = 20
SHOWN = 200
NOT_AT_HEAD = text(
    "SELECT schema_name || ' at ' || coalesce(revision, 'nothing') FROM public.schema_head"
    " WHERE revision IS DISTINCT FROM :head ORDER BY 1 LIMIT 5"
)
READ = text("SELECT count(*) FROM (SELECT id FROM organization LIMIT 10) AS sample")
VERSION = text("SELECT version_num FROM alembic_version")


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `problem` is empty when it is well."""

    name: str
    problem: str = ""
    ms: float = 0.0


class SmokeError(StepError):
    """The product runs and is not well."""


def run_all(settings: Settings, say: Say, *, actor: str, base_url: str = "") -> list[Check]:
    """Make every check, telling each as it ends. Raises SmokeError naming all that failed."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    url = base_url or settings.url
    found: list[Check] = []
    for check in _checks(app, url, actor):
        found.append(check)
        say(f"  {'failed' if check.problem else 'passed'}: {check.name} {check.problem}".rstrip())
    if bad := [f"{check.name}: {check.problem}" for check in found if check.problem]:
        raise SmokeError(f"{len(bad)} of {len(found)} smoke tests failed. {'; '.join(bad)}")
    return found


def _checks(app: Flask, url: str, actor: str) -> Iterator[Check]:
    alive = visit(url, "/healthz")
    yield _page(f"{url} answers", alive)
    if alive.status != HTTPStatus.OK:
        return  # nothing that follows would tell more
    yield wait_ready(url)
    login = visit(url, "/login")
    yield _page("the login page", login, must_hold='name="password"')
    tenants = tenancy.list_active()
    with signed_in(app, actor=actor) as cookie:
        for item in all_items(app):
            yield from _desk(app, url, item, tenants, cookie)
    yield _timed("every schema is at the head of the code", check_heads)
    for tenant in tenants[:SAMPLE]:
        yield _timed(f"reading in {tenant.slug}", partial(read_in, tenant))


def wait_alive(url: str) -> None:
    """Wait for a web server that has just been started. Raises StepError."""
    deadline = time.monotonic() + READY_SECONDS
    while (answer := visit(url, "/healthz")).status != HTTPStatus.OK:
        if time.monotonic() > deadline:
            raise StepError(
                f"{url} does not answer {READY_SECONDS:.0f} s after the restart: {answer.text[:SHOWN]}"
            )
        time.sleep(POLL_SECONDS)


def wait_ready(url: str) -> Check:
    """Ask until every part is ready, or say which one is not."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        answer = visit(url, "/readyz")
        if answer.status == HTTPStatus.OK or time.monotonic() > deadline:
            return _page("every part is ready", answer)
        time.sleep(POLL_SECONDS)


def _page(name: str, answer: Answer, must_hold: str = "") -> Check:
    if answer.status == 0:
        return Check(name, f"no answer ({answer.text[:SHOWN]})")
    if answer.status != HTTPStatus.OK:
        where = f" to {answer.location}" if answer.location else ""
        said = " ".join(answer.text.split())[:SHOWN] if not answer.location else ""
        return Check(name, f"answered {answer.status}{where} {said}".rstrip(), answer.ms)
    if must_hold not in answer.text:
        return Check(name, f"the page lacks {must_hold}", answer.ms)
    return Check(name, ms=answer.ms)


def _desk(app: Flask, url: str, item: MenuItem, tenants: list[TenantRef], cookie: str) -> Iterator[Check]:
    """Open one entry of the menu, in the first tenant where it belongs to one."""
    values: dict[str, Any] = {}
    if app.url_map.is_endpoint_expecting(item.endpoint, "tenant"):
        if not tenants:
            return
        values["tenant"] = tenants[0].slug
    with app.test_request_context():
        path = url_for(item.endpoint, **values)
    answer = visit(url, path, cookie)
    is_moved = HTTPStatus.MOVED_PERMANENTLY <= answer.status < HTTPStatus.BAD_REQUEST
    if is_moved and "/login" not in answer.location:
        answer = visit(url, answer.location.removeprefix(url), cookie)
    yield _page(f"{GROUPS.get(item.group, item.group)} → {item.title}", answer)


def check_heads() -> str:
    """Return which schemas are not at the code's head; '' when all are."""
    with db.engines["owner"].connect() as connection:
        head = ", ".join(migrations.heads(History.TENANT))
        return ", ".join(connection.scalars(NOT_AT_HEAD, {"head": head}))


def read_in(tenant: TenantRef) -> str:
    """Read some rows as the tenant's role, and what its own schema says of its revision."""
    with use_tenant(tenant, actor="release") as session:
        session.execute(READ)
        found = session.scalar(VERSION)
    heads = migrations.heads(History.TENANT)
    return "" if (found,) == heads else f"its schema says {found}, the code's head is {', '.join(heads)}"


def _timed(name: str, look: Callable[[], str]) -> Check:
    begun = time.monotonic()
    try:
        problem = look()
    except SQLAlchemyError as error:
        db.session.rollback()
        problem = " ".join(str(getattr(error, "orig", None) or error).split())[:SHOWN]
    return Check(name, problem, (time.monotonic() - begun) * 1000)
