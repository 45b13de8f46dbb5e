"""The demo data is the same each time, true to its hidden types, and loads once."""

from decimal import Decimal

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from dashboard.core.errors import InvalidInputError
from dashboard.erp import models
from dashboard.erp.demo import service
from dashboard.erp.demo.book import Sheet, encode
from dashboard.erp.demo.service import DemoReport
from dashboard.tenancy.models import TenantRef


def test_the_report_counts_what_is_stored(inside: Session, demo: tuple[TenantRef, DemoReport]) -> None:
    report = demo[1]
    for table, rows in report.rows.items():
        assert inside.scalar(text(f"SELECT count(*) FROM {table}")) == rows + report.live.get(table, 0), table
    assert set(report.hashes) == set(report.rows)
    assert "planted cases" in report.lines()[0]


def test_a_second_load_changes_nothing(app: object, demo: tuple[TenantRef, DemoReport]) -> None:
    again = service.load(demo[0], "small")
    assert not again.is_loaded
    assert "nothing loaded" in again.lines()[0]


def test_the_same_seed_gives_the_same_rows(demo: tuple[TenantRef, DemoReport]) -> None:
    world = service.make_world("Demo Works", "demo-works", "small")
    assert {table: sheet.digest.hexdigest() for table, sheet in world.book.sheets.items()} == demo[1].hashes


def test_a_larger_table_keeps_the_rows_it_had(demo: tuple[TenantRef, DemoReport]) -> None:
    small = service.make_world("A", "a", "small", 0.1).book.sheets["supplier"].text.getvalue()
    larger = service.make_world("A", "a", "small", 0.2).book.sheets["supplier"].text.getvalue()
    assert larger.startswith(small)


def test_an_unknown_profile_is_refused(demo: tuple[TenantRef, DemoReport]) -> None:
    with pytest.raises(InvalidInputError, match="small, demo, full"):
        service.load(demo[0], "enormous")


def test_new_records_go_on_after_the_loaded_ones(inside: Session) -> None:
    organization = inside.get(models.Organization, 1)
    last = inside.scalar(select(func.max(models.Rfq.id)))
    rfq = models.Rfq(organization=organization, title="New", status="sent")
    inside.add(rfq)
    inside.flush()
    assert last is not None
    assert rfq.id == last + 1
    assert rfq.number


def test_loading_leaves_the_triggers_on(inside: Session) -> None:
    off = text("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'")
    assert inside.scalar(off) == 0


def test_late_suppliers_are_late_and_the_excellent_are_not(app: object) -> None:
    world = service.make_world("Truth", "truth", "small", 4)
    named = {world.chance.latent(row).name for row in range(1, 200)}
    assert named == {"excellent", "solid", "erratic", "failing"}
    cases = {case for case, _, _ in world.planted}
    assert {"request of 400 lines", "duplicate supplier: same tax id, another name"} <= cases


def test_values_are_encoded_for_copy() -> None:
    assert encode(None) == r"\N"
    assert encode("a\tb\\c\nd") == r"a\tb\\c\nd"
    assert [encode(True), encode(False), encode(Decimal("1.50"))] == ["t", "f", "1.50"]
    assert encode({"é": 1}) == '{"é": 1}'


def test_a_row_with_other_columns_is_a_mistake() -> None:
    sheet = Sheet()
    sheet.add({"id": 1, "name": "x"})
    with pytest.raises(ValueError, match="after"):
        sheet.add({"id": 2})
