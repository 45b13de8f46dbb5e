"""The pages of the legacy import: a dry run first, then a job; uploads are private and short-lived."""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.erp import models
from dashboard.erp.legacy import reading, uploads
from dashboard.jobs.models import JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant
from tests.erp import legacy_files as files

Login = Callable[..., FlaskClient]
PAGE = "/t/acme/records/legacy/"


def upload(path: Path) -> dict[str, object]:
    return {"file": (BytesIO(path.read_bytes()), "export.json"), "organization": "Legacy Ltd"}


def hidden(page: str, name: str) -> str:
    return page.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]


def stored(tenant: TenantRef) -> int:
    with use_tenant(tenant, actor="tester") as session:
        return session.scalar(select(func.count()).select_from(models.Supplier)) or 0


@pytest.fixture
def fresh(app: Flask) -> Iterator[TenantRef]:
    """A tenant that may be written to for real."""
    with app.app_context():
        tenant = create_tenant("Legacy Home", f"legacy-{secrets.token_hex(3)}")
        yield tenant
        db.session.remove()
        with db.engines["owner"].begin() as connection:
            connection.exec_driver_sql(
                f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
                f" DROP ROLE {tenant.role}"
            )
        tenancy.forget()


def test_the_form_asks_for_file_and_organization(login: Login) -> None:
    page = login("staff", "acme").get(PAGE)
    assert page.status_code == 200
    assert 'value="Acme"' in page.text
    assert "MiB at most" in page.text


def test_managers_may_not_import(login: Login) -> None:
    assert login("manager", "acme").get(PAGE).status_code == 403


def test_the_dry_run_shows_what_is_loaded_and_refused(login: Login, acme: TenantRef, tmp_path: Path) -> None:
    path = files.write_json(tmp_path / "file", files.faulty())
    page = login("staff", "acme").post(PAGE, data=upload(path))
    assert page.status_code == 200
    assert "there is no rfq 99999" in page.text
    assert "Import 13 rows" in page.text
    assert stored(acme) == 0
    uploads.discard(acme, hidden(page.text, "upload"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "Choose a file"),
        ({"file": (BytesIO(b"hello"), "export.json")}, "neither a SQLite database nor JSON"),
        ({"file": (BytesIO(b"[]"), "x"), "organization": "x" * 121}, "1 to 120 characters"),
    ],
)
def test_a_wrong_upload_is_told_beside_the_field_and_not_kept(
    login: Login, acme: TenantRef, fields: dict[str, object], message: str
) -> None:
    page = login("staff", "acme").post(PAGE, data=fields)
    assert page.status_code == 422
    assert message in page.text
    assert list(uploads._folder(acme).iterdir()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "0" * 32, ""])
def test_only_kept_uploads_can_be_imported(login: Login, name: str) -> None:
    answer = login("staff", "acme").post(f"{PAGE}run", data={"upload": name, "organization": "X"})
    assert answer.status_code == 404


def test_an_upload_belongs_to_its_tenant(acme: TenantRef, globex: TenantRef) -> None:
    name = uploads.keep(acme, FileStorage(BytesIO(b"x"), "export.json"))
    path = uploads.find(acme, name)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(NotFoundError):
        uploads.find(globex, name)
    uploads.discard(acme, name)


def test_large_uploads_are_refused_and_old_ones_forgotten(
    acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = uploads.find(acme, uploads.keep(acme, FileStorage(BytesIO(b"x"), "export.json")))
    os.utime(old, (0, time.time() - uploads.KEPT_SECONDS - 60))
    monkeypatch.setattr(uploads, "MAX_BYTES", 4)
    with pytest.raises(InvalidInputError, match="larger than"):
        uploads.keep(acme, FileStorage(BytesIO(b"12345"), "export.json"))
    assert list(old.parent.iterdir()) == []
    assert reading.MAX_BYTES == 10 * 1024**2


@pytest.mark.commits
def test_the_import_runs_as_a_job_and_removes_the_file(
    fresh: TenantRef, login: Login, tmp_path: Path
) -> None:
    browser = login("staff", fresh.slug)
    page = f"/t/{fresh.slug}/records/legacy/"
    dry = browser.post(page, data=upload(files.write_sqlite(tmp_path / "file", files.faulty())))
    name = hidden(dry.text, "upload")
    answer = browser.post(f"{page}run", data={"upload": name, "organization": "Legacy Ltd"})
    assert answer.status_code == 302
    run_id = answer.location.rstrip("/").rpartition("/")[2]
    perform(run_id)
    with control_transaction() as session:
        run = session.get(JobRun, run_id)
        assert run is not None
        assert (run.status, run.error) == ("succeeded", "")
        assert run.result is not None
        assert run.result["counts"]["supplier"]["loaded"] == 2
        session.delete(run)
    assert stored(fresh) == 2
    with pytest.raises(NotFoundError):
        uploads.find(fresh, name)
    again = browser.post(page, data=upload(files.write_sqlite(tmp_path / "again", files.good())))
    assert "Nothing to load" in again.text
