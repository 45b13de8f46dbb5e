"""What queries cost, against the real pg_stat_statements: true totals, one line for all tenants."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg2.extensions import connection
from sqlalchemy.orm import Session

from dashboard.alerts.registry import Unknown, Watch
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.connection import libpq_url
from dashboard.health.queries import get_reading
from dashboard.health.service import store_reading
from dashboard.health.statements import alerting, differences, probes, queries, refreshing, service
from dashboard.health.statements.differences import Use
from dashboard.health.statements.models import (
    HALF_HOUR,
    MINUTE,
    OTHER,
    StatementInterval,
    StatementText,
    StatementUse,
)
from dashboard.health.statements.probes import Counters
from dashboard.tenancy.models import TenantRef
from tests.conftest import Servers

MARK = "answer_of_this_test"
Login = Callable[..., FlaskClient]


@pytest.fixture
def link(servers: Servers) -> Iterator[connection]:
    """A superuser's session that pg_stat_statements sees."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as found:
        found.autocommit = True
        yield found


def run_as(link: connection, role: str, text: str, times: int = 1) -> None:
    with link.cursor() as at:
        at.execute(f"SET ROLE {role}")
        for _ in range(times):
            at.execute(text)
        at.execute("RESET ROLE")


def line_of(mark: str = MARK) -> queries.Line:
    found = queries.overview(timedelta(hours=1), "calls")
    lines = [line for line in found.lines if mark in line.text]
    assert len(lines) == 1
    return lines[0]


def test_the_same_query_of_two_tenants_is_one_line_with_both_named(
    app: Flask, control: Session, settings: Settings, link: connection, acme: TenantRef, globex: TenantRef
) -> None:
    assert refreshing.refresh(settings) == ""
    for tenant in (acme, globex):
        text = f"SELECT count(*) AS {MARK}, pg_sleep(0.02) FROM {tenant.schema}.product"
        run_as(link, tenant.role, text, 3 if tenant == acme else 5)
    assert refreshing.refresh(settings) == ""
    line = line_of()
    assert line.calls == 8
    assert {role: calls for role, calls, _spent in line.roles} == {acme.role: 3, globex.role: 5}
    assert "tenant_" not in line.text
    assert line.mean_ms >= 20
    assert not line.is_slow


def test_totals_are_those_of_pg_stat_statements(
    app: Flask, control: Session, settings: Settings, link: connection
) -> None:
    refreshing.refresh(settings)
    before = service.recall()
    for number in range(60):  # more texts than are kept
        run_as(link, "steward_owner", f"SELECT 1{' + 1' * number}")
    refreshing.refresh(settings)
    after = service.recall()
    real = differences.total(
        differences.uses(before.entries, after.entries.values(), after.texts, afresh=False).values()
    )
    found = queries.overview(timedelta(hours=1), "total")
    assert found.calls == real.calls >= 60
    assert found.total_ms == pytest.approx(real.total_ms)
    assert len(found.lines) <= differences.MOST_TEXTS
    kept = sum(line.calls for line in found.lines) + (found.other.calls if found.other else 0)
    assert kept == real.calls


def test_a_reset_in_between_is_seen_and_nothing_is_counted_twice(
    app: Flask, control: Session, settings: Settings, link: connection
) -> None:
    text = f"SELECT 2 AS {MARK}_reset, pg_sleep(0.003)"
    run_as(link, "steward_owner", text, 50)
    refreshing.refresh(settings)
    with link.cursor() as at:
        at.execute("SELECT public.pg_stat_statements_reset()")
    run_as(link, "steward_owner", text, 4)
    refreshing.refresh(settings)
    assert line_of(f"{MARK}_reset").calls == 4
    found = queries.overview(timedelta(hours=1), "total")
    assert found.resets == 1


def entry(calls: int, total_ms: float, *, role: str = "a", queryid: int = 1, since: float = 0.0) -> Counters:
    return Counters(role, queryid, True, calls, total_ms, total_ms, calls, 0, 0, 0, 0, since)


@pytest.mark.parametrize(
    ("before", "now", "calls"),
    [
        (entry(10, 5.0), entry(12, 6.0), 2),
        (entry(10, 5.0), entry(3, 1.0), 3),
        (entry(10, 5.0), entry(12, 1.0), 12),
        (entry(10, 5.0, since=1.0), entry(12, 6.0, since=2.0), 12),
    ],
    ids=["went on", "fell", "time fell", "began anew"],
)
def test_an_entry_forgotten_and_met_again_counts_from_nothing(
    before: Counters, now: Counters, calls: int
) -> None:
    found = differences.uses({differences.key_of(before): before}, [now], {1: "x"}, afresh=False)
    assert found["x"].calls == calls


def test_all_but_the_heaviest_texts_and_roles_are_summed() -> None:
    many = {
        f"q{number}": Use(1, float(number), roles={f"r{number}": [1, float(number)]}) for number in range(60)
    }
    kept = differences.fold(many)
    assert len(kept) == differences.MOST_TEXTS + 1
    assert kept[OTHER].calls == 10
    assert sum(use.total_ms for use in kept.values()) == sum(range(60))
    assert len(kept[OTHER].roles) == differences.MOST_ROLES + 1
    assert kept[OTHER].roles[""][0] == 2


@pytest.fixture
def noon() -> datetime:
    """A full hour a while ago, so that nothing else was counted then."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=100)


def put(
    control: Session, name: str, at: datetime, calls: int, mean_ms: float, resolution: int = MINUTE
) -> None:
    """Write an interval as the job would."""
    if control.get(StatementText, name) is None:
        control.add(StatementText(fingerprint=name, text=f"SELECT {name}", first_seen_at=at, last_seen_at=at))
    control.merge(
        StatementInterval(
            resolution=resolution, at=at, seconds=resolution, calls=calls, total_ms=calls * mean_ms, entries=1
        )
    )
    control.flush()
    service._store(resolution, at, {name: Use(calls, calls * mean_ms, roles={"r": [calls, calls * mean_ms]})})
    control.flush()


def test_half_hours_are_the_sums_of_their_minutes_and_old_ones_go(
    app: Flask, control: Session, noon: datetime
) -> None:
    for minute in range(70):
        put(control, "f", noon + timedelta(minutes=minute), 10, 2.0)
    assert service.roll_up(noon + timedelta(minutes=70)) == 2
    assert service.roll_up(noon + timedelta(minutes=70)) == 0
    found = queries.overview(timedelta(hours=24), "total", noon + timedelta(minutes=70))
    assert (found.calls, found.lines[0].calls) == (700, 700)
    assert found.lines[0].roles == [("r", 700, 1400.0)]
    service.prune(noon + timedelta(hours=40))
    left = control.query(StatementUse.resolution).filter(StatementUse.fingerprint == "f").all()
    assert [row[0] for row in left] == [HALF_HOUR, HALF_HOUR]
    service.prune(noon + timedelta(days=40))
    assert control.query(StatementUse).count() == 0
    assert control.get(StatementText, "f", populate_existing=True) is None


def test_a_query_is_told_when_it_gets_slower_or_is_new_and_not_when_it_always_was(
    app: Flask, control: Session, noon: datetime
) -> None:
    for hours in range(48, 1, -1):
        at = noon - timedelta(hours=hours)
        put(control, "steady", at, 500, 30.0, HALF_HOUR)
        put(control, "rising", at + timedelta(seconds=1), 500, 10.0, HALF_HOUR)
    put(control, "steady", noon - timedelta(minutes=5), 200, 30.0)
    put(control, "rising", noon - timedelta(minutes=6), 200, 45.0)
    put(control, "new", noon - timedelta(minutes=7), 150, 25.0)
    put(control, "rare", noon - timedelta(minutes=8), 20, 900.0)
    found = {each.fingerprint: each.usual_ms for each in queries.find_slower(noon)}
    assert found == {"rising": 10.0, "new": None}


def store(control: Session, **data: object) -> None:
    store_reading(refreshing.KEY, {"installed": True, **data}, every=60)
    control.flush()


def test_alerts_of_queries_break_and_clear(app: Flask, control: Session) -> None:
    watch = Watch(datetime.now(UTC), 3)
    told = {"fingerprint": "ab", "text": "SELECT x", "calls": 120, "mean_ms": 90.0, "usual_ms": 10.0}
    store(control, slower=[told], forgotten_lately=7, capacity=100)
    breaches = alerting.slower(watch)
    assert not isinstance(breaches, Unknown)
    assert [breach.subject for breach in breaches] == ["ab"]
    assert "usually" in breaches[0].reason
    lost = alerting.forgotten(Watch(watch.now))
    assert not isinstance(lost, Unknown)
    assert "7 times" in lost[0].reason
    store(control, slower=[], forgotten_lately=0, capacity=100)
    assert alerting.slower(watch) == []
    assert alerting.forgotten(Watch(watch.now)) == []
    store_reading(refreshing.KEY, {"installed": False}, every=60)
    assert isinstance(alerting.slower(watch), Unknown)


def test_a_server_without_the_extension_is_an_answer_and_one_that_is_away_an_error(
    app: Flask, control: Session, settings: Settings, servers: Servers
) -> None:
    without = settings.model_copy(update={"database_monitor_url": servers.postgres.url("postgres")})
    assert refreshing.refresh(without) == ""
    reading = get_reading(refreshing.KEY)
    assert reading is not None
    assert reading.data["installed"] is False
    away = settings.model_copy(update={"database_monitor_url": "postgresql://u@127.0.0.1:1/d"})
    assert "refused" in refreshing.refresh(away)


def test_older_servers_are_read_without_the_moment_of_an_entry(settings: Settings) -> None:
    with closing(psycopg2.connect(libpq_url(settings.database_monitor_url))) as link:
        text = (probes.SQL / "counters.sql").read_text().format(schema="public")
        with link.cursor() as at:
            at.execute(text)
            assert len(at.description or ()) == len(Counters._fields)


def test_pages_show_what_was_counted(
    app: Flask, control: Session, settings: Settings, link: connection, acme: TenantRef, login: Login
) -> None:
    browser = login("dba")
    assert "No queries in this span" in browser.get("/database/queries/").text
    refreshing.refresh(settings)
    run_as(link, acme.role, f"SELECT current_date AS {MARK}_page, pg_sleep(0.01)", 3)
    refreshing.refresh(settings)
    control.commit()
    name = line_of(f"{MARK}_page").fingerprint
    for span in queries.SPANS:
        for sort in ("total", "mean", "calls", "reads", "nonsense"):
            html = browser.get(f"/database/queries/?span={span}&sort={sort}").text
            assert "Heaviest queries" in html
    assert f"{MARK}_page" in html
    html = browser.get(f"/database/queries/{name}?span=6h").text
    assert acme.name in html
    assert "Mean time" in html
    assert browser.get("/database/queries/unknown").status_code == 404
    assert login("staff", tenant="acme").get("/database/queries/").status_code == 403
    db.session.rollback()
