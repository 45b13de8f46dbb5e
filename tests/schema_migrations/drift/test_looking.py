"""A schema is changed by hand: the look finds it, the alert fires, the page shows it, and it clears."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.alerts import queries as alerts
from dashboard.alerts import service
from dashboard.alerts.registry import Answer, Unknown, Watch, all_conditions
from dashboard.alerts.rules import load
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun
from dashboard.schema_migrations import alerting, queries, reading
from dashboard.schema_migrations.drift import jobs
from dashboard.schema_migrations.drift.looking import look
from dashboard.schema_migrations.drift.models import SchemaDefinition
from dashboard.schema_migrations.drift.service import LOOK, look_at_all, look_at_new
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.ledger import Standing, read_ledger
from dashboard.schema_migrations.revisions import head_of

Login = Callable[..., FlaskClient]
NOW = datetime.now(UTC)
DRIFT, BEHIND = "schema_migrations.drift", "schema_migrations.behind"


def quiet(_done: int, _of: int) -> None:
    """Nobody watches."""


def by_owner(*statements: str) -> None:
    with db.engines["owner"].begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def ledger() -> dict[str, Standing]:
    with db.engines["owner"].connect() as connection:
        return {row.schema: row for row in read_ledger(connection)}


@pytest.fixture(autouse=True)
def forgotten(app: Flask) -> Iterator[None]:
    """What was read is written for real: take it out of the ledger again."""
    yield
    with app.app_context():
        by_owner("UPDATE public.schema_head SET fingerprint = NULL, fingerprinted_at = NULL")


@contextmanager
def changed_by_hand() -> Iterator[None]:
    by_owner(
        "SET LOCAL search_path TO tenant_globex, public",
        "CREATE INDEX ix_by_hand ON unit (name)",
        "ALTER TABLE unit ALTER COLUMN name SET DEFAULT 'by hand'",
    )
    try:
        yield
    finally:
        by_owner(
            "SET LOCAL search_path TO tenant_globex, public",
            "DROP INDEX ix_by_hand",
            "ALTER TABLE unit ALTER COLUMN name DROP DEFAULT",
        )


@pytest.fixture
def judged(app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], set[str]]:
    """Look at all schemas, then judge the two rules; returns what fires, so many seconds later."""
    keys = (DRIFT, BEHIND)
    monkeypatch.setitem(app.extensions, "alert_rules", {key: load()[key] for key in keys})
    known = all_conditions()
    monkeypatch.setitem(app.extensions, "alert_conditions", {key: known[key] for key in keys})

    def look_and_judge(seconds: float) -> set[str]:
        look_at_all(db.engines["owner"], quiet)
        reading.refresh_heads(settings)
        service.evaluate(NOW + timedelta(seconds=seconds))
        return {alert.rule for alert in alerts.list_alerts() if alert.state == "firing"}

    return look_and_judge


@pytest.mark.breaks("schema_migrations.drift")
def test_change_by_hand_is_found_shown_and_gone_when_mended(
    control: Session, judged: Callable[[float], set[str]], login: Login
) -> None:
    assert judged(0) == set()
    with changed_by_hand():
        assert DRIFT in judged(60)
        said = next(alert.reason for alert in alerts.list_alerts() if alert.rule == DRIFT)
        assert "differ from the others: tenant_" in said
        db.session.commit()
        browser = login("dba")
        assert "1 unlike the others" in browser.get("/database/migrations/drift/").text
        found = next(row for row in ledger().values() if row.schema in said)
        html = browser.get(f"/database/migrations/drift/{found.revision}/{found.fingerprint}").text
        assert "Index ix_by_hand" in html
        assert "<mark>default &#39;by hand&#39;" in html
        assert "Unlike the others" in browser.get("/database/migrations/").text
    assert DRIFT in judged(120)  # seen to be gone, and not for long enough
    assert judged(200) == set()
    db.session.commit()
    assert browser.get(f"/database/migrations/drift/{found.revision}/{found.fingerprint}").status_code == 404


def test_definitions_behind_each_fingerprint_are_kept_once(app: Flask, control: Session) -> None:
    for _again in range(2):
        look_at_all(db.engines["owner"], quiet)
    kept = {row.fingerprint: row.objects for row in control.scalars(select(SchemaDefinition))}
    assert kept.keys() == {row.fingerprint for row in ledger().values()}
    assert all(len(objects) > 1000 for objects in kept.values())


def test_only_what_is_new_or_moved_is_read_in_between(app: Flask, control: Session) -> None:
    look_at_all(db.engines["owner"], quiet)
    by_owner("UPDATE public.schema_head SET fingerprint = NULL WHERE schema_name = 'tenant_acme'")
    assert list(look_at_new(db.engines["owner"], quiet).found) == ["tenant_acme"]
    assert ledger()["tenant_acme"].fingerprint


def test_locked_schema_is_left_out_and_the_others_are_read(app: Flask) -> None:
    rows = list(ledger().values())
    with db.engines["owner"].connect() as other, other.begin() as held:
        other.exec_driver_sql("LOCK TABLE tenant_acme.unit IN ACCESS EXCLUSIVE MODE")
        seen = look(db.engines["owner"], rows, quiet)
        held.rollback()
    assert seen.busy == ["tenant_acme"]
    assert "tenant_globex" in seen.found
    assert ledger()["tenant_acme"].fingerprint is None


def test_schema_that_moved_meanwhile_keeps_no_old_fingerprint(app: Flask) -> None:
    row = ledger()["tenant_acme"]
    seen = look(db.engines["owner"], [row._replace(moved=str(NOW - timedelta(days=1)))], quiet)
    assert "tenant_acme" in seen.found
    assert ledger()["tenant_acme"].fingerprint is None


def test_schema_that_is_gone_is_told(app: Flask) -> None:
    row = ledger()["tenant_acme"]._replace(schema="tenant_gone")
    assert look(db.engines["owner"], [row], quiet).gone == ["tenant_gone"]


class Told:
    """A run that remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.done = (0, 0)

    def log(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, done: int, total: int, _text: str = "") -> None:
        self.done = (done, total)


def test_job_tells_what_it_read_and_waits_for_a_fleet_run(app: Flask, control: Session) -> None:
    run = Told()
    found = jobs.look_for_drift(run)  # type: ignore[arg-type]  # what the job uses of a run
    assert found["busy"] == 0
    assert run.done[0] == run.done[1] == found["schemas"]
    assert jobs.look_at_moved(run)["schemas"] == 0  # type: ignore[arg-type]
    plan = FleetPlan(to_revision="1", sql_hash="x", steps=[], actor="a@example.com")
    control.add(plan)
    control.flush()
    control.add(FleetRun(plan_id=plan.id, status="running", actor="a@example.com"))
    control.flush()
    assert "postponed_by_run" in jobs.look_for_drift(run)  # type: ignore[arg-type]
    assert jobs.look_at_moved(run) == {}  # type: ignore[arg-type]


def test_button_asks_for_the_job(app: Flask, control: Session, login: Login) -> None:
    browser = login("dba")
    assert "Nothing was read yet" in browser.get("/database/migrations/drift/").text
    assert browser.post("/database/migrations/look").status_code == 302
    assert control.scalar(select(JobRun.job).where(JobRun.job == "schema_migrations.look_for_drift"))
    assert login("staff", "acme").post("/database/migrations/look").status_code == 403


def ask(rule: str, *, now: datetime | None = None) -> Answer:
    return all_conditions()[rule].function(Watch(now or NOW, load()[rule].threshold()))


def test_schemas_behind_the_head_alarm_after_hours_and_clear(app: Flask, control: Session) -> None:
    """The ledger says 0001 since two days, the code asked for more five hours ago."""
    late = {"name": "acme", "revision": "0001", "since_at": (NOW - timedelta(hours=5)).isoformat()}
    fleet = {"schemas": 2, "head": head_of(History.TENANT)[0], "behind": [late], "drift": []}
    store_reading(queries.READING, {"fleet": fleet})
    answer = ask(BEHIND)
    assert not isinstance(answer, Unknown)
    assert "1 of 2 schemas have not been at" in answer[0].reason
    assert ask(BEHIND, now=NOW - timedelta(hours=2)) == []
    store_reading(queries.READING, {"fleet": fleet | {"behind": []}})
    assert ask(BEHIND) == []


@pytest.mark.breaks("schema_migrations.behind")
def test_schema_taken_back_by_its_own_history_is_behind(
    app: Flask, control: Session, settings: Settings
) -> None:
    """The whole way: the ledger of the ERP says an old revision, and the condition names the tenant."""
    before = ledger()["tenant_globex"]
    set_to = text("UPDATE public.schema_head SET revision = :to, moved_at = :at WHERE schema_name = :schema")
    try:
        with db.engines["owner"].begin() as owner:
            owner.execute(set_to, {"to": "0001", "at": NOW - timedelta(days=9), "schema": "tenant_globex"})
        reading.refresh_heads(settings)
        assert "globex" in ask(BEHIND, now=NOW + timedelta(hours=5))[0].reason  # type: ignore[index]
    finally:
        with db.engines["owner"].begin() as owner:
            values = {"to": before.revision, "at": before.moved_at, "schema": "tenant_globex"}
            owner.execute(set_to, values)
    reading.refresh_heads(settings)
    assert ask(BEHIND, now=NOW + timedelta(hours=5)) == []


def test_nothing_is_known_before_the_first_look_and_when_it_is_old(app: Flask, control: Session) -> None:
    assert isinstance(ask(DRIFT), Unknown)
    assert isinstance(ask(BEHIND), Unknown)
    store_reading(LOOK, {}, every=3600)
    assert isinstance(ask(DRIFT), Unknown)
    store_reading(queries.READING, {"fleet": {"drift": []}})
    assert alerting.drift(Watch(NOW)) == []
