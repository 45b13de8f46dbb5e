"""Downloads: permission first, then a link for one person and a few minutes, then inert bytes."""

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.files.models import Attachment
from dashboard.files.store import FileStore
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.files.conftest import PDF, Configure, picture

Rows = Callable[[], list[Attachment]]


def keep(browser: FlaskClient, supplier: int, data: bytes, name: str) -> None:
    files = [(io.BytesIO(data), name)]
    browser.post(f"/t/acme/records/files/supplier/{supplier}", data={"files": files})


@pytest.fixture
def link(store: FileStore, supplier: int, staff: FlaskClient, rows: Rows) -> str:
    """The signed address of a PDF."""
    keep(staff, supplier, PDF, "Angebot für Ümläut.pdf")
    answer = staff.get(f"/t/acme/records/files/{rows()[0].id}/download")
    assert answer.status_code == 302
    return str(answer.location)


def test_the_bytes_come_back_as_a_download(link: str, staff: FlaskClient) -> None:
    answer = staff.get(link)
    assert answer.data == PDF
    assert answer.content_length == len(PDF)
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="Angebot f_r _ml_ut.pdf"; '
        "filename*=UTF-8''Angebot%20f%C3%BCr%20%C3%9Cml%C3%A4ut.pdf"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_pages_keep_their_own_policy(supplier: int, staff: FlaskClient) -> None:
    answer = staff.get(f"/t/acme/records/supplier/{supplier}")
    assert "script-src 'nonce-" in answer.headers["Content-Security-Policy"]


def test_a_link_ends(link: str, staff: FlaskClient, configure: Configure) -> None:
    configure(link_seconds=0)
    time.sleep(1.1)
    answer = staff.get(link)
    assert answer.status_code == 403
    assert "This link to a file has expired." in answer.text


def test_a_link_is_one_persons(link: str, login: Callable[..., FlaskClient], client: FlaskClient) -> None:
    answer = login("staff", tenant="acme").get(link)
    assert answer.status_code == 403
    assert "somebody else" in answer.text
    assert client.get(link).status_code == 302  # to the login


def test_a_link_of_one_tenant_opens_nothing_in_another(link: str, login: Callable[..., FlaskClient]) -> None:
    answer = login("admin").get(link.replace("/t/acme/", "/t/globex/"))
    assert answer.status_code == 403


@pytest.mark.parametrize("change", [lambda s: s[:-3] + "abc", lambda s: s + "x", lambda s: s.split(".")[0]])
def test_a_link_that_was_tampered_with_is_refused(
    link: str, staff: FlaskClient, change: Callable[[str], str]
) -> None:
    answer = staff.get(change(link))
    assert answer.status_code == 403
    assert "not valid" in answer.text


def test_a_row_that_points_at_another_tenants_bytes_opens_nothing(
    link: str, staff: FlaskClient, acme: TenantRef, store: FileStore
) -> None:
    store.put("tenant_globex/ab/secret", io.BytesIO(b"secret"))
    with use_tenant(acme, actor="x") as session:
        session.execute(text("UPDATE attachment SET storage_key = 'tenant_globex/ab/secret'"))
        session.commit()
    answer = staff.get(link)
    assert answer.status_code == 404
    assert b"secret" not in answer.data


def test_bytes_that_are_gone_are_said_to_be(
    link: str, staff: FlaskClient, store: FileStore, rows: Rows
) -> None:
    store.delete(rows()[0].storage_key)
    answer = staff.get(link)
    assert answer.status_code == 503
    assert "not in the store" in answer.text
    assert "attachment" not in answer.headers.get("Content-Disposition", "")


def test_nginx_sends_the_bytes_where_the_setting_says_so(
    configure: Configure, disk: FileStore, supplier: int, staff: FlaskClient, rows: Rows
) -> None:
    configure(accel="/protected-files")
    keep(staff, supplier, PDF, "offer.pdf")
    row = rows()[0]
    answer = staff.get(f"/t/acme/records/files/{row.id}/download", follow_redirects=True)
    assert answer.headers["X-Accel-Redirect"] == f"/protected-files/{row.storage_key}"
    assert answer.data == b""
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_page_that_may_be_kept_still_never_opens_as_one(
    configure: Configure, disk: FileStore, supplier: int, staff: FlaskClient, rows: Rows
) -> None:
    configure(types=frozenset({"text/html", "image/svg+xml"}))
    keep(staff, supplier, b"<html><script>alert(1)</script>", "page.html")
    keep(staff, supplier, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.svg")
    for row in rows():
        answer = staff.get(f"/t/acme/records/files/{row.id}/download", follow_redirects=True)
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert staff.get(f"/t/acme/records/files/{row.id}/preview").status_code == 404
    assert len(rows()) == 2


def test_images_have_a_preview_and_it_is_drawn_once(
    store: FileStore, supplier: int, staff: FlaskClient, rows: Rows
) -> None:
    keep(staff, supplier, picture(size=(700, 700), colour="olive"), "plan.png")
    keep(staff, supplier, PDF, "offer.pdf")
    image, document = rows()
    answer = staff.get(f"/t/acme/records/files/{image.id}/preview")
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    store.delete(image.storage_key)  # the second time it comes from the cache
    assert staff.get(f"/t/acme/records/files/{image.id}/preview").data == answer.data
    assert staff.get(f"/t/acme/records/files/{document.id}/preview").status_code == 404
    page = staff.get(f"/t/acme/records/supplier/{supplier}").text
    assert page.count("/preview") == 1


def test_strangers_and_other_desks_get_nothing(
    link: str, rows: Rows, login: Callable[..., FlaskClient], client: FlaskClient
) -> None:
    number = rows()[0].id
    for path in (f"{number}/download", f"{number}/preview"):
        address = f"/t/acme/records/files/{path}"
        assert client.get(address).status_code == 302
        assert client.get(address).location.startswith("/login")
        assert login("staff", tenant="globex").get(address).status_code == 404
        assert login("dba").get(address).status_code in {403, 404}
    assert login("manager", tenant="acme").get(f"/t/acme/records/files/{number}/download").status_code == 302


def test_a_mail_like_name_cannot_break_the_header(
    disk: FileStore, supplier: int, staff: FlaskClient, rows: Rows
) -> None:
    keep(staff, supplier, PDF, 'a"; filename="evil.exe\r\nX-Evil: 1.pdf')
    answer: Any = staff.get(f"/t/acme/records/files/{rows()[0].id}/download", follow_redirects=True)
    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers
    assert answer.headers["Content-Disposition"].count('filename="') == 1
