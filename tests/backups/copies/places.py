"""Where the tests of dumps and copies work: a place of their own, jobs run as the worker runs them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.backups.copies import commands, handing_out
from dashboard.backups.copies.daily import jobs as daily
from dashboard.backups.copies.models import BackupCopy
from dashboard.backups.copies.place import CopyPlace, place_of
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from tests.conftest import Servers


@dataclass(frozen=True)
class Site:
    """The settings the jobs see, and the place of copies they name."""

    settings: Settings

    @property
    def place(self) -> CopyPlace:
        """The store of copies."""
        return place_of(self.settings)

    def path(self, copy: BackupCopy) -> Path:
        """The file of a copy on disk."""
        return Path(copy.location)


def run_job(name: str, args: dict[str, Any] | None = None) -> JobRun:
    """Run a job to its end and return its row."""
    run = service.enqueue(name, args or {}, actor=SYSTEM_ACTOR)
    perform(str(run.id))
    return job_queries.get_run(run.id)


@pytest.fixture
def site(
    app: Flask, servers: Servers, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A place of copies of the test's own; rows the jobs committed are removed afterwards."""
    dumper = servers.postgres.url("erp_test", "steward_backup", "backup")
    changed = settings.model_copy(
        update={
            "backup_url": dumper.replace("postgresql://", "postgresql+psycopg2://"),
            "copies_url": (tmp_path / "copies").as_uri(),
        }
    )
    for module in (daily, handing_out, commands):
        monkeypatch.setattr(module, "get_settings", lambda: changed)
    with app.app_context():
        yield Site(changed)
        db.session.remove()
        with control_transaction() as session:
            for table in ("backup_copy", "job_run", "setting"):
                session.execute(text(f"DELETE FROM {table}"))


Find = Callable[..., BackupCopy]
