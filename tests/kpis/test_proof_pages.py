"""The pages of proofs, definitions and targets, with real records behind a number."""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator
from contextvars import Context
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.models import Organization
from dashboard.kpis import refreshing, versions
from dashboard.kpis.definitions import suppliers
from dashboard.kpis.models import KpiSetting, KpiTarget, KpiVersion
from dashboard.kpis.proof import narrowing
from tests.kpis.conftest import Company

BASE = "/t/acme/insights"
PROOF = f"{BASE}/proof/otif"
MONTHS = "from=2026-03&to=2026-04"
AS_OF = datetime(2026, 4, 15, tzinfo=UTC)


@pytest.fixture
def lines(tenant: Session, company: Company) -> list[int]:
    """Two lines promised for March: one came on its day, one two days late; one promised for later."""
    for at, day in (("2026-03-10", 10), ("2026-03-12", 10)):
        receipt = company.receive(f"{at}T12:00+01:00", 10, "2.50")
        receipt.order.status, receipt.order.ordered_on = "received", date(2026, 3, 1)
        receipt.lines[0].order_line.promised_on = date(2026, 3, day)
    later = company.receive("2026-04-10T12:00+02:00", 10, "2.50")
    later.order.status = "sent"
    later.lines[0].order_line.promised_on = date(2026, 4, 20)
    tenant.flush()
    keep(tenant)
    return [receipt.lines[0].order_line.id for receipt in (later,)]


def keep(session: Session) -> None:
    family = suppliers.OTIF.facts
    refreshing.rebuild(session, family, versions.terms(session, family, AS_OF))
    session.flush()


@pytest.fixture
def manager(login: Callable[..., FlaskClient], lines: list[int]) -> FlaskClient:
    """A manager of acme, where these lines are."""
    db.session.commit()
    return login("manager", tenant="acme")


def text_of(client: FlaskClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
    return " ".join(answer.get_data(as_text=True).split())


def test_a_proof_shows_the_number_made_three_times_and_its_rows(manager: FlaskClient) -> None:
    page = text_of(manager, f"{PROOF}?{MONTHS}")
    assert "100 \N{MULTIPLICATION SIGN} 1 [lines on time in full] ÷ 2 [lines due] = 50 %" in page
    assert page.count("equal</span>") == 2
    assert " · Goods</" in page
    pending = text_of(manager, f"{PROOF}?{MONTHS}&status=pending")
    assert "1 record: due …" in pending
    assert "due 2026-04-20" in pending
    assert "No record is excluded" in text_of(manager, f"{PROOF}?{MONTHS}&status=excluded")


def test_a_record_changed_since_is_said_beside_the_number(manager: FlaskClient, tenant: Session) -> None:
    tenant.connection().exec_driver_sql(
        "UPDATE purchase_order_line SET promised_on = '2026-03-12' WHERE promised_on = '2026-03-10'"
    )
    tenant.commit()
    page = text_of(manager, f"{PROOF}?{MONTHS}")
    assert page.count("equal</span>") == 1
    assert "Records changed since" in page
    assert "100 %" in page


def test_a_replay_uses_older_values_and_an_earlier_day(manager: FlaskClient, tenant: Session) -> None:
    row = KpiVersion(code="otif", revision=1, parameters={"tolerance": 3, "full": 100}, reason="Board")
    tenant.add(row)
    tenant.commit()
    assert "The definition or the display currency has changed" in text_of(manager, f"{PROOF}?{MONTHS}")
    replay = text_of(manager, f"{PROOF}?{MONTHS}&revision={row.id}")
    assert "2 [lines on time in full] ÷ 2 [lines due] = 100 %" in replay
    assert "later are not undone" in replay
    before = text_of(manager, f"{PROOF}?{MONTHS}&revision=0&as_of=2026-03-11")
    assert "1 [lines on time in full] ÷ 2 [lines due] = 50 %" in before
    assert "no data" in text_of(manager, f"{PROOF}?{MONTHS}&as_of=2026-03-09")
    text_of(manager, f"{PROOF}?as_of=yesterday", 422)
    text_of(manager, f"{PROOF}?as_of=0001-01-01", 422)
    text_of(manager, f"{PROOF}?revision=99", 404)


def test_a_number_over_too_many_records_leads_to_its_parts(
    manager: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = f"{PROOF}?{MONTHS}&as_of=2026-04-15"
    assert "up to 100,000 at once" in text_of(manager, f"{PROOF}?{MONTHS}")
    assert "= 50 %" in text_of(manager, whole)
    monkeypatch.setattr(narrowing, "MOST_REPLAYED", 2)
    for address in (f"{PROOF}?{MONTHS}&check=1", whole):
        page = text_of(manager, address)
        assert "3 records belong to this number. Up to 2 are computed anew at once" in page
        parts = re.findall(r'<li> <a href="([^"]+)">(\w+ 2026)</a> <span class="text-secondary">(\d)', page)
        assert [(title, records) for _, title, records in parts] == [("Mar 2026", "2"), ("Apr 2026", "1")]
    assert "made while you wait; choose a part" in page
    assert "= 50 %" not in page
    part = html.unescape(parts[0][0])
    assert "as_of=2026-04-15" in part
    assert "= 50 %" in text_of(manager, part)
    monkeypatch.setattr(narrowing, "MOST_REPLAYED", 1)
    alone = text_of(manager, f"{BASE}/proof/otif?from=2026-03&to=2026-03&as_of=2026-04-15")
    assert "A part of it" not in alone  # of one month, organization, region and category
    assert "choose one supplier" in alone


def test_all_records_come_as_a_file(manager: FlaskClient) -> None:
    for extra in ("", "&as_of=2026-04-15"):
        answer = manager.get(f"{PROOF}/rows.csv?{MONTHS}{extra}")
        head, *found = csv.reader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff")))
        assert head[-3:] == ["status", "reason", "changed since"]
        assert [row[-3:-1] for row in found] == [
            ["included", ""],
            ["included", ""],
            ["pending", "due 2026-04-20"],
        ]
        hits = head.index("lines on time in full")
        assert sum(Decimal(row[hits]) for row in found if row[-3] == "included") == 1


def test_all_records_are_sent_although_the_request_is_over_by_then(manager: FlaskClient) -> None:
    def sent() -> str:
        return manager.get(f"{PROOF}/rows.csv?{MONTHS}").get_data(as_text=True)

    assert Context().run(sent).count("included") == 2  # as on a server: no test's app around it


def test_a_figure_made_of_others_leads_to_their_proofs(manager: FlaskClient) -> None:
    page = text_of(manager, f"{BASE}/proof/reliability?{MONTHS}")
    assert f"{BASE}/proof/otif?" in page
    text_of(manager, f"{BASE}/proof/reliability/rows.csv", 404)
    text_of(manager, f"{BASE}/proof/nothing", 404)


@pytest.fixture
def outbox(app: Flask) -> Iterator[list[Any]]:
    """What is put into the outbox, which a tenant may write and not read."""
    found: list[Any] = []

    def notice(*execution: Any) -> None:
        if "outbox" in execution[2]:
            found.append(execution[3])

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", notice)
    yield found
    event.remove(engine, "before_cursor_execute", notice)


def test_a_new_revision_is_declared_with_its_reason(
    manager: FlaskClient, tenant: Session, outbox: list[Any]
) -> None:
    address = f"{BASE}/definitions/otif"
    assert "No revision yet" in text_of(manager, address)
    form = {"org_id": "", "value_tolerance": "2", "value_full": "95", "reason": "The board said so"}
    assert manager.post(address, data=form).status_code == 302
    (asked,) = outbox
    assert (asked["job"], json.loads(asked["args"])) == ("insights.rebuild", {"families": ["deliveries"]})
    page = text_of(manager, address)
    assert "The board said so" in page
    assert "Revision 1" in page
    assert manager.post(address, data=form).status_code == 409  # nothing would change
    for wrong in ({"value_tolerance": "1.5"}, {"value_full": "0"}, {"value_full": "x"}, {"reason": " "}):
        assert manager.post(address, data=form | wrong).status_code == 422
    own = form | {"org_id": str(tenant.scalar(db.select(Organization.id)))}
    assert manager.post(address, data=own | {"value_tolerance": "4"}).status_code == 302
    assert "Berlin works" in text_of(manager, address)
    assert "On time in full" in text_of(manager, f"{BASE}/definitions/")


def test_the_display_currency_is_chosen_from_those_there_are(manager: FlaskClient, tenant: Session) -> None:
    address = f"{BASE}/definitions/currency"
    assert manager.post(address, data={"currency": "XXX"}).status_code == 422
    assert manager.post(address, data={"currency": ""}).status_code == 302
    assert tenant.get(KpiSetting, 1) is not None


def test_targets_are_added_changed_and_deleted(manager: FlaskClient, tenant: Session) -> None:
    address = f"{BASE}/targets/"
    assert "No target yet" in text_of(manager, address)
    assert 'selected value="otif"' in text_of(manager, f"{address}new?code=otif")
    form = {
        "code": "otif",
        "value": "90",
        "first_month": "2026-01",
        "last_month": "2026-12",
        "org_id": "",
        "category_id": "",
        "note": "Agreed in January",
    }
    assert manager.post(f"{address}new", data=form).status_code == 302
    page = text_of(manager, address)
    assert "Agreed in January" in page
    assert "missed" in page
    assert manager.post(f"{address}new", data=form).status_code == 409
    for wrong in (
        {"is_budget": "y"},
        {"last_month": "2025-01"},
        {"last_month": "2099-01"},
        {"value": "x"},
        {"org_id": "999"},
    ):
        assert manager.post(f"{address}new", data=form | wrong).status_code == 422
    row = tenant.scalars(db.select(KpiTarget)).one()
    one = f"{address}{row.id}"
    assert "Agreed in January" in text_of(manager, one)
    assert manager.post(one, data=form | {"value": "80", "version": "7"}).status_code == 409
    assert manager.post(one, data=form | {"value": "40", "version": str(row.version)}).status_code == 302
    assert "met</span>" in text_of(manager, address)
    asked = text_of(manager, f"{one}/delete")
    assert "Delete the target of On time in full?" in asked
    assert "40.0 % from January 2026 to December 2026 holds no more" in asked
    assert "On time in full" in text_of(manager, address)
    assert manager.post(f"{one}/delete").status_code == 302
    text_of(manager, one, 404)


def test_a_budget_is_shown_for_change_as_it_was_typed_and_says_how_far_from_it_one_is(
    manager: FlaskClient, tenant: Session
) -> None:
    address = f"{BASE}/targets/"
    assert "Spend (EUR)" in text_of(manager, f"{address}new")
    form = {"code": "otif", "value": "90", "first_month": "2026-03", "last_month": "2026-03"}
    form |= {"org_id": "", "category_id": ""}
    budget = form | {"code": "spend", "value": "12000000", "is_budget": "y"}
    for asked in (form, budget):
        assert manager.post(f"{address}new", data=asked).status_code == 302
    row = tenant.scalars(db.select(KpiTarget).where(KpiTarget.code == "spend")).one()
    assert 'value="12000000"' in text_of(manager, f"{address}{row.id}")
    assert "\N{MINUS SIGN}40.0 points" in text_of(manager, address)
