"""A world in which every promise can be kept, and broken: through the services, or on the real servers."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.backups.models import Backup
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import Line, judge
from dashboard.compliance.registry import get_promise
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.models import Reading
from dashboard.health.service import plain, store_reading

BACKUP = "20260101T000000"


@dataclass
class World:
    """What a case changes. `now` is when it is judged."""

    app: Flask
    control: Session
    settings: Settings
    superuser_url: str
    patch: pytest.MonkeyPatch
    stack: ExitStack
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def configure(self, **update: Any) -> None:
        """Change how Steward is configured, for this test."""
        self.settings = self.settings.model_copy(update=update)
        self.patch.setitem(self.app.extensions, "steward_settings", self.settings)

    def read(self, key: str, data: Any, *, every: int = 10) -> None:
        """Store a reading as its probe would; a dataclass becomes JSON."""
        store_reading(key, data if isinstance(data, dict) else plain(data), every=every)

    def age(self, key: str, by: timedelta) -> None:
        """Make a reading older, as when its probe has stood still."""
        row = self.control.get_one(Reading, key, populate_existing=True)
        assert row.taken_at
        row.taken_at -= by
        self.control.flush()

    def change(self, key: str, **update: Any) -> None:
        """Let the next reading say something else."""
        row = self.control.get_one(Reading, key, populate_existing=True)
        store_reading(key, {**row.data, **update}, every=row.every_seconds)

    def add(self, *rows: Any) -> Any:
        """Add rows of the control database; return the last."""
        for row in rows:
            db.session.add(row)
            db.session.flush()
        return rows[-1]

    def backup(self, *, ended: timedelta = timedelta(minutes=20), **more: Any) -> Backup:
        """Add a full backup that can be restored from."""
        known: dict[str, Any] = {
            "server": self.settings.backup_server,
            "backup_id": BACKUP,
            "status": "DONE",
            "begin_at": self.now - ended - timedelta(minutes=1),
            "end_at": self.now - ended,
            "size_bytes": 1000,
            "cluster_bytes": 1000,
        }
        found = db.session.merge(Backup(**known | more))
        db.session.flush()
        return found

    def sql(self, *statements: str) -> None:
        """Do in the control database what only its owner could."""
        for statement in statements:
            self.control.execute(text(statement), bind_arguments={"mapper": Reading})
        self.control.expire_all()

    def as_superuser(self, statement: str, *, undo: str = "", database: str = "erp_test") -> None:
        """Change the real ERP server, and take it back after the test."""
        self._run(statement, database)
        if undo:
            self.stack.callback(self._run, undo, database)

    def _run(self, statement: str, database: str) -> None:
        link = psycopg2.connect(f"{self.superuser_url}/{database}")
        try:
            link.autocommit = True
            with link.cursor() as at:
                at.execute(statement)
        finally:
            link.close()

    def judge(self, key: str) -> Line:
        """Judge one promise now."""
        db.session.flush()
        return judge(get_promise(key), Facts(self.settings, self.now))
