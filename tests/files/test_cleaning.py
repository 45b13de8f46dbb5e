"""The daily clean-up: orphans go after a day, rows without bytes are reported, everything else stays."""

import io
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.files import cleaning, service
from dashboard.files.jobs import clean_up
from dashboard.files.store import FileStore, StoreError
from dashboard.schedule import SCHEDULES
from tests.files.conftest import PDF, Configure
from tests.files.s3_server import BUCKET, S3Server

NOW = datetime.now(UTC)
A_DAY = timedelta(hours=25)


def test_an_orphan_is_removed_after_a_day(tenant: Session, store: FileStore) -> None:
    kept = service.store(tenant, "supplier", 1, "offer.pdf", io.BytesIO(PDF))
    deleted = service.store(tenant, "supplier", 1, "old.pdf", io.BytesIO(PDF))
    service.delete(tenant, deleted)
    store.put("tenant_acme/00/orphan", io.BytesIO(b"12345"))
    today = cleaning.clean(tenant, store, "tenant_acme")
    assert (today.objects, today.removed, today.missing) == (3, 0, [])
    report = cleaning.clean(tenant, store, "tenant_acme", now=NOW + A_DAY)
    assert (report.objects, report.removed, report.removed_bytes, report.missing) == (3, 1, 5, [])
    assert not store.exists("tenant_acme/00/orphan")
    assert store.exists(kept.storage_key)
    assert store.exists(deleted.storage_key)


def test_a_row_without_bytes_is_reported_and_kept(tenant: Session, store: FileStore) -> None:
    row = service.store(tenant, "supplier", 1, "offer.pdf", io.BytesIO(PDF))
    store.delete(row.storage_key)
    report = cleaning.clean(tenant, store, "tenant_acme", now=NOW + A_DAY)
    assert report.missing == [(row.id, "offer.pdf")]
    assert service.list_files(tenant, "supplier", 1) == [row]


def test_other_tenants_objects_are_left_alone(tenant: Session, store: FileStore) -> None:
    store.put("tenant_acme_2/00/theirs", io.BytesIO(b"x"))
    store.put("tenant_globex/00/theirs", io.BytesIO(b"x"))
    cleaning.clean(tenant, store, "tenant_acme", now=NOW + A_DAY)
    assert store.exists("tenant_acme_2/00/theirs")
    assert store.exists("tenant_globex/00/theirs")


def test_with_the_store_away_nothing_is_counted_as_missing(tenant: Session, s3_server: S3Server) -> None:
    wrong = FileStore(f"s3://{BUCKET}/x", s3_server.options(secret="wrong"))
    with pytest.raises(StoreError):
        cleaning.clean(tenant, wrong, "tenant_acme", now=NOW + A_DAY)


class Notes:
    """Takes what a job says, as its run would."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.log: Callable[[str], None] = self.lines.append

    def progress(self, *_how_far: object) -> None: ...


def test_the_job_goes_through_every_tenant(
    app: Flask, configure: Configure, tmp_path: Path, tenant: Session
) -> None:
    store = configure(store=FileStore((tmp_path / "files").as_uri())).store
    for key in ("tenant_acme/00/old", "tenant_globex/00/old", "tenant_globex/00/new"):
        store.put(key, io.BytesIO(b"123"))
    two_days_ago = time.time() - 2 * 86_400
    for key in ("tenant_acme/00/old", "tenant_globex/00/old"):
        os.utime(tmp_path / "files" / key, (two_days_ago, two_days_ago))
    row = service.store(tenant, "supplier", 1, "offer.pdf", io.BytesIO(PDF))
    tenant.commit()
    store.delete(row.storage_key)
    run: Any = Notes()
    result = clean_up(run)
    assert {key: result[key] for key in ("objects", "removed", "removed_bytes")} == {
        "objects": 3,
        "removed": 2,
        "removed_bytes": 6,
    }
    # tenants of other tests may have files in other stores
    assert any(line.startswith("acme:") and "1 rows without bytes" in line for line in run.lines)
    assert any("“offer.pdf” are missing" in line for line in run.lines)
    assert store.exists("tenant_globex/00/new")


def test_it_runs_every_day() -> None:
    assert [entry.cron for entry in SCHEDULES if entry.job == "files.clean_up"] == ["40 3 * * *"]
