"""The sections of dumps and copies, their buttons, and dumps that leave only over a signed link."""

import hashlib
import io
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from dashboard.audit.models import Operation
from dashboard.backups.copies import handing_out, service
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.core.db import db
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from tests.backups.copies.places import Site, site

__all__ = ["site"]
pytestmark = [pytest.mark.commits]
Login = Callable[..., FlaskClient]
DATA = b"PGDMP and sealed prices" * 1000
PAGE = "/database/backups/copies/"


@pytest.fixture
def dump(site: Site) -> BackupCopy:
    """A dump of acme in its place."""
    site.place.put_whole("tenant/acme.dump", io.BytesIO(DATA))
    made = service.begin(CopyKind.TENANT, "acme", location="", actor="x", run_id=uuid4())
    made.location = site.place.where("tenant/acme.dump")
    digest = hashlib.sha256(DATA).hexdigest()
    service.finish(made, size_bytes=len(DATA), sha256=digest, key="tenant/acme.dump", tables=61, rows=1234)
    service.mark_proven(made, "restored into a server made for it")
    db.session.commit()
    return made


def downloads() -> list[Operation]:
    """What the log of operations has of downloads."""
    query = select(Operation).where(Operation.action == "backup_copy.download").order_by(Operation.id)
    return list(db.session.scalars(query))


def test_page_says_when_each_kind_was_made_and_proven(dump: BackupCopy, login: Login) -> None:
    dump_id = dump.id
    html = login("dba").get(PAGE).text
    for words in ("ERP database", "Uploaded files", "Broker", "never proven", "61 tables, 1,234 rows"):
        assert words in html
    assert "restored into a server made for it" in html
    assert "No copy yet" in html
    assert f'aria-label="Download tenant acme, number {dump_id}"' in html


def test_failure_is_said_with_its_reason_until_a_copy_goes_well(dump: BackupCopy, login: Login) -> None:
    row = service.begin(CopyKind.DATABASE, "erp", location="", actor="x", run_id=None)
    service.fail(row, "No space left on device")
    db.session.commit()
    html = login("dba").get(PAGE).text
    assert "The last copy failed: ERP database." in html
    assert "No space left on device" in html


def test_dump_leaves_after_a_warning_and_is_logged(dump: BackupCopy, login: Login) -> None:
    browser, before, copy_id = login("dba"), len(downloads()), dump.id
    assert "Sealed prices are inside." in browser.get(f"{PAGE}{copy_id}/download").text
    answer = browser.post(f"{PAGE}{copy_id}/download", follow_redirects=True)
    assert answer.data == DATA
    assert 'filename="acme.dump"' in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    db.session.rollback()
    logged = downloads()
    assert len(logged) == before + 1
    assert (logged[-1].actor, logged[-1].tenant) == (browser.email, "acme")  # type: ignore[attr-defined]
    assert logged[-1].detail["size_bytes"] == len(DATA)


def test_link_is_for_one_person_and_two_minutes(
    dump: BackupCopy, login: Login, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, other = login("dba"), login("dba")
    link = first.post(f"{PAGE}{dump.id}/download").location
    assert other.get(link).status_code == 403
    assert first.get(f"{link}x").status_code == 403
    assert first.get(link).status_code == 200
    monkeypatch.setattr(handing_out, "LINK_SECONDS", -1)
    assert "has expired" in first.get(link).text


def test_nobody_without_the_right_gets_anything(dump: BackupCopy, login: Login) -> None:
    link = login("dba").post(f"{PAGE}{dump.id}/download").location
    manager, nobody = login("manager", tenant="acme"), login(None)
    for browser in (manager, nobody):
        assert browser.get(PAGE).status_code == 403
        assert browser.get(f"{PAGE}{dump.id}/download").status_code == 403
        assert browser.post(f"{PAGE}{dump.id}/download").status_code == 403
        assert browser.post(f"{PAGE}{dump.id}/prove").status_code == 403
        assert browser.post(f"{PAGE}make", data={"what": "database"}).status_code == 403
        assert browser.get(link).status_code == 403


def test_unfinished_or_unknown_copies_are_not_handed_out(site: Site, login: Login) -> None:
    row = service.begin(CopyKind.DATABASE, "erp", location="", actor="x", run_id=None)
    db.session.commit()
    browser, copy_id = login("dba"), row.id
    assert browser.post(f"{PAGE}{copy_id}/download").status_code == 409
    assert browser.get(f"{PAGE}999999/download").status_code == 404


def test_buttons_ask_for_jobs(dump: BackupCopy, login: Login) -> None:
    browser, copy_id = login("dba"), dump.id
    for form in ({"what": "database"}, {"what": "tenant", "slug": "acme"}, {"what": "daily"}):
        assert browser.post(f"{PAGE}make", data=form).status_code == 302
    assert browser.post(f"{PAGE}{copy_id}/prove").status_code == 302
    assert browser.post(f"{PAGE}make", data={"what": "everything"}).status_code == 422
    assert browser.post(f"{PAGE}make", data={"what": "tenant", "slug": "nobody"}).status_code == 404
    with control_transaction() as session:
        asked = {(run.job, str(run.args)) for run in session.scalars(select(JobRun))}
        session.execute(text("DELETE FROM job_run"))
    assert ("backups.dump_tenant", "{'slug': 'acme'}") in asked
    assert ("backups.prove_copy", f"{{'copy_id': {copy_id}}}") in asked
