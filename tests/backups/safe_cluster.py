"""Jobs around keeping backups, run against the real cluster, and what they commit removed again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.backups import jobs as backup_jobs
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction

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
