"""The Metrics page: from the stored history alone, with gaps as gaps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, event
from sqlalchemy.orm import Session

from dashboard.core.config import Member, Settings
from dashboard.core.db import db
from dashboard.metrics import catalogue, probes, queries, rates, reviewing, sampling
from dashboard.metrics.models import MetricLayout, MetricRound, MetricSource
from dashboard.metrics.probes import FAST, MINUTE, QUARTER, TIERS
from dashboard.metrics.rollups import MOST_POINTS
from dashboard.metrics.sampling import Target
from dashboard.metrics.service import PRIMARY, record
from dashboard.servers import free_port

Login = Callable[..., FlaskClient]
PAGE = "/database/metrics"
GROUPS = [group.key for group in catalogue.GROUPS] + [catalogue.OTHER]


@pytest.fixture
def sampled(app: Flask, control: Session, settings: Settings) -> None:
    """Let every tier have run on the primary, the fast one twice."""
    for tier in (FAST, MINUTE, QUARTER, FAST):
        assert sampling.sample([Target(PRIMARY, settings.database_monitor_url)], tier) == {}
    control.commit()


def test_page_before_anything_was_sampled_says_so(control: Session, login: Login) -> None:
    for model in (MetricRound, MetricLayout, MetricSource):
        control.execute(delete(model))
    answer = login("dba").get(PAGE)
    assert answer.status_code == 200
    assert "have not been read yet" in answer.text
    assert "No figure of this group was ever read here" in answer.text


def test_page_is_closed_to_staff(login: Login) -> None:
    assert login("staff", tenant="acme").get(PAGE).status_code == 403


def test_every_group_and_span_is_drawn(sampled: None, login: Login) -> None:
    record({"lag.bytes.az-b": 5.0})
    db.session.commit()
    browser = login("dba")
    for group in GROUPS:
        answer = browser.get(f"{PAGE}?group={group}&server=primary")
        assert answer.status_code == 200
        assert "data-chart-picture" in answer.text, group
    for span in reviewing.SPANS:
        answer = browser.get(f"{PAGE}?span={span}")
        assert answer.status_code == 200
    assert "30-minute rollup, a point every" in answer.text
    assert "lag.bytes" in browser.get(f"{PAGE}?group=other").text


@pytest.mark.parametrize("span", reviewing.SPANS)
def test_chart_has_few_points_and_gaps_where_nothing_was_read(sampled: None, app: Flask, span: str) -> None:
    with app.test_request_context():
        charts, rollup = reviewing.charts(reviewing.ask(PRIMARY, "load", span))
    assert rollup.startswith(probes_title(span))
    for chart in charts:
        assert len(chart.categories) <= reviewing.PAGE_POINTS < MOST_POINTS
        assert all(series.values[0] is None for series in chart.series)
        assert chart.as_of is not None


def probes_title(span: str) -> str:
    return {"1h": "raw", "6h": "1-minute", "24h": "1-minute"}.get(span, "30-minute")


def test_series_no_probe_gives_here_is_left_out(sampled: None, app: Flask) -> None:
    with app.test_request_context():
        charts, _ = reviewing.charts(reviewing.ask(PRIMARY, "replication", "1h"))
    assert "Received and replayed" not in [chart.title for chart in charts]
    assert "Connected standbys and slots" in [chart.title for chart in charts]


def test_every_series_a_chart_names_is_one_that_some_probe_gives() -> None:
    given = set(probes_series()) | {f"cost.{tier}" for tier in TIERS} | {"cost.10s.connect"}
    named = {name for group in catalogue.GROUPS for plot in group.plots for name in plot.series}
    assert named - given == set()


def probes_series() -> set[str]:
    found = {
        name for tier in TIERS for probe in probes.list_probes(tier) for name in probes.columns_of(probe)
    }
    return {probes.series_of(name)[0] for name in found} | set(rates.SHARES)


def test_cost_of_each_tier_stands_beside_its_budget(sampled: None, login: Login) -> None:
    html = login("dba").get(PAGE).text
    for words in ("Every 10 s", "Every minute", "Every 15 minutes", "Budget", "Dearest probe"):
        assert words in html


def test_server_that_is_away_and_probes_that_fail_are_named(
    sampled: None, control: Session, app: Flask, login: Login
) -> None:
    gone = Target(PRIMARY, f"postgresql://u@127.0.0.1:{free_port()}/d")
    sampling.sample([gone], FAST)
    row = control.get_one(MetricSource, (PRIMARY, MINUTE))
    row.failures = {"files": "permission denied"}
    control.commit()
    html = login("dba").get(PAGE).text
    assert "primary did not answer the probes" in html
    assert "refused" in html
    assert "files: permission denied" in html
    assert "Away" in html


def test_round_above_its_budget_or_too_old_is_marked(sampled: None, control: Session, app: Flask) -> None:
    rows = {row.tier: row for row in queries.list_sources()}
    rows[FAST].costs = {"probes": {"locks": 9.5}, "connect_ms": 1.0}
    now = rows[MINUTE].taken_at
    assert now is not None
    control.flush()
    with app.test_request_context():
        found = {cost.tier: cost for cost in reviewing.costs(now)}
        late = reviewing.costs(now + timedelta(minutes=5))
    assert (found["Every 10 s"].status, found["Every 10 s"].dearest) == ("warning", "locks")
    assert [cost.status for cost in late] == ["stale", "stale", "ok"]


def test_unknown_wishes_fall_back_to_what_exists(sampled: None, app: Flask) -> None:
    with app.test_request_context():
        asked = reviewing.ask("nowhere", "nothing", "3 weeks")
    assert (asked.source, asked.group, asked.span) == (PRIMARY, "load", "1h")


def test_members_have_tabs_of_their_own_and_the_cluster_one(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch, login: Login
) -> None:
    member = Member(name="az-a", zone="a", region="local", mode="sync", url="postgresql://u@h/d")
    monkeypatch.setitem(app.extensions, "steward_settings", settings.model_copy(update={"primary": member}))
    with app.test_request_context():
        assert reviewing.sources() == [("az-a", "az-a"), (PRIMARY, "Whole cluster")]
    record({"lag.bytes.az-b": 5.0})
    db.session.commit()
    html = login("dba").get(f"{PAGE}?server=primary").text
    assert "Whole cluster" in html
    assert "All figures" in html
    assert "As of" in html
    assert "Not read yet" not in html


def test_page_reads_the_control_database_only(sampled: None, registry_kept: None, login: Login) -> None:
    browser, asked = login("dba"), []
    browser.get(PAGE)  # the registry of tenants is remembered

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    for name in (None, "owner", "monitor"):
        event.listen(db.engines[name], "before_cursor_execute", note)
    try:
        assert browser.get(PAGE).status_code == 200
    finally:
        for name in (None, "owner", "monitor"):
            event.remove(db.engines[name], "before_cursor_execute", note)
    assert asked == []
