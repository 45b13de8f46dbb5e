"""Each address is asked as the product would use it, and a wrong one is named with what to do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from dashboard.core.config import Member, Settings
from dashboard.servers import Postgres, free_port, scratch_folder
from dashboard.setup import checking, discovering
from dashboard.setup.checking import OK, WARNING, WRONG, Line
from tests.cluster import Cluster
from tests.conftest import FAST, Servers

Change = Callable[[Settings], dict[str, Any]]
MINIMAL = {**FAST, "wal_level": "minimal", "max_wal_senders": "0"}


def told(settings: Settings, **changes: Any) -> dict[str, Line]:
    """The worst line of each part."""
    found: dict[str, Line] = {}
    rank = [OK, WARNING, WRONG]
    for line in checking.check(settings.model_copy(update=changes)):
        if line.part not in found or rank.index(line.state) > rank.index(found[line.part].state):
            found[line.part] = line
    return found


def nowhere(scheme: str, path: str) -> str:
    return f"{scheme}://127.0.0.1:{free_port()}/{path}"


def member(name: str, url: str) -> Member:
    return Member(name=name, zone="b", region="far", mode="async", url=url)


def test_the_servers_of_the_tests_are_as_they_should_be(app: Flask, settings: Settings) -> None:
    found = told(settings)
    for part in ("control database", "app login", "owner login", "monitor login", "broker", "cache"):
        assert found[part].state == OK, found[part]
    assert "No standby is expected" in found["standbys"].text
    assert all(line.fix for line in found.values() if line.state != OK), "what is wrong says what to do"


@pytest.mark.parametrize(
    ("part", "change", "words"),
    [
        ("app login", lambda s: {"database_url": s.database_direct_url}, "more than it must"),
        ("owner login", lambda s: {"database_direct_url": s.database_url}, "cannot make tenants"),
        ("monitor login", lambda s: {"database_monitor_url": s.database_url}, "does not see"),
        ("control database", lambda s: {"control_url": s.database_url}, "does not own"),
        ("broker", lambda _: {"broker_url": nowhere("redis", "0")}, "refused"),
        ("backups", lambda _: {"barman_bin": "no-such-barman"}, ""),
        ("PgBouncer", lambda _: {"pgbouncer_url": nowhere("postgresql", "pgbouncer")}, "refused"),
    ],
    ids=["app", "owner", "monitor", "control", "broker", "backups", "pgbouncer"],
)
def test_a_wrong_address_is_named(
    app: Flask, settings: Settings, part: str, change: Change, words: str
) -> None:
    line = told(settings, **change(settings))[part]
    assert line.state == WRONG
    assert words in line.text
    assert line.fix


def test_a_superuser_is_refused_for_every_work(app: Flask, servers: Servers, settings: Settings) -> None:
    url = servers.postgres.url("erp_test")
    found = told(settings, database_url=url, database_direct_url=url)
    assert "more than it must" in found["app login"].text
    assert "superuser" in found["owner login"].text


def test_a_server_of_another_cluster_is_no_standby(app: Flask, settings: Settings) -> None:
    with scratch_folder() as folder:
        stranger = Postgres(folder / "stranger", free_port(), "secret", MINIMAL)
        stranger.ensure_initialised()
        stranger.start()
        try:
            there = member("dr", stranger.url("postgres"))
            found = told(settings, standbys=(there, member("gone", nowhere("postgresql", "x"))))
            assert found["server dr"].text == "It belongs to another cluster."
            assert found["server gone"].state == WRONG
            assert told(settings, database_monitor_url=there.url)["server settings"].state == WRONG
        finally:
            stranger.stop()


def test_the_command_says_what_is_wrong_and_ends_with_one(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["cluster", "check"])
    assert "app login" in result.output
    assert ("wrong." in result.output) == (result.exit_code == 1)


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_a_whole_cluster_is_right_and_its_standbys_are_found(
    whole_cluster: Cluster, settings: Settings
) -> None:
    used = whole_cluster.settings(settings)
    found = told(used)
    assert [found[f"server {name}"].state for name in ("az-b", "dr")] == [OK, OK]
    assert found["backups"].state == OK, found["backups"]
    seen = discovering.discover(used.database_monitor_url)
    assert {one.name for one in seen.standbys} == {"az-b", "dr"}
    assert all(one.slot for one in seen.standbys)
    assert [one.name for one in seen.receivers] == ["barman_receive_wal"]
    rows = json.loads(discovering.entries(seen.standbys, used.database_monitor_url))
    assert {row["zone"] for row in rows} == {"?"}
    assert all("@127.0.0.1:" in row["url"] for row in rows)
