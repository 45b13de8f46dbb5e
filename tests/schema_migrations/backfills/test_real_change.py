"""The data change of the product on a real tenant, through the queue and the pages."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, select, text

from dashboard.core.db import db
from dashboard.jobs.models import ACTIVE, JobRun, RunStatus
from dashboard.jobs.runner import perform
from dashboard.schema_migrations.backfills import queries, service
from dashboard.schema_migrations.backfills.declared import get_change
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.service import create_tenant

NAME = "fill_order_sent_at"
URL = f"/database/migrations/backfills/{NAME}/"
# Sent before there was a column for the moment.
ORDER = """
INSERT INTO organization (name, base_currency, time_zone) VALUES ('Mill', 'EUR', 'Europe/Berlin');
INSERT INTO supplier (org_id, name, code) SELECT id, 'Forge', 'S1' FROM organization;
INSERT INTO purchase_order (org_id, supplier_id, currency) SELECT org_id, id, 'EUR' FROM supplier;
UPDATE purchase_order SET status = 'sent';
"""


@pytest.fixture(scope="module")
def schema(app: Flask) -> Iterator[str]:
    """A tenant of its own with one order; gone at the end."""
    slug = f"b{secrets.token_hex(4)}"
    with app.app_context():
        schema = create_tenant("Backfilled", slug).schema
        with owner(schema) as connection:
            connection.exec_driver_sql(ORDER)
        yield schema
        with db.engines["owner"].begin() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE; DROP ROLE {schema}")
            connection.execute(text("DELETE FROM public.tenant WHERE slug = :s"), {"s": slug})
        tenancy.forget()


@contextmanager
def owner(schema: str) -> Iterator[Connection]:
    """The owner at work in a schema, for real."""
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}, public")
        yield connection


@pytest.fixture
def order(app: Flask, schema: str) -> Iterator[Callable[[], object]]:
    """The order as it was; returns what reads when it was sent."""

    def read() -> object:
        with owner(schema) as connection:
            return connection.scalar(text("SELECT sent_at FROM purchase_order"))

    _reset(schema)
    yield read
    _reset(schema)


def _reset(schema: str) -> None:
    with owner(schema) as connection:
        connection.exec_driver_sql("UPDATE purchase_order SET sent_at = NULL")
        connection.exec_driver_sql("DELETE FROM public.backfill_progress")


def newest_run() -> JobRun:
    """The run asked for last."""
    db.session.expire_all()
    return db.session.scalars(
        select(JobRun).where(JobRun.job == service.JOB).order_by(JobRun.enqueued_at.desc())
    ).first() or pytest.fail("no run was asked for")


Read = Callable[[], object]
Login = Callable[..., FlaskClient]


def test_orders_sent_before_get_their_moment_from_history(schema: str, order: Read, login: Login) -> None:
    browser = login("dba")
    assert b"Not counted yet" in browser.get("/database/migrations/backfills/").data
    assert b"Run" in browser.get(URL).data
    assert browser.post(f"{URL}run").status_code == 302
    run = newest_run()
    assert run.status in ACTIVE
    assert b"It waits for a worker" in browser.get(URL).data
    assert browser.post(f"{URL}run").status_code == 302
    assert newest_run().id == run.id, "a second click asks for nothing"

    perform(str(run.id))
    assert newest_run().status == RunStatus.SUCCEEDED
    assert order() is not None
    with owner(schema) as connection:
        actor, request, program = connection.execute(
            text("SELECT actor, request_id, application_name FROM row_history ORDER BY id DESC LIMIT 1")
        ).one()
    assert actor == browser.email  # type: ignore[attr-defined]  # set by the fixture
    assert (request, program) == (str(run.id), "steward_backfill")
    view = queries.get_view(get_change(NAME))
    assert view.status == "done"
    assert [one.rows_done for one in view.tenants if one.schema == schema] == [1]
    page = browser.get(URL).data
    assert b"Start over" in page
    assert b"player-play" not in page


def test_one_tenant_can_be_gone_through_again(schema: str, order: Read, login: Login) -> None:
    browser = login("dba")
    browser.post(f"{URL}run")
    perform(str(newest_run().id))
    assert order() is not None
    with owner(schema) as connection:
        connection.exec_driver_sql("UPDATE purchase_order SET sent_at = NULL")
    assert b"from its first row again" in browser.get(f"{URL}start-over?schema={schema}").data
    assert browser.get(f"{URL}start-over?schema=nobody").status_code == 404
    assert browser.post(f"{URL}start-over", data={"schema": schema}).status_code == 302
    perform(str(newest_run().id))
    assert order() is not None


def test_a_run_can_be_stopped_and_a_dead_one_shows(schema: str, order: Read, login: Login) -> None:
    browser = login("dba")
    browser.post(f"{URL}run")
    assert browser.post(f"{URL}stop").status_code == 302
    assert newest_run().status == RunStatus.CANCELLED
    assert b"Stopped." in browser.get(URL).data, "who pressed Stop reads of no failure"
    row = "INSERT INTO public.backfill_progress (name, schema_name, status, rows_done) VALUES (:n, :s, :t, 5)"
    with owner(schema) as connection:
        connection.execute(text(row), {"n": NAME, "s": schema, "t": "running"})
    page = browser.get(f"{URL}live").data
    assert b"Interrupted" in page
    assert b"Resume" in page


def test_a_tenant_behind_is_told_to_migrate_first(schema: str, order: Read, login: Login) -> None:
    head = text("UPDATE public.schema_head SET revision = :r WHERE schema_name = :s")
    with owner(schema) as connection:
        connection.execute(head, {"r": "0002", "s": schema})
    assert queries.get_view(get_change(NAME)).counts["behind"] == 1
    assert b"Migrate this tenant first" in login("dba").get(URL).data
    with owner(schema) as connection:
        connection.execute(head, {"r": "9999", "s": schema})
    assert queries.get_view(get_change(NAME)).counts["unknown"] == 1
    with owner(schema) as connection:
        connection.execute(head, {"r": "0007", "s": schema})


def test_a_failure_is_shown_with_what_to_do(schema: str, order: Read, login: Login) -> None:
    with owner(schema) as connection:
        connection.exec_driver_sql(
            "ALTER TABLE purchase_order ADD CONSTRAINT ck_never CHECK (sent_at IS NULL)"
        )
    browser = login("dba")
    browser.post(f"{URL}run")
    perform(str(newest_run().id))
    with owner(schema) as connection:
        connection.exec_driver_sql("ALTER TABLE purchase_order DROP CONSTRAINT ck_never")
    page = browser.get(URL).data
    assert b"violates check constraint" in page
    assert b"then resume" in page
    assert queries.get_view(get_change(NAME)).status in {"failed", "running"}, "the queue tries again itself"


def test_who_may_only_look_cannot_run(login: Login) -> None:
    assert login("manager").post(f"{URL}run").status_code == 403


def test_an_unknown_change_is_not_found(login: Login) -> None:
    assert login("dba").get("/database/migrations/backfills/nothing/").status_code == 404
