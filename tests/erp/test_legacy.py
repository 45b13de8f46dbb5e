"""A file of the legacy agent is loaded row by row, in both formats, and never trusted."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp import models
from dashboard.erp.legacy import reading, service, storing
from dashboard.erp.legacy.report import Report
from tests.erp import legacy_files as files

REASONS = {
    ("supplier", "9004"): "name is missing",
    (
        "supplier",
        "9005",
    ): "reliability “140” is not between 0 and 100; capabilities “not json” is no JSON object",
    ("rfq", "9006"): "deadline “31/02/2026” is no date",
    ("quote", "9001"): "RFQ 1 has a quote of supplier 1 already",
    ("quote", "9002"): "there is no rfq 99999",
    ("quote", "9003"): "price “-4” is below 0",
    ("kpi", "9007"): "value “n/a” is no number; period “2025-13” is no month (YYYY-MM)",
}


def load(session: Session, path: Path, *, dry_run: bool = False, organization: str = "Legacy Ltd") -> Report:
    return service.load(session, path, organization, dry_run=dry_run)


@pytest.mark.parametrize("kind", files.WRITERS)
def test_good_rows_are_loaded_and_each_fault_is_told(tenant: Session, tmp_path: Path, kind: str) -> None:
    report = load(tenant, files.WRITERS[kind](tmp_path / "file", files.faulty()))
    assert report.format == kind
    assert {(row.entity, row.key): row.reason for row in report.refused} == REASONS
    counts = {entity: (count.loaded, count.read, count.stored) for entity, count in report.counts.items()}
    assert counts == {
        "supplier": (2, 4, 2),
        "rfq": (3, 4, 3),
        "quote": (3, 6, 3),
        "message": (2, 2, 2),
        "kpi": (3, 4, 3),
    }
    assert "supplier: loaded 2 of 4, 2 refused; counted in the database: 2" in report.lines()
    assert "refused quote 9002: there is no rfq 99999" in report.lines()


def test_rows_become_our_records(tenant: Session, tmp_path: Path) -> None:
    load(tenant, files.write_json(tmp_path / "file", files.good()))
    rfqs = {rfq.title: rfq for rfq in tenant.scalars(select(models.Rfq))}
    sent, awarded, draft = rfqs["Brackets"], rfqs["Boxes"], rfqs["Later"]
    assert (sent.status, awarded.status, draft.status) == ("sent", "awarded", "draft")
    assert (sent.sent_at, awarded.awarded_at, draft.number) == (
        datetime(2025, 9, 1, 8, tzinfo=UTC),
        None,
        None,
    )
    line = sent.lines[0]
    assert (line.description, line.quantity, line.target_price) == (
        "Brackets",
        Decimal(500),
        Decimal("17.16"),
    )
    assert sent.organization.name == "Legacy Ltd"
    assert sent.organization.base_currency == sent.currency == "USD"
    assert str(sent.category) == "Metals"


def test_quotes_keep_their_details(tenant: Session, tmp_path: Path) -> None:
    load(tenant, files.write_sqlite(tmp_path / "file", files.good()))
    by_key = {quote.external_key: quote for quote in tenant.scalars(select(models.Quote))}
    first, third = by_key["sourcing-agent/quote/1"], by_key["sourcing-agent/quote/3"]
    assert (first.incoterm, first.custom_fields) == ("EXW", {"warranty": "1 year"})
    assert (third.incoterm, third.custom_fields) == (None, {"incoterm": "by ship"})
    assert (first.status, third.status) == ("submitted", "awarded")
    assert first.total == Decimal(2500)


def test_messages_and_kpis_are_mapped(tenant: Session, tmp_path: Path) -> None:
    load(tenant, files.write_json(tmp_path / "file", files.good()))
    messages = tenant.scalars(select(models.Message).order_by(models.Message.id)).all()
    assert [message.direction for message in messages] == ["outbound", "inbound"]
    codes = tenant.scalars(select(models.KpiDefinition.code).order_by(models.KpiDefinition.code)).all()
    assert codes == ["avg_lead_time", "savings_pct"]


def test_a_dry_run_counts_the_same_and_leaves_nothing(tenant: Session, tmp_path: Path) -> None:
    path = files.write_json(tmp_path / "file", files.faulty())
    dry = load(tenant, path, dry_run=True)
    assert tenant.scalar(select(func.count()).select_from(models.Organization)) == 0
    assert "supplier: would load 2 of 4, 2 refused; counted in the database: 2" in dry.lines()
    assert "ignored auth.user: 1 rows" in dry.lines()
    real = load(tenant, path)
    assert dry.plain() | {"is_dry_run": False} == real.plain()


@pytest.mark.parametrize("kind", files.WRITERS)
def test_a_second_import_loads_only_what_is_new(tenant: Session, tmp_path: Path, kind: str) -> None:
    load(tenant, files.write_json(tmp_path / "first", files.good()))
    more = files.faulty()
    more["quote"][4] = files.quote(rfq=2, supplier=2)
    report = load(tenant, files.WRITERS[kind](tmp_path / "second", more))
    assert {name: (c.loaded, c.already) for name, c in report.counts.items()} == {
        "supplier": (0, 2),
        "rfq": (0, 3),
        "quote": (1, 3),
        "message": (0, 2),
        "kpi": (0, 3),
    }
    assert {(row.entity, row.key): row.reason for row in report.refused} == REASONS
    assert "2 were there already" in report.lines()[0]


def test_rows_of_a_refused_row_are_refused(tenant: Session, tmp_path: Path) -> None:
    rows = files.good()
    rows["supplier"][2] = files.supplier(name=" ")
    rows["message"][3] = files.message(supplier=2, rfq=77)
    report = load(tenant, files.write_json(tmp_path / "file", rows))
    reasons = {(row.entity, row.key): row.reason for row in report.refused}
    assert reasons["quote", "2"] == "supplier 2 was refused itself"
    assert reasons["message", "3"] == "supplier 2 was refused itself; there is no rfq 77"


@pytest.mark.parametrize(
    ("entity", "row", "reason"),
    [
        ("supplier", files.supplier(name="x" * 301), "name has 301 characters, at most 300 fit"),
        ("supplier", files.supplier(name="a\x00b"), "name has signs that no database keeps"),
        ("supplier", files.supplier(name="\ud800"), "name has signs that no database keeps"),
        ("supplier", files.supplier(name=7), "name “7” is no text"),
        ("supplier", files.supplier(email="x"), "email “x” is no e-mail address"),
        ("supplier", files.supplier(capabilities={"a": ["\x00"]}), "capabilities has signs"),
        ("supplier", files.supplier(reliability=True), "reliability “True” is no number"),
        ("rfq", files.rfq(quantity=0), "quantity “0” is not above 0"),
        ("rfq", files.rfq(quantity=None), "quantity is missing"),
        ("rfq", files.rfq(quantity="1e99"), "quantity “1e99” is no number that fits"),
        ("rfq", files.rfq(status="lost"), "status “lost” is not one of draft, open, closed, awarded"),
        ("rfq", files.rfq(created_at=None), "created_at is missing"),
        (
            "rfq",
            files.rfq(deadline="0001-01-01T00:00:00+14:00"),
            "deadline “0001-01-01T00:00:00+14:00” is no date",
        ),
        ("quote", files.quote(price="NaN"), "price “NaN” is no number that fits"),
        ("quote", files.quote(currency="usd"), "currency “usd” is no currency code"),
        ("quote", files.quote(lead_time=1.5), "lead_time “1.5” is no whole number of days"),
        ("quote", files.quote(details=[1]), "details “[1]” is no JSON object"),
        ("message", files.message(sender="nobody"), "sender “nobody” is not one of agent, supplier"),
        ("message", files.message(content="  "), "content is missing"),
        ("kpi", files.kpi(), "savings_pct has a value for 2025-01 already"),
    ],
)
def test_other_faults_are_told_too(
    tenant: Session, tmp_path: Path, entity: str, row: files.Row, reason: str
) -> None:
    rows = files.good()
    rows[entity][50] = row
    report = load(tenant, files.write_json(tmp_path / "file", rows))
    assert [(each.entity, each.key) for each in report.refused] == [(entity, "50")]
    assert report.refused[0].reason.startswith(reason)


def test_what_may_be_missing_may_be_missing(tenant: Session, tmp_path: Path) -> None:
    rows = files.good()
    rows["supplier"][1] = {"name": "Bare", "created_at": files.AT}
    rows["rfq"][1] = files.rfq(
        target_price=None, deadline="", category=None, created_at="2025-09-01T08:00:00"
    )
    rows["kpi"][9] = files.kpi(name="7 day rate")
    assert load(tenant, files.write_json(tmp_path / "file", rows)).refused == []


def test_a_key_that_appears_twice_is_loaded_once(tenant: Session, tmp_path: Path) -> None:
    path = files.write_json(tmp_path / "file", files.good())
    items = json.loads(path.read_text())
    path.write_text(json.dumps([*items, items[0]]))
    report = load(tenant, path)
    assert [(row.key, row.reason) for row in report.refused] == [("1", "the key appears twice in the file")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither a SQLite database nor JSON"),
        (b"\xff\xfe\x00", "neither a SQLite database nor JSON"),
        (b"[" * 100_000, "neither a SQLite database nor JSON"),
        (b"[" + b"9" * 10_000 + b"]", "neither a SQLite database nor JSON"),
        (b"{}", "no list of records"),
        (b"[1]", "Record 1 has no model"),
        (b'[{"model": "api.rfq", "pk": 1, "fields": 3}]', "Record 1 has no model"),
        (b"[]", "has no supplier"),
        (b"SQLite format 3\x00 and then nonsense", "SQLite database cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused_clearly(
    tenant: Session, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=message):
        load(tenant, path)


def test_a_file_that_is_not_there_or_too_large_is_refused(tenant: Session, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be opened"):
        load(tenant, tmp_path / "none")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(reading.MAX_BYTES + 1)
    with pytest.raises(InvalidInputError, match="at most"):
        load(tenant, large)


def test_too_many_rows_are_refused(tenant: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 5)
    with pytest.raises(InvalidInputError, match="more than 5 rows"):
        load(tenant, files.write_json(tmp_path / "file", files.good()))


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE VIEW api_supplier AS SELECT 1 AS id", "has no supplier"),
        ("CREATE TABLE api_supplier (name)", "has no column id"),
    ],
)
def test_a_database_of_another_shape_is_refused(
    tenant: Session, tmp_path: Path, statement: str, message: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "file")) as connection, connection:
        connection.execute(statement)
    with pytest.raises(InvalidInputError, match=message):
        load(tenant, tmp_path / "file")


def test_an_organization_needs_a_name(tenant: Session, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="1 to 120"):
        load(tenant, tmp_path / "file", organization=" ")


def test_counts_that_differ_undo_everything(
    tenant: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "count_stored", lambda *_: 0)
    with pytest.raises(ConflictError, match="nothing was loaded"):
        load(tenant, files.write_json(tmp_path / "file", files.good()))
    assert tenant.scalar(select(func.count()).select_from(models.Supplier)) == 0


def test_a_row_the_database_refuses_undoes_everything(
    tenant: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "taken_kpis", lambda *_: set())
    first = files.write_json(tmp_path / "first", files.good())
    load(tenant, first)
    again = files.good()
    again["kpi"] = {99: files.kpi()}
    with pytest.raises(ConflictError, match="uq_kpi_value_definition_id_period"):
        load(tenant, files.write_json(tmp_path / "again", again))
    assert tenant.scalar(select(func.count()).select_from(models.KpiValue)) == 3
