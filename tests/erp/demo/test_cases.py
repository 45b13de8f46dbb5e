"""The planted cases are where the manifest says, and the live ones can be worked on today."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dashboard.collaboration import queries as collaboration
from dashboard.collaboration.models import Activity
from dashboard.erp import models
from dashboard.erp.comparison import queries as comparison
from dashboard.erp.comparison.sheet import Offered
from dashboard.erp.currencies import queries as currencies
from dashboard.erp.demo import live
from dashboard.erp.demo.service import DemoReport
from dashboard.erp.purchasing.approval import needs_approval
from dashboard.erp.suppliers import duplicates
from dashboard.erp.suppliers.models import SupplierPair
from dashboard.erp.workflow import service as workflow
from dashboard.tenancy.models import TenantRef
from dashboard.translations.fields import hash_of
from dashboard.translations.models import ContentTranslation

Demo = tuple[TenantRef, DemoReport]


def rows_of(demo: Demo, case: str) -> list[int]:
    """Ids of the records of one case, by the beginning of its name."""
    found = [row for name, _, row in demo[1].planted if name.startswith(case)]
    assert found, case
    return found


def test_every_planted_case_names_a_record_and_is_in_the_printed_manifest(
    inside: Session, demo: Demo
) -> None:
    for _, table, row in demo[1].planted:
        assert inside.scalar(text(f"SELECT count(*) FROM {table} WHERE id = {row}")) == 1, (table, row)
    printed = "\n".join(demo[1].lines())
    for case, count in Counter(case for case, _, _ in demo[1].planted).items():
        assert f"planted {count:>4} x {case}, first" in printed


def test_planted_duplicates_are_found(inside: Session, demo: Demo) -> None:
    duplicates.refresh(inside)
    seconds = set(inside.scalars(select(SupplierPair.second_id)))
    missing = [row for row in rows_of(demo, "duplicate supplier") if row not in seconds]
    assert missing == []


def test_planted_translations_are_stale_and_the_others_are_not(inside: Session, demo: Demo) -> None:
    stale = set(rows_of(demo, "translation of an earlier text"))
    for row in inside.scalars(select(ContentTranslation)):
        name = inside.get_one(models.Product, row.record_id).name
        assert (row.source_hash != hash_of(name)) == (row.id in stale)


def test_names_from_right_to_left_and_in_chinese_yen_and_dinar_are_there(inside: Session, demo: Demo) -> None:
    assert rows_of(demo, "name written from right to left")
    assert rows_of(demo, "name in Chinese")
    used = set(inside.scalars(select(models.Quote.currency)))
    assert {"EUR", "USD", "JPY"} <= used
    dinars = inside.get_one(models.SupplierProduct, rows_of(demo, "price in dinars")[0])
    assert dinars.unit_price == round(dinars.unit_price, 3)


def test_the_large_request_fills_the_comparison_sheet(inside: Session, demo: Demo) -> None:
    [row] = rows_of(demo, "request of 400 lines")
    sheet = comparison.load_sheet(inside, inside.get_one(models.Rfq, row))
    assert (len(sheet.rows), len(sheet.offers), sheet.missing) == (400, 5, [])
    assert not any(offer.is_lapsed for offer in sheet.offers)


def test_certificates_have_expired_or_are_about_to(inside: Session, demo: Demo) -> None:
    today = datetime.now(UTC).date()
    held = models.SupplierCertificate
    over = inside.get_one(held, rows_of(demo, "live: certificate has run out")[0])
    soon = inside.get_one(held, rows_of(demo, "live: certificate runs out")[0])
    assert over.expires_on
    assert soon.expires_on
    assert over.expires_on < today < soon.expires_on < today + timedelta(days=30)
    assert len(rows_of(demo, "certificate has expired")) >= 5


def test_amounts_can_be_turned_into_each_other_today(inside: Session, demo: Demo) -> None:
    today = datetime.now(UTC).date()
    for code in inside.scalars(select(models.Currency.code)).all():
        for base in ("EUR", "JPY"):
            known = currencies.conversion(inside, code, base, today)
            assert known
            assert code == base or known.on_date == today


def test_the_sealed_request_shows_no_price_yet(inside: Session, demo: Demo) -> None:
    rfq = inside.get_one(models.Rfq, rows_of(demo, "live: sealed")[0])
    bids = inside.scalars(
        select(models.QuoteLine).join(models.Quote).where(models.Quote.rfq_id == rfq.id)
    ).all()
    assert (rfq.status, len(bids)) == ("quoted", 9)
    assert [bid.unit_price for bid in bids] == [None] * 9
    assert sum(bid.sealed_price_at is not None for bid in bids) == 8
    assert inside.scalar(text("SELECT count(*) FROM quote_price")) == 0
    assert inside.scalar(text(f"SELECT opens_at FROM rfq_seal WHERE rfq_id = {rfq.id}")) == rfq.deadline
    told = text(
        "SELECT count(*) FROM row_history WHERE table_name = 'quote_line' AND record_id = ANY (:ids)"
        " AND new ->> 'unit_price' IS NOT NULL"
    )
    assert inside.scalar(told, {"ids": [bid.id for bid in bids]}) == 0


def test_the_draft_can_be_sent(inside: Session, demo: Demo) -> None:
    rfq = inside.get_one(models.Rfq, rows_of(demo, "live: draft")[0])
    assert rfq.number is None
    workflow.transition(inside, rfq, "send")
    assert rfq.status == "sent"
    assert rfq.number


def test_the_request_past_its_deadline_can_be_compared(inside: Session, demo: Demo) -> None:
    rfq = inside.get_one(models.Rfq, rows_of(demo, "live: request past")[0])
    sheet = comparison.load_sheet(inside, rfq)
    assert {offer.currency for offer in sheet.offers} == {"EUR", "USD", "JPY"}
    assert sheet.missing == []
    offered = Counter(cell.bid.offered for row in sheet.rows for cell in row.cells if cell)
    assert (offered[Offered.PRICED], offered[Offered.NO_BID]) == (9, 1)
    assert all(row.best for row in sheet.rows)


def test_the_order_to_approve_needs_a_second_person(inside: Session, demo: Demo) -> None:
    order = inside.get_one(models.PurchaseOrder, rows_of(demo, "live: order waiting")[0])
    assert needs_approval(inside, order)
    workflow.transition(inside, order, "approve")
    assert order.status == "approved"


def test_the_sent_order_is_open_and_late(inside: Session, demo: Demo) -> None:
    order = inside.get_one(models.PurchaseOrder, rows_of(demo, "live: order sent")[0])
    assert order.number
    assert order.total == sum((line.amount for line in order.lines), Decimal(0))
    today = datetime.now(UTC).date()
    assert all(line.promised_on and line.promised_on < today for line in order.lines)
    assert not inside.scalar(select(func.count()).where(models.Receipt.order_id == order.id))


def test_somebody_has_something_to_do_today(inside: Session, demo: Demo) -> None:
    newest = inside.scalars(select(Activity).where(Activity.done_at.is_(None))).all()
    mine = collaboration.open_activities(inside, newest[0].assignee)
    assert len(mine) == 4


def test_live_records_are_put_in_once(inside: Session, demo: Demo) -> None:
    assert live.make(demo[0]).rows == {}


def test_live_records_have_a_history_and_numbers_after_the_loaded_ones(inside: Session, demo: Demo) -> None:
    rfq = inside.get_one(models.Rfq, rows_of(demo, "live: open request")[0])
    known = "SELECT count(*) FROM row_history WHERE table_name = 'rfq' AND record_id = :row"
    assert inside.scalar(text(known), {"row": rfq.id})
    assert not inside.scalar(text(known), {"row": 1})
    numbers = inside.scalars(select(models.Rfq.number).where(models.Rfq.org_id == rfq.org_id)).all()
    assert rfq.number
    assert len({number for number in numbers if number}) == sum(number is not None for number in numbers)
