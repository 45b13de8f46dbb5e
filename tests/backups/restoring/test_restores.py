"""Restores of a real cluster to a scratch server."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from dashboard.backups.restoring import service
from dashboard.backups.restoring.models import Target
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings
from dashboard.stack.layout import ERP_DATABASE
from tests.backups.restoring.conftest import Heard, Make, read, write
from tests.cluster import Cluster

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("cluster"),
    pytest.mark.usefixtures("cleaned"),
]


def test_a_chain_is_brought_back_to_a_time_and_to_the_latest(
    make: Make, whole_cluster: Cluster, observed: Settings, control: Session
) -> None:
    first, second, third = (f"{name}-{uuid4()}" for name in ("a", "b", "c"))
    make()
    write(whole_cluster, first)
    child = make("incremental")
    between = write(whole_cluster, second)
    write(whole_cluster, third)

    at = TargetSpec(Target.TIME, between)
    restore = service.plan(control, observed, purpose="look", target=at, actor="dba@example.com")
    server = service.bring_back(restore, observed, Heard())
    rows = read(server, ERP_DATABASE)
    assert first in rows
    assert second in rows
    assert third not in rows
    assert (restore.backup_id, restore.status) == (child, "ready")
    assert restore.reached_at
    assert restore.reached_at <= between
    assert set(restore.phases) == {"plan", "fetch", "wal", "replay", "promote"}
    assert restore.bytes_done == restore.bytes_total > 10_000_000
    service.tear_down(control, restore)
    assert server.pid is None
    assert not server.folder.exists()

    restore = service.plan(control, observed, purpose="look", target=TargetSpec(), actor="dba@example.com")
    server = service.bring_back(restore, observed, Heard())
    assert {first, second, third} <= set(read(server, ERP_DATABASE))
