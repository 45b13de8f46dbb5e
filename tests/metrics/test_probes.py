"""The probes on the real servers of the tests: what they give, cost, and do when things go wrong."""

import dataclasses
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.config import Member, Settings
from dashboard.metrics import links, probes, queries, rates, sampling
from dashboard.metrics.models import MetricSource
from dashboard.metrics.probes import FAST, MINUTE, QUARTER, TIERS, Probe, Round, RoundError
from dashboard.metrics.sampling import Target
from dashboard.servers import free_port
from tests.cluster import Cluster
from tests.conftest import Servers

ENOUGH = 120
VERSIONS = range(14, 20)
SLOW = Probe("slow", FAST, 14, None, "all", 'SELECT 1 AS "test.slow" FROM pg_sleep(3)')
BROKEN = Probe("broken", FAST, 14, None, "all", 'SELECT nothing AS "test.broken"')
FINE = Probe("fine", FAST, 14, None, "all", 'SELECT 7 AS "test.fine", NULL::bigint AS "test.unknown/s"')


@pytest.mark.parametrize("in_recovery", [False, True], ids=["primary", "standby"])
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_one_probe_of_a_topic_and_enough_series(version: int, in_recovery: bool) -> None:
    names: list[str] = []
    for tier in TIERS:
        topics = [probe.name for probe in probes.choose(tier, version, in_recovery=in_recovery)]
        assert len(topics) == len(set(topics))
        names += probes.series_names(tier, version, in_recovery=in_recovery)
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert len(names) >= ENOUGH


@pytest.mark.parametrize(
    ("version", "name"), [(14, "wal_14"), (17, "wal_14"), (18, "wal_18"), (19, "wal_18")], ids=str
)
def test_version_picks_the_file(version: int, name: str) -> None:
    found = next(probe for probe in probes.choose(FAST, version, in_recovery=False) if probe.name == "wal")
    assert found.statement == (probes.SQL / FAST / f"{name}.sql").read_text().partition("\n")[2]


def test_wrong_header_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / FAST
    folder.mkdir()
    (folder / "odd.sql").write_text("-- tier: 1min, versions: 14-, roles: all\nSELECT 1")
    monkeypatch.setattr(probes, "SQL", folder.parent)
    with pytest.raises(ValueError, match="odd"):
        probes.list_probes.__wrapped__(FAST)


@pytest.mark.parametrize("tier", TIERS)
def test_round_of_a_tier_fails_nowhere_and_says_what_each_probe_cost(tier: str, settings: Settings) -> None:
    found = links.run_round(settings.database_monitor_url, tier)
    chosen = probes.choose(tier, int(found.version.split(".")[0]), in_recovery=False)
    assert found.failures == {}
    assert found.costs.keys() == {probe.name for probe in chosen}
    assert all(cost > 0 for cost in found.costs.values())
    assert found.cost_ms < found.wall_ms
    assert found.figures.keys() | found.counters.keys() == set(
        probes.series_names(tier, int(found.version.split(".")[0]), in_recovery=False)
    )


def test_counters_become_rates_of_what_happened(app: Flask, settings: Settings, servers: Servers) -> None:
    first = links.run_round(settings.database_monitor_url, FAST)
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as at:
        link.autocommit = True
        for _ in range(50):
            at.execute("SELECT 1")
        at.execute("SELECT pg_stat_force_next_flush()")
        at.execute("SELECT 1")
    second = links.run_round(settings.database_monitor_url, FAST)
    found = rates.figures(rates.thaw(rates.freeze(first)), second, TIERS[FAST])
    seconds = (second.clock_at - first.clock_at).total_seconds()
    assert (found["transactions.commits"] or 0) * seconds >= 50
    assert 0 <= (found["blocks.hit_share"] or 0) <= 1
    assert found["sessions.limit"] == 150


def test_reset_of_the_counters_is_a_gap_of_those_alone(
    app: Flask, settings: Settings, servers: Servers
) -> None:
    first = links.run_round(settings.database_monitor_url, FAST)
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as at:
        link.autocommit = True
        at.execute("SELECT pg_stat_reset()")
    second = links.run_round(settings.database_monitor_url, FAST)
    found = rates.figures(rates.thaw(rates.freeze(first)), second, TIERS[FAST])
    assert found["transactions.commits"] is None
    assert found["blocks.hit_share"] is None
    assert found["wal.bytes"] is not None
    assert found["sessions.total"] is not None


def a_round(clock_at: datetime, value: float, **changed: Any) -> Round:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    found = Round("18.0", in_recovery=False, started_at=begun, clock_at=clock_at)
    found.counters["x"] = probes.Counter(value, 60.0, "")
    return dataclasses.replace(found, **changed)


def test_rate_is_per_minute_where_the_probe_says_so(now: datetime) -> None:
    before = rates.thaw(rates.freeze(a_round(now, 100)))
    assert rates.figures(before, a_round(now + timedelta(seconds=10), 105), 10)["x"] == 30


GAPS: dict[str, dict[str, Any]] = {
    "restarted": {"started_at": datetime.fromisoformat("2020-01-01T00:00:00+00:00")},
    "promoted": {"in_recovery": True},
}


@pytest.mark.parametrize("change", GAPS)
def test_restart_or_promotion_is_a_gap(change: str, now: datetime) -> None:
    before = rates.thaw(rates.freeze(a_round(now, 100)))
    after = a_round(now + timedelta(seconds=10), 105, **GAPS[change])
    assert rates.figures(before, after, 10)["x"] is None


def test_smaller_counter_long_silence_and_first_round_are_gaps(now: datetime) -> None:
    before = rates.thaw(rates.freeze(a_round(now, 100)))
    assert rates.figures(before, a_round(now + timedelta(seconds=10), 99), 10)["x"] is None
    assert rates.figures(before, a_round(now + timedelta(seconds=51), 105), 10)["x"] is None
    assert rates.figures(before, a_round(now, 105), 10)["x"] is None
    assert rates.figures(rates.thaw({}), a_round(now, 105), 10)["x"] is None


def test_failing_and_slow_probes_harm_no_other(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "choose", lambda *_args, **_more: [BROKEN, SLOW, FINE])
    monkeypatch.setitem(probes.STATEMENT_MS, FAST, 100)
    found = links.run_round(settings.database_monitor_url, FAST)
    assert found.failures.keys() == {"broken", "slow"}
    assert "nothing" in found.failures["broken"]
    assert "100 ms" in found.failures["slow"]
    assert found.figures == {"test.fine": 7.0, "test.unknown": None}


def test_probe_cannot_write(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = Probe("writing", FAST, 14, None, "all", 'SELECT lo_create(0) AS "test.x"')
    monkeypatch.setattr(probes, "choose", lambda *_args, **_more: [writing])
    assert "read-only" in links.run_round(settings.database_url, FAST).failures["writing"]


def test_server_that_is_away_is_an_error_beside_the_last_good_round(
    control: Session, settings: Settings
) -> None:
    here = Target("az-a", settings.database_monitor_url)
    gone = Target("az-a", f"postgresql://u@127.0.0.1:{free_port()}/d")
    with pytest.raises(RoundError, match="refused"):
        links.run_round(gone.url, FAST)
    assert sampling.sample([here], FAST) == {}
    assert "refused" in sampling.sample([gone], FAST)["az-a"]
    (row,) = control.scalars(select(MetricSource).where(MetricSource.tier == FAST)).all()
    control.refresh(row)
    assert row.taken_at is not None
    assert row.seen["counters"]
    assert "refused" in row.error
    assert sampling.sample([here], FAST) == {}
    control.refresh(row)
    assert row.error == ""


def test_rounds_of_all_tiers_give_a_server_its_series_and_costs(control: Session, settings: Settings) -> None:
    for tier in (FAST, MINUTE, QUARTER, FAST):
        sampling.sample([Target("az-a", settings.database_monitor_url)], tier)
    names = queries.list_names("az-a")
    assert len([name for name in names if not name.startswith("cost.")]) >= ENOUGH
    until = datetime.now(UTC) + timedelta(seconds=1)
    wanted = ["sessions.total", "wal.bytes", "cost.10s", "xid.age", "size.database"]
    lines = queries.series(wanted, timedelta(hours=1), source="az-a", until=until)[1]
    assert all(any(value is not None for value in line) for line in lines.values())


def test_targets_are_members_by_name_and_the_primary_where_it_has_none(settings: Settings) -> None:
    standby = Member(name="az-b", zone="b", region="local", mode="sync", url="postgresql://u@h/d")
    unnamed = settings.model_copy(update={"standbys": (standby,)})
    assert [target.source for target in sampling.targets(unnamed)] == ["primary", "az-b"]
    named = unnamed.model_copy(update={"primary": standby.model_copy(update={"name": "az-a"})})
    assert [target.source for target in sampling.targets(named)] == ["az-a", "az-b"]


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_standbys_tell_their_own_recovery(
    control: Session, whole_cluster: Cluster, settings: Settings
) -> None:
    found = whole_cluster.settings(settings)
    asked = [*sampling.targets(found)]
    for tier in (FAST, MINUTE, QUARTER, FAST):
        assert sampling.sample(asked, tier) == {}
    for source in ("az-b", "dr"):
        names = queries.list_names(source)
        assert {"recovery.replayed_bytes", "recovery.paused", "prefetch.hit"} <= names
        assert "replication.streaming" not in names
        assert len([name for name in names if not name.startswith("cost.")]) >= ENOUGH
    failures = control.scalars(select(MetricSource.failures)).all()
    assert [failure for failure in failures if failure] == []
