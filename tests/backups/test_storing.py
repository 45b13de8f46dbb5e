"""The catalogue is read by the timed job, by backups and from command lines, also at the same moment."""

import threading
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.backups import service
from dashboard.backups.barman import BackupFacts
from dashboard.backups.models import Backup
from dashboard.core.db import db
from dashboard.jobs.store import control_transaction

FACTS = BackupFacts("20300101T000000", "full", "DONE", begin_wal="0" * 24)


@pytest.fixture
def forgotten(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield
        db.session.remove()
        with control_transaction() as session:
            session.execute(text("DELETE FROM backup WHERE backup_id = '20300101T000000'"))


@pytest.mark.commits
@pytest.mark.usefixtures("forgotten")
def test_two_that_find_the_same_new_backup_do_not_hinder_each_other() -> None:
    with db.engines["control"].connect() as other:
        transaction = other.begin()
        other.execute(Backup.__table__.insert().values(server="main", **asdict(FACTS)))  # type: ignore[attr-defined]
        later = threading.Timer(0.3, transaction.commit)
        later.start()
        service._store("main", FACTS)
        later.join()
    db.session.commit()
    stored = db.session.get(Backup, ("main", FACTS.backup_id))
    assert stored is not None
    assert stored.begin_wal == FACTS.begin_wal
