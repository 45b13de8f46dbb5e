"""Mails to suppliers leave once, hold the link the message does not, and are tried again."""

from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.erp.messages import service
from dashboard.erp.models import Message
from dashboard.tenancy.models import TenantRef
from tests.conftest import Servers
from tests.erp.sourcing import making
from tests.factories import SupplierContactFactory, SupplierFactory


@pytest.fixture
def message(tenant: Session) -> Message:
    """An invitation that waits."""
    rfq = making.sent(tenant)
    return tenant.scalars(select(Message).where(Message.rfq_id == rfq.id).order_by(Message.id)).first()  # type: ignore[return-value]


def newest(servers: Servers) -> str:
    """The last mail that went out."""
    folder: Path = servers.home / "mail"
    return max(folder.glob("*.eml")).read_text().replace("=\n", "").replace("=3D", "=")


def test_the_mail_has_the_link_and_the_message_has_not(
    servers: Servers, tenant: Session, acme: TenantRef, message: Message
) -> None:
    assert service.deliver(tenant, message.id, acme.id)
    assert "/s/?key=" in newest(servers)
    assert "/s/?key=" not in message.body
    tenant.refresh(message)
    assert message.delivered_at is not None


def test_a_delivered_message_does_not_go_twice(
    servers: Servers, tenant: Session, acme: TenantRef, message: Message
) -> None:
    service.deliver(tenant, message.id, acme.id)
    count = len(list((servers.home / "mail").glob("*.eml")))
    assert service.deliver(tenant, message.id, acme.id)
    assert len(list((servers.home / "mail").glob("*.eml"))) == count


def test_a_refused_mail_keeps_its_reason_and_can_be_tried_again(
    tenant: Session, acme: TenantRef, message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise UnavailableError("mail", "The mail server did not take the mail.")

    monkeypatch.setattr(service, "send_mail", refuse)
    assert not service.deliver(tenant, message.id, acme.id)
    assert message.delivery_error == "The mail server did not take the mail."
    service.retry(tenant, message)
    assert message.delivery_error is None


def test_the_first_contact_gets_the_mail(tenant: Session) -> None:
    supplier = SupplierFactory()
    SupplierContactFactory(supplier=supplier, email="second@example.com")
    SupplierContactFactory(supplier=supplier, email="first@example.com", is_primary=True)
    assert service.write(tenant, supplier, "Hello", "there").address == "first@example.com"


def test_without_an_address_the_message_says_so(tenant: Session, acme: TenantRef) -> None:
    supplier = SupplierFactory(email=None)
    message = service.write(tenant, supplier, "Hello", "there")
    assert message.delivery_error == service.NO_ADDRESS
    assert not service.deliver(tenant, message.id, acme.id)
    with pytest.raises(ConflictError):
        service.retry(tenant, message)


def test_the_sweep_takes_what_waits(tenant: Session, message: Message) -> None:
    assert service.list_undelivered(tenant) == []
    older = text("UPDATE message SET created_at = now() - interval '1 minute' WHERE id = :id")
    tenant.execute(older, {"id": message.id})
    assert service.list_undelivered(tenant) == [message.id]
