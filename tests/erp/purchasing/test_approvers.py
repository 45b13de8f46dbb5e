"""Whoever may approve an order learns that one waits: on the bell and by mail, its own people excepted."""

from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.collaboration.models import Notification
from dashboard.core.config import get_settings
from dashboard.erp.models import PurchaseOrder
from dashboard.erp.purchasing import approval, jobs
from dashboard.erp.workflow.service import transition
from dashboard.jobs.models import JobRun
from dashboard.jobs.run import Run
from dashboard.tenancy.models import TenantRef
from dashboard.users.service import create_operator
from tests.erp.purchasing.test_steps import act_as, make_order

PEOPLE = {
    "first@example.com": ("staff", "acme"),
    "second@example.com": ("admin", None),
    "reader@example.com": ("manager", "acme"),
    "elsewhere@example.com": ("staff", "globex"),
}


@pytest.fixture
def waiting(tenant: Session) -> PurchaseOrder:
    """An order above the threshold that `asker` has submitted."""
    for email, grant in {**PEOPLE, "asker@example.com": ("staff", "acme")}.items():
        create_operator(email, email.partition("@")[0].capitalize(), "correct horse battery", [grant])
    order = make_order(tenant, "1000", freight=Decimal(1))
    act_as(tenant, "asker@example.com")
    transition(tenant, order, "submit")
    return order


def test_those_who_may_approve_are_notified_and_nobody_else(tenant: Session, waiting: PurchaseOrder) -> None:
    query = select(Notification).where(Notification.record_id == waiting.id)
    told = list(tenant.scalars(query.where(Notification.entity == "purchase_order")))
    assert {"first@example.com", "second@example.com"} <= {one.recipient for one in told}
    assert not {"reader@example.com", "elsewhere@example.com", "asker@example.com"} & {
        one.recipient for one in told
    }
    assert told[0].title == f"{waiting.number} waits for your approval"
    assert "1,000.00\u00a0EUR" in str(told[0].body)


def test_each_of_them_is_mailed_once_with_the_order(acme: TenantRef, waiting: PurchaseOrder) -> None:
    folder = get_settings().home / "mail"
    before = set(folder.glob("*.eml"))
    run = Run(JobRun(id=uuid4(), job=approval.MAIL_JOB, actor="asker@example.com", tenant=acme.slug))
    done = jobs.mail_approvers(run, order_id=waiting.id, asker="asker@example.com")
    mails = [path.read_text() for path in set(folder.glob("*.eml")) - before]
    assert done["mails"] == len(mails)
    mine = next(mail for mail in mails if "To: first@example.com" in mail)
    assert f"Subject: To approve: {waiting.number}" in mine
    assert f"/t/acme/records/purchase_order/{waiting.id}" in mine.replace("=\n", "")
