"""A whole ERP cluster for tests that break it: a primary, standbys `az-b` and `dr`, and Barman.

Tests that use `whole_cluster` are marked `slow` and `xdist_group("cluster")`: one process makes it, once.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest

from dashboard.backups.barman import environment
from dashboard.core.config import Member, Settings
from dashboard.servers import Standby as StandbyServer
from dashboard.servers import bootstrap_erp, scratch_folder
from dashboard.stack import barman
from dashboard.stack.layout import ERP_DATABASE, Layout
from dashboard.stack.options import StackOptions
from dashboard.stack.state import State

RECEIVER = "barman_receive_wal"


@dataclass(frozen=True)
class Cluster:
    """The running servers; `settings` are those of the test with the cluster's addresses."""

    layout: Layout

    def settings(self, base: Settings) -> Settings:
        """Point the monitor, the members and Barman of some settings at this cluster."""
        urls = self.layout.erp_urls()
        return base.model_copy(
            update={
                "database_monitor_url": urls["DATABASE_MONITOR_URL"],
                "primary": Member.model_validate(self.layout.primary_entry()),
                "standbys": tuple(Member.model_validate(entry) for entry in self.layout.standby_entries()),
                "barman_config": self.layout.barman_config,
            }
        )

    def standby(self, name: str) -> StandbyServer:
        """The server of a standby."""
        return next(server for server in self.layout.standbys if server.name == name)

    def sql(self, statement: str, *, on: str = "primary") -> Any:
        """Run a statement as superuser and return its first value, if any."""
        server = self.layout.erp if on == "primary" else self.standby(on)
        with closing(psycopg2.connect(server.url(ERP_DATABASE))) as link:
            link.autocommit = True
            with link.cursor() as at:
                at.execute(statement)
                row = at.fetchone() if at.description else None
                return row[0] if row else None

    def barman(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Call Barman."""
        command = barman.command(self.layout, *arguments)
        variables = environment()  # as the product calls it: Barman has no lines of ours to count
        return subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env=variables
        )


def wait_until(condition: Callable[[], object], seconds: float, what: str = "") -> None:
    """Wait for something to become true, or fail the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what or f"not within {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A primary that archives and streams, two standbys, and Barman ready to back up."""
    with ExitStack() as stack:
        home = stack.enter_context(scratch_folder())
        options = StackOptions(home, 1, "admin@example.com", None, "none", 2, None)
        layout = Layout(options, State(home / "state.json"))
        barman.prepare(layout)
        layout.erp.ensure_initialised()
        stack.callback(layout.erp.stop)
        layout.erp.start()
        bootstrap_erp(layout.erp.url("postgres"), ERP_DATABASE, layout.erp_passwords())
        for standby in layout.standbys:
            standby.ensure_initialised()
            stack.callback(standby.stop)
            standby.start()
        found = Cluster(layout)
        stack.callback(found.barman, "terminate-process", "main", "receive-wal")
        found.barman("cron")
        yield found


def streaming(cluster: Cluster) -> set[str]:
    """The names of what streams from the primary now."""
    names = cluster.sql(
        "SELECT coalesce(json_agg(application_name), '[]')::text FROM pg_stat_replication"
        " WHERE state = 'streaming'"
    )
    return set(json.loads(names))


@pytest.fixture
def whole_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with everything up; what a test stopped is started again afterwards."""
    _heal(cluster)
    yield cluster
    _heal(cluster)


def _heal(cluster: Cluster) -> None:
    for server in (cluster.layout.erp, *cluster.layout.standbys):
        if server.pid is None:
            server.start()
    for standby in cluster.layout.standbys:
        cluster.sql("SELECT pg_wal_replay_resume()", on=standby.name)
    wait_until(lambda: {"az-b", "dr"} <= streaming(cluster), 30, "the standbys do not stream again")
    if RECEIVER not in streaming(cluster):
        wait_until(lambda: _receives(cluster), 30, "Barman does not receive WAL again")


def _receives(cluster: Cluster) -> bool:
    """Let Barman's cron start its receiver, which may have lost the primary or been ended by a test."""
    cluster.barman("cron")
    time.sleep(1)
    return RECEIVER in streaming(cluster)
