"""Once a minute: bids open, mails leave, and a second run finds nothing to do."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from dashboard.erp.models import Message, Quote
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing import jobs, keeping
from dashboard.erp.workflow.service import transition
from dashboard.jobs.registry import get_job
from dashboard.schedule import SCHEDULES
from dashboard.tenancy.models import TenantRef
from tests.erp.sourcing import making


def test_the_schedule_runs_it_every_minute() -> None:
    timed = next(one for one in SCHEDULES if one.job == "sourcing.keep")
    assert timed.every == 60
    assert get_job("sourcing.keep").quiet


def test_sealed_bids_open_by_themselves_and_once(tenant: Session) -> None:
    rfq = making.sent(tenant, sealed=True, deadline=seals.clock(tenant) + timedelta(seconds=1))
    quote = making.quote(tenant, rfq, price="2.5")
    transition(tenant, quote, "submit")
    assert keeping.keep(tenant)["opened"] == 0
    time.sleep(1.1)
    assert keeping.keep(tenant)["opened"] == 1
    assert keeping.keep(tenant)["opened"] == 0
    tenant.refresh(quote)
    assert quote.total == Decimal(500)


def test_mails_that_wait_leave_once(app: Flask, tenant: Session, acme: TenantRef) -> None:
    rfq = making.sent(tenant)
    tenant.execute(text("UPDATE message SET created_at = now() - interval '1 minute'"))
    tenant.commit()
    assert jobs.keep_tenant(acme)["mails"] == 2
    assert jobs.keep_tenant(acme)["mails"] == 0
    query = select(Message.delivered_at).where(Message.rfq_id == rfq.id)
    tenant.commit()
    assert None not in list(tenant.scalars(query))


@pytest.mark.usefixtures("app")
def test_a_draft_nobody_submitted_ends_with_the_deadline(tenant: Session) -> None:
    rfq = making.sent(tenant)
    quote: Quote = making.quote(tenant, rfq, from_supplier=True)
    rfq.deadline = making.soon(minutes=-1)
    tenant.flush()
    assert keeping.keep(tenant)["expired"] == 1
    assert quote.status == "expired"
