"""Jobs around keeping backups, run against the real cluster, and what they commit removed again."""

import copy
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.backups import jobs as backup_jobs
from dashboard.backups.barman import Barman
from dashboard.backups.copies.offsite import proving, repository
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.servers.scratch import ScratchServer
from dashboard.stack import barman
from dashboard.stack.layout import Layout
from tests.cluster import Cluster, wait_until

WITHOUT_BACKUPS = {
    "backup maximum age",
    "minimum redundancy requirements",
}  # checks that fail before the first
TABLES = ("verification", "backup_copy", "job_run", "reading", "backup")


@contextmanager
def jobs_see(
    app: Flask, observed: Settings, monkeypatch: pytest.MonkeyPatch, *modules: object
) -> Iterator[None]:
    """Let the jobs work on a cluster; forget afterwards what they wrote."""
    for module in (backup_jobs, *modules):
        monkeypatch.setattr(module, "get_settings", lambda: observed)
    with app.app_context():
        try:
            yield
        finally:
            db.session.remove()
            with control_transaction() as session:
                for table in TABLES:
                    session.execute(text(f"DELETE FROM {table}"))


def done(name: str, **arguments: object) -> JobRun:
    """Ask for a job, do it, and return its run."""
    run = service.enqueue(name, arguments, actor=SYSTEM_ACTOR)
    perform(str(run.id))
    db.session.expire_all()
    return job_queries.get_run(run.id)


def flip(path: Path, position: int = -1) -> None:
    """Turn one bit of one byte, in the middle unless a position is given; a second time turns it back."""
    where = path.stat().st_size // 2 if position < 0 else position
    with path.open("r+b") as stream:
        stream.seek(where)
        byte = stream.read(1)[0]
        stream.seek(where)
        stream.write(bytes([byte ^ 1]))


@contextmanager
def second_barman(cluster: Cluster, name: str, **options: Any) -> Iterator[Layout]:
    """Give the same cluster one more Barman, set up by the stack with other options, with its own slot."""
    layout = copy.copy(cluster.layout)
    layout.options = replace(layout.options, **options)
    layout.barman = cluster.layout.servers / f"barman-{name}"
    barman.prepare(layout)
    own = layout.barman / "servers.d" / "main.zz-test.conf"  # after the policy's, so that it wins
    own.write_text(f"[main]\nslot_name = barman_{name}\n")

    def call(*arguments: str) -> None:
        subprocess.run(barman.command(layout, *arguments), timeout=60, check=False)

    def is_ready() -> bool:
        call("cron")
        call("switch-wal", "--force", "--archive", "main")
        passed = {check.name.lower(): check.passed for check in Barman(layout.barman_config, "main").check()}
        return passed.get("receive wal running", False) and passed.get("wal archive", True)

    try:
        wait_until(is_ready, 60, "the second Barman does not receive")
        yield layout
    finally:
        call("terminate-process", "main", "receive-wal")
        wait_until(lambda: not slot_is_active(cluster, name), 10, "the second receiver does not end")
        cluster.sql(
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
            f" WHERE slot_name = 'barman_{name}'"
        )
        shutil.rmtree(layout.barman)


def slot_is_active(cluster: Cluster, name: str) -> bool:
    """Whether the second Barman still receives."""
    return bool(cluster.sql(f"SELECT active FROM pg_replication_slots WHERE slot_name = 'barman_{name}'"))


@contextmanager
def restored(layout: Layout, backup_id: str) -> Iterator[ScratchServer]:
    """Restore a backup with all its WAL from a layout's Barman alone, started."""
    engine = Barman(layout.barman_config, "main")
    info = repository.read_info(layout.barman / "main" / "meta" / f"{backup_id}-backup.info")
    server = ScratchServer(layout.servers / "safe-scratch" / backup_id, bin_folder=layout.bin)
    try:
        proving.restore(engine, backup_id, info["begin_wal"], server, lambda: None, lambda _line: None)
        yield server
    finally:
        server.remove()
