"""Announcing on a page; the banner; and what people keep when their tenant is read-only."""

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.models import Rfq
from dashboard.erp.portal import links
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.maintenance import service as maintenance
from dashboard.users.models import LoginAttempt
from tests.erp.sourcing import making
from tests.factories import OrganizationFactory

BANNER = "Moving house"


@pytest.fixture(autouse=True)
def cleared(app: object) -> Iterator[None]:
    """Announcing commits at once; whatever a test announced is taken away."""
    yield
    with db.engines["owner"].begin() as connection:
        connection.execute(text("DELETE FROM public.maintenance"))
    tenancy.forget()


@pytest.fixture
def admin(login: Callable[..., FlaskClient]) -> FlaskClient:
    """An administrator."""
    return login("admin")


def page(browser: FlaskClient, address: str) -> str:
    """What a page says."""
    answer = browser.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:3000]
    return answer.get_data(as_text=True)


def test_what_is_announced_on_the_page_is_told_and_can_be_ended(admin: FlaskClient) -> None:
    assert "Nothing is announced" in page(admin, "/admin/maintenance/")
    answer = admin.post("/admin/maintenance/", data={"message": BANNER, "tenant": "acme", "read_only": "y"})
    assert answer.status_code == 302
    assert "nothing can be saved" in page(admin, "/t/acme/records/supplier/")
    assert BANNER not in page(admin, "/t/globex/records/supplier/")
    assert "goes on" in page(admin, "/admin/maintenance/")
    [row] = maintenance.list_maintenance()
    assert admin.post(f"/admin/maintenance/{row.id}/end").status_code == 302
    assert BANNER not in page(admin, "/t/acme/records/supplier/")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"message": " "}, "Say what is done"),
        ({"message": BANNER, "tenant": "nobody"}, "There is no such tenant."),
        ({"message": BANNER, "ends_at": "2020-01-01T10:00"}, "The end must be ahead"),
    ],
    ids=["no message", "no such tenant", "over already"],
)
def test_a_wrong_announcement_keeps_what_was_typed(
    admin: FlaskClient, typed: dict[str, str], words: str
) -> None:
    answer = admin.post("/admin/maintenance/", data=typed)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert maintenance.list_maintenance() == []


def test_all_are_told_even_before_they_log_in(client: FlaskClient) -> None:
    maintenance.announce(BANNER)
    assert BANNER in page(client, "/login")


def test_only_who_looks_after_tenants_may_announce(login: Callable[..., FlaskClient]) -> None:
    assert login("staff").post("/admin/maintenance/", data={"message": BANNER}).status_code == 403
    assert login("dba").get("/admin/maintenance/").status_code == 200


def test_a_form_comes_back_as_typed(admin: FlaskClient, acme: TenantRef, tenant: Session) -> None:
    organization = OrganizationFactory()
    tenant.commit()
    typed = {"name": "Typed Supplier", "org_id": str(organization.id), "status": "active"}
    maintenance.announce(BANNER, tenant=acme, read_only=True)
    answer = admin.post("/t/acme/records/supplier/new", data=typed)
    words = answer.get_data(as_text=True)
    assert answer.status_code == 409, words[:3000]
    assert "Read-only now" in words
    assert "Typed Supplier" in words


def test_what_has_no_form_of_its_own_is_kept_on_a_page(
    admin: FlaskClient, acme: TenantRef, tenant: Session
) -> None:
    rfq = making.sent(tenant)
    tenant.commit()
    maintenance.announce(BANNER, tenant=acme, read_only=True)
    answer = admin.post(f"/t/acme/records/rfq/{rfq.id}/comments", data={"body": "A long thought"})
    words = answer.get_data(as_text=True)
    assert answer.status_code == 409, words[:3000]
    assert "Acme is read-only now" in words
    assert 'name="body" value="A long thought"' in words


def test_a_supplier_is_told_and_keeps_the_prices(
    client: FlaskClient, control: Session, acme: TenantRef, tenant: Session
) -> None:
    control.execute(delete(LoginAttempt))
    rfq: Rfq = making.sent(tenant)
    tenant.commit()
    invitation = rfq.invitations[0]
    key = links.token_of(links.Link(acme.id, invitation.id, invitation.link_serial))
    maintenance.announce(BANNER, tenant=acme, read_only=True)
    assert BANNER in page(client, f"/s/?key={key}")
    typed = {f"unit_price-{line.id}": "12.34" for line in rfq.lines}
    answer = client.post(f"/s/?key={key}", data={"currency": "EUR", "action": "submit", **typed})
    words = answer.get_data(as_text=True)
    assert answer.status_code == 409, words[:3000]
    assert 'value="12.34"' in words
    assert "Nothing was saved." in words
