"""Files on the page of a record: adding, versions, deleting, restoring, and what is refused."""

import hashlib
import io
from collections.abc import Callable
from typing import IO, Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.files import service
from dashboard.files.models import Attachment
from dashboard.files.store import FileStore
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.factories import SupplierFactory
from tests.files.conftest import PDF, Configure, picture

pytestmark = pytest.mark.usefixtures("disk")
Rows = Callable[[], list[Attachment]]


def upload(browser: FlaskClient, record: int, *files: tuple[bytes, str], entity: str = "supplier") -> Any:
    """Send files as the form of the panel does; gives the record's page that follows."""
    data = {"files": [(io.BytesIO(data), name) for data, name in files]}
    return browser.post(f"/t/acme/records/files/{entity}/{record}", data=data, follow_redirects=True)


def stored_objects(store: FileStore) -> list[str]:
    return [found.key for folder in store.folders("tenant_acme") for found in store.objects(folder)]


def test_several_files_arrive_on_the_record(
    supplier: int, staff: FlaskClient, rows: Rows, store: FileStore
) -> None:
    page = upload(staff, supplier, (PDF, "offer.pdf"), (picture(), "plan.png"))
    assert page.status_code == 200
    assert "Files (2)" in page.text
    kept = rows()
    assert [(row.file_name, row.content_type, row.size) for row in kept] == [
        ("offer.pdf", "application/pdf", len(PDF)),
        ("plan.png", "image/png", len(picture())),
    ]
    assert kept[0].sha256 == hashlib.sha256(PDF).hexdigest()
    assert kept[0].created_by == staff.email  # type: ignore[attr-defined]
    with store.open(kept[0].storage_key) as stream:
        assert stream.read() == PDF


def test_keys_are_random_and_below_the_tenant(supplier: int, staff: FlaskClient, rows: Rows) -> None:
    upload(staff, supplier, (PDF, "a.pdf"), (PDF, "a.pdf"))
    first, second = (row.storage_key for row in rows())
    assert first != second
    assert all(key.startswith("tenant_acme/") and "a.pdf" not in key for key in (first, second))


def test_one_refused_file_does_not_stop_the_others(supplier: int, staff: FlaskClient, rows: Rows) -> None:
    page = upload(staff, supplier, (b"", "empty.pdf"), (b"<html>", "page.png"), (PDF, "good.pdf"))
    assert "“empty.pdf” was not kept: it is empty." in page.text
    assert "“page.png” was not kept: files of the type text/html are not accepted." in page.text
    assert [row.file_name for row in rows()] == ["good.pdf"]


def test_a_file_over_the_limit_leaves_nothing(
    configure: Configure, supplier: int, staff: FlaskClient, rows: Rows, disk: FileStore
) -> None:
    configure(max_bytes=2048)
    page = upload(staff, supplier, (PDF + bytes(4096), "big.pdf"))
    assert "“big.pdf” was not kept: it is larger than 2.0\N{NO-BREAK SPACE}KiB." in page.text
    assert rows() == []
    assert stored_objects(disk) == []


class Endless:
    """A stream without an end, as of a sender who claims a gigabyte; counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        self.taken += size
        return b"%PDF-" + bytes(size - 5)


def test_an_endless_stream_is_cut_off_at_the_limit(tenant: Session, configure: Configure) -> None:
    configure(max_bytes=1024**2)
    endless: Any = Endless()
    with pytest.raises(InvalidInputError, match=r"larger than 1\.0.MiB"):
        service.store(tenant, "supplier", 1, "big.pdf", endless)
    assert endless.taken <= 2 * 1024**2


def test_a_request_larger_than_any_file_is_answered_with_a_page(supplier: int, staff: FlaskClient) -> None:
    answer = staff.post(
        f"/t/acme/records/files/supplier/{supplier}",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(1024**3)},
    )
    assert answer.status_code == 413


def test_no_file_chosen_is_said(supplier: int, staff: FlaskClient) -> None:
    assert "Choose at least one file." in upload(staff, supplier).text


def test_only_so_many_at_once(supplier: int, staff: FlaskClient, rows: Rows) -> None:
    page = upload(staff, supplier, *((PDF, f"{number}.pdf") for number in range(22)))
    assert "Only the first 20 files were taken" in page.text
    assert len(rows()) == 20


def test_a_name_shows_as_text_not_as_markup(supplier: int, staff: FlaskClient) -> None:
    page = upload(staff, supplier, (PDF, "<img src=x onerror=alert(1)>.pdf"))
    assert "<img src=x" not in page.text
    assert "_img src=x onerror=alert(1)_.pdf" in page.text


def test_a_new_version_replaces_the_file_and_keeps_the_old_one(
    supplier: int, staff: FlaskClient, rows: Rows
) -> None:
    upload(staff, supplier, (PDF, "offer.pdf"))
    first = rows()[0]
    page = staff.post(
        f"/t/acme/records/files/{first.id}/replace",
        data={"file": (io.BytesIO(PDF + b"2"), "offer v2.pdf")},
        follow_redirects=True,
    )
    assert "“offer v2.pdf” is now version 2." in page.text
    assert "Files (1)" in page.text
    assert "1 older version" in page.text
    assert rows()[1].replaces_id == first.id


def test_only_the_newest_version_can_be_replaced(supplier: int, staff: FlaskClient, rows: Rows) -> None:
    upload(staff, supplier, (PDF, "offer.pdf"))
    first = rows()[0].id
    for _ in range(2):
        page = staff.post(
            f"/t/acme/records/files/{first}/replace",
            data={"file": (io.BytesIO(PDF), "offer.pdf")},
            follow_redirects=True,
        )
    assert "There is a newer version of “offer.pdf” already." in page.text
    assert len(rows()) == 2
    without = staff.post(f"/t/acme/records/files/{first}/replace", follow_redirects=True)
    assert "Choose the file that is the new version." in without.text


def test_a_deleted_file_can_be_restored(
    supplier: int, staff: FlaskClient, rows: Rows, disk: FileStore
) -> None:
    upload(staff, supplier, (PDF, "offer.pdf"))
    row = rows()[0]
    page = staff.post(f"/t/acme/records/files/{row.id}/delete", follow_redirects=True)
    assert "No files yet." in page.text
    assert "1 deleted" in page.text
    assert stored_objects(disk) == [row.storage_key]
    replaced = staff.post(
        f"/t/acme/records/files/{row.id}/replace",
        data={"file": (io.BytesIO(PDF), "offer.pdf")},
        follow_redirects=True,
    )
    assert "Restore it first" in replaced.text
    assert staff.post(f"/t/acme/records/files/{row.id}/delete").status_code == 409
    page = staff.post(f"/t/acme/records/files/{row.id}/restore", follow_redirects=True)
    assert "Files (1)" in page.text
    assert staff.post(f"/t/acme/records/files/{row.id}/restore").status_code == 409


def test_a_deleted_record_takes_no_files(
    supplier: int, staff: FlaskClient, acme: TenantRef, rows: Rows
) -> None:
    with use_tenant(acme, actor="maker@example.com") as session:
        session.execute(text("UPDATE supplier SET deleted_at = now() WHERE id = :id"), {"id": supplier})
        session.commit()
    assert "Add files" not in staff.get(f"/t/acme/records/supplier/{supplier}").text
    assert upload(staff, supplier, (PDF, "offer.pdf")).status_code == 409
    assert rows() == []


def test_records_that_do_not_exist_take_no_files(staff: FlaskClient, rows: Rows) -> None:
    for entity, record in (("supplier", 99_999_999), ("no_such_entity", 1), ("attachment", 1)):
        assert upload(staff, record, (PDF, "offer.pdf"), entity=entity).status_code == 404
    for number in (99_999_999, 2**63 - 1):
        assert staff.post(f"/t/acme/records/files/{number}/delete").status_code == 404
    assert rows() == []


def test_managers_read_and_cannot_add(
    supplier: int, staff: FlaskClient, login: Callable[..., FlaskClient], rows: Rows
) -> None:
    upload(staff, supplier, (PDF, "offer.pdf"))
    manager = login("manager", tenant="acme")
    page = manager.get(f"/t/acme/records/supplier/{supplier}")
    assert "offer.pdf" in page.text
    assert "Add files" not in page.text
    assert upload(manager, supplier, (PDF, "b.pdf")).status_code == 403
    for action in ("delete", "restore", "replace"):
        assert manager.post(f"/t/acme/records/files/{rows()[0].id}/{action}").status_code == 403


def test_bytes_of_a_failed_transaction_stay_behind_as_an_orphan(tenant: Session, disk: FileStore) -> None:
    row = service.store(tenant, "supplier", 1, "offer.pdf", io.BytesIO(PDF))
    key = row.storage_key
    tenant.rollback()
    assert tenant.query(Attachment).count() == 0
    assert stored_objects(disk) == [key]


def test_the_store_away_leaves_the_page_standing_and_says_so(
    configure: Configure, supplier: int, staff: FlaskClient, rows: Rows
) -> None:
    upload(staff, supplier, (PDF, "offer.pdf"))
    options = {"endpoint_url": "http://127.0.0.1:9", "key": "k", "secret": "s"}
    configure(store=FileStore("s3://nobody/home", options))
    page = staff.get(f"/t/acme/records/supplier/{supplier}")
    assert page.status_code == 200
    assert "offer.pdf" in page.text
    page = upload(staff, supplier, (PDF, "second.pdf"))
    assert "The file store does not answer." in page.text
    assert len(rows()) == 1
    answer = staff.get(f"/t/acme/records/files/{rows()[0].id}/download", follow_redirects=True)
    assert answer.status_code == 503
    assert "The file store does not answer." in answer.text


def test_suppliers_files_are_marked(tenant: Session) -> None:
    supplier = SupplierFactory()
    stream: IO[bytes] = io.BytesIO(PDF)
    row = service.store(tenant, "supplier", supplier.id, "offer.pdf", stream, from_supplier=True)
    newer = service.replace(tenant, row, "offer.pdf", io.BytesIO(PDF), from_supplier=True)
    assert (newer.revision, newer.replaces_id, newer.from_supplier) == (2, row.id, True)
    assert [found.id for found in service.list_files(tenant, "supplier", supplier.id)] == [newer.id]
    assert service.read_file(tenant, newer) == PDF
    with pytest.raises(ConflictError):
        service.replace(tenant, row, "offer.pdf", io.BytesIO(PDF))


def test_changes_of_files_are_in_the_history(tenant: Session) -> None:
    row = service.store(tenant, "supplier", 1, "offer.pdf", io.BytesIO(PDF))
    service.delete(tenant, row)
    found = tenant.execute(
        text(
            "SELECT operation FROM row_history"
            " WHERE table_name = 'attachment' AND record_id = :id ORDER BY id"
        ),
        {"id": row.id},
    )
    assert list(found.scalars()) == ["I", "U"]
