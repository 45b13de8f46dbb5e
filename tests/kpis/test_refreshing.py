"""Refreshed figures equal those computed anew, whatever happened to records, or to the refresh, meanwhile."""

import random
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.demo import profiles, service
from dashboard.jobs.models import JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.kpis import (
    concentration,
    definitions,
    history,
    jobs,
    keeping,
    refreshing,
    sums,
)
from dashboard.kpis.asking import Terms
from dashboard.kpis.families import FAMILIES, Family
from dashboard.kpis.models import KpiState
from dashboard.kpis.registry import KPIS
from dashboard.kpis.sums import By, Filters
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant
from tests.kpis.comparing import differences, terms_of

assert definitions.__all__  # importing them fills the registry
pytestmark = pytest.mark.commits
SEED = 7
KEPT = {"id", "org_id", "version", "created_at", "created_by", "updated_at", "updated_by", "custom_fields"}
PARENTS = {"rfq_id", "quote_id", "order_id", "receipt_id", "rfq_line_id", "quote_line_id", "order_line_id"}
UNOWNED = {"organization", "fx_rate", "currency"}
SIMPLE = sorted(code for code, kpi in KPIS.items() if kpi.kind != "composite")
BY: tuple[tuple[By, ...], ...] = ((), ("org_id", "month", "category_id", "region"), ("subject_id",))


@pytest.fixture(scope="module")
def works(app: Flask) -> Iterator[TenantRef]:
    """A tenant with small demo data, whose figures are kept as of its last day."""
    with app.app_context():
        tenant = create_tenant("Refreshed Works", f"refreshed-{secrets.token_hex(3)}")
        service.load(tenant, "small", scale=0.3)
        with use_tenant(tenant, actor="tester@example.com") as session:
            refresh_all(session)
            session.commit()
    yield tenant
    with app.app_context(), db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(
            f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
            f" DROP ROLE {tenant.role}"
        )
    tenancy.forget()


@pytest.fixture
def inside(app: Flask, works: TenantRef) -> Iterator[Session]:
    """A session of that tenant that commits for real."""
    with app.app_context(), use_tenant(works, actor="tester@example.com") as session:
        yield session


def refresh_all(session: Session) -> list[refreshing.Refreshed]:
    return [refreshing.refresh(session, family, terms_of(session, family)) for family in FAMILIES.values()]


def shapes(connection: Connection) -> dict[str, list[str]]:
    """The tables facts come from, with the columns a change may touch."""
    tables = sorted({table for family in FAMILIES.values() for table in family.sources})
    rows = connection.execute(
        text(
            "SELECT table_name::text, column_name::text FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = ANY(:tables) AND is_generated = 'NEVER'"
            " ORDER BY 1, ordinal_position"
        ),
        {"tables": tables},
    )
    found: dict[str, list[str]] = {}
    for table, column in rows:
        if column not in KEPT | PARENTS:
            found.setdefault(table, []).append(column)
    return found


def change(session: Session, rng: random.Random, table: str, columns: list[str]) -> str:
    """Change, add or remove one row with values other rows have; '' where a rule forbids it."""
    ids = list(session.scalars(text(f"SELECT id FROM {table} ORDER BY id")))
    if not ids:
        return ""
    mine, other, column = rng.choice(ids), rng.choice(ids), rng.choice(columns)
    kind = rng.choice(["change"] * 8 + ["add", "remove"])
    names = (
        ", ".join(["org_id", *columns]) if table not in {"organization", "fx_rate"} else ", ".join(columns)
    )
    statement = {
        "change": f"UPDATE {table} SET {column} = (SELECT {column} FROM {table} WHERE id = {other})"
        f" WHERE id = {mine}",
        "add": f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE id = {mine}",
        "remove": f"DELETE FROM {table} WHERE id = {mine}",
    }[kind]
    with suppress(DBAPIError), session.begin_nested():
        session.execute(text(statement))
        return f"{kind} {table}.{column} {mine} {other}"
    return ""


def test_figures_stay_exact_through_random_changes(inside: Session) -> None:
    rng = random.Random(SEED)
    columns = shapes(inside.connection())
    for _ in range(3):
        done = [change(inside, rng, table, columns[table]) for table in columns for _ in range(4)]
        inside.commit()
        refreshed = refresh_all(inside)
        inside.commit()
        for family in FAMILIES.values():
            assert not differences(inside, family), (family.name, [one for one in done if one])
        assert len([one for one in done if one]) > len(columns)
    assert any(one.records and not one.is_rebuild for one in refreshed)


def everything(session: Session) -> Filters:
    orgs = tuple(session.scalars(text("SELECT id FROM organization")))
    return Filters(orgs, date(2024, 1, 1), date(2026, 12, 1))


@pytest.mark.parametrize("code", SIMPLE, ids=SIMPLE)
def test_figures_are_what_the_records_say_directly(inside: Session, code: str) -> None:
    kpi = KPIS[code]
    refreshing.refresh(inside, kpi.facts, terms_of(inside, kpi.facts))
    for by in BY:
        read = sums.read(inside, kpi, everything(inside), by)
        direct = sums.direct(inside, kpi, everything(inside), terms_of(inside, kpi.facts), by)
        assert read == direct, by
        assert any(one.value is not None for one in read), "the demo data has nothing of it"


@pytest.mark.parametrize("by", [(), ("month",), ("category_id",), ("org_id", "category_id")], ids="-".join)
def test_concentration_is_that_of_what_each_supplier_was_paid(inside: Session, by: tuple[By, ...]) -> None:
    refreshing.refresh(inside, FAMILIES["receipts"], terms_of(inside, FAMILIES["receipts"]))
    some_months = replace(everything(inside), first=date(2026, 1, 1), last=date(2026, 5, 1))
    for filters in (everything(inside), some_months):
        paid: dict[tuple[object, ...], list[Decimal]] = {}
        for one in sums.read(inside, KPIS["spend"], filters, (*by, "subject_id")):
            paid.setdefault(one.keys[:-1], []).append(one.value or Decimal(0))
        shares = {keys: share_of_few(each) for keys, each in paid.items()}
        found = sums.read(inside, KPIS["concentration"], filters, by)
        assert {one.keys: one.value for one in found} == shares
        assert any(share and share < 1 for share in shares.values()), "no group has two suppliers"


def test_category_whose_receipts_went_is_no_group_of_concentration(inside: Session) -> None:
    family = FAMILIES["receipts"]
    refreshing.refresh(inside, family, terms_of(inside, family))
    some = "SELECT category_id FROM kpi_sum WHERE family = 'receipts:whole' AND s1 > 0 LIMIT 1"
    gone = inside.scalar(text(some))
    inside.execute(
        text(
            "DELETE FROM receipt_line WHERE id IN (SELECT record_id FROM kpi_fact"
            " WHERE family = 'receipts' AND category_id = :gone)"
        ),
        {"gone": gone},
    )
    refreshing.refresh(inside, family, terms_of(inside, family))
    found = sums.read(inside, KPIS["concentration"], everything(inside), ("category_id",))
    assert gone not in {one.keys[0] for one in found}
    assert not differences(inside, family)
    inside.rollback()


def share_of_few(paid: list[Decimal]) -> Decimal | None:
    total = sum(paid, Decimal(0))
    squares = sum((each * each for each in paid), Decimal(0))
    return round(squares / total**2, concentration.DECIMALS) if total else None


def move_a_promise(connection: Connection | Session, place: int) -> int:
    """Put off one promised day by a year; returns the line."""
    line = connection.execute(
        text(
            "SELECT id FROM purchase_order_line WHERE promised_on IS NOT NULL ORDER BY id OFFSET :at LIMIT 1"
        ),
        {"at": place},
    ).scalar_one()
    connection.execute(
        text("UPDATE purchase_order_line SET promised_on = promised_on + 365 WHERE id = :id"), {"id": line}
    )
    return int(line)


def day_of(session: Session, line: int) -> tuple[date, date]:
    """The month a line's fact is in, and the one its promise is in."""
    month, promised = session.execute(
        text(
            "SELECT f.month, date_trunc('month', l.promised_on)::date FROM kpi_fact f"
            " JOIN purchase_order_line l ON l.id = f.record_id WHERE f.family = 'deliveries' AND l.id = :id"
        ),
        {"id": line},
    ).one()
    return month, promised


def refresh_deliveries(session: Session) -> KpiState:
    family = FAMILIES["deliveries"]
    refreshing.refresh(session, family, terms_of(session, family))
    session.commit()
    state = refreshing.find_state(session, family)
    assert state is not None
    return state


def test_transaction_that_commits_late_is_not_missed(inside: Session, works: TenantRef) -> None:
    with db.engine.connect() as slow:
        slow.exec_driver_sql(f"SET LOCAL search_path TO {works.schema}, public; SET LOCAL ROLE {works.role}")
        late = move_a_promise(slow, 3)  # its ids of the history are the lower ones
        soon = move_a_promise(inside, 4)
        inside.commit()
        state = refresh_deliveries(inside)
        assert len(set(day_of(inside, soon))) == 1
        below = inside.scalar(text("SELECT min(id) FROM row_history WHERE record_id = :id"), {"id": soon})
        assert state.floor_id < below
        slow.commit()
    assert len(set(day_of(inside, late))) == 2
    refresh_deliveries(inside)
    assert len(set(day_of(inside, late))) == 1
    newest = inside.scalar(text("SELECT max(id) FROM row_history"))
    assert refresh_deliveries(inside).floor_id == newest  # and then it need not be read again


def test_killed_refresh_leaves_the_figures_of_before(inside: Session, works: TenantRef) -> None:
    family = FAMILIES["deliveries"]
    line = move_a_promise(inside, 5)
    inside.commit()
    before = list(inside.execute(text("SELECT * FROM kpi_state ORDER BY family")))
    refreshing.refresh(inside, family, terms_of(inside, family))
    pid = inside.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with db.engine.connect() as other:
        other.exec_driver_sql("SELECT pg_terminate_backend(%s)", (pid,))
    with pytest.raises(OperationalError):
        inside.execute(text("SELECT 1"))
    inside.rollback()
    assert list(inside.execute(text("SELECT * FROM kpi_state ORDER BY family"))) == before
    assert len(set(day_of(inside, line))) == 2
    refresh_deliveries(inside)
    assert len(set(day_of(inside, line))) == 1
    assert not differences(inside, family)


def test_family_that_fails_holds_up_no_other(inside: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Family("broken", "Broken", "rfq", ("m",), {"rfq": "SELECT record_id FROM changed"})
    monkeypatch.setattr(Family, "sql", property(lambda _self: "SELECT 1 / 0 AS record_id"))
    monkeypatch.setattr(keeping, "FAMILIES", {"broken": broken})
    found = keeping.keep(inside)
    assert "division by zero" in found.failed["broken"] or "UndefinedColumn" in str(found)
    inside.commit()


def test_figures_being_computed_are_left_alone(inside: Session, works: TenantRef) -> None:
    with db.engine.connect() as other:
        other.exec_driver_sql(f"SET LOCAL search_path TO {works.schema}, public; SET LOCAL ROLE {works.role}")
        history.lock(Session(other))
        assert str(keeping.keep(inside)) == "passed over: its figures are being computed"
    assert not keeping.keep(inside).word


def test_tenant_on_older_migrations_is_passed_over(inside: Session, works: TenantRef) -> None:
    with db.engines["owner"].begin() as owner:
        owner.exec_driver_sql(f"ALTER TABLE {works.schema}.kpi_state RENAME TO kpi_state_later")
    try:
        assert str(keeping.keep(inside)) == "passed over: its migrations are behind"
        inside.rollback()
    finally:
        with db.engines["owner"].begin() as owner:
            owner.exec_driver_sql(f"ALTER TABLE {works.schema}.kpi_state_later RENAME TO kpi_state")


def test_quiet_tenant_rests_and_is_as_of_now(inside: Session) -> None:
    keeping.keep(inside)
    inside.commit()
    before = inside.scalar(text("SELECT max(as_of) FROM kpi_state"))
    found = keeping.keep(inside)
    inside.commit()
    assert (found.resting, str(found)) == (len(FAMILIES), "nothing changed")
    assert inside.scalar(text("SELECT min(as_of) FROM kpi_state")) > before


def test_figures_wait_for_no_disk(inside: Session) -> None:
    inside.execute(text("SET LOCAL synchronous_commit TO on"))  # as a server of importance has it
    keeping.keep(inside)
    assert inside.scalar(text("SHOW synchronous_commit")) == "off"
    inside.commit()


def test_large_tenant_is_computed_anew_by_a_job_of_its_own(
    inside: Session, works: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.keep_tenant(works)
    monkeypatch.setattr(keeping, "LARGE", 0)
    inside.execute(text("DELETE FROM kpi_state WHERE family = 'deliveries'"))
    inside.commit()
    assert jobs.keep_tenant(works).postponed == ["deliveries"]
    assert jobs.keep_tenant(works).postponed == ["deliveries"]  # and asked for once
    (run_id,) = asked_for(works)
    perform(run_id)
    with control_transaction() as session:
        run = session.get_one(JobRun, run_id)
        assert (run.status, list(run.result or {})) == ("succeeded", ["deliveries"])
        session.delete(run)
    found = jobs.keep_tenant(works)
    assert (found.postponed, found.failed) == ([], {})


def asked_for(tenant: TenantRef) -> list[str]:
    with control_transaction() as session:
        rows = session.scalars(
            select(JobRun.id).where(JobRun.job == jobs.REBUILD, JobRun.tenant == tenant.slug)
        )
        return [str(row) for row in rows]


def test_parameters_that_change_mean_computing_all_anew(inside: Session) -> None:
    family = FAMILIES["deliveries"]
    terms = terms_of(inside, family)
    refreshing.refresh(inside, family, terms)
    late = [{**one, "otif_tolerance": 30} for one in terms.parameters]
    assert refreshing.refresh(inside, family, Terms(terms.as_of, terms.currency, late)).is_rebuild
    assert refreshing.refresh(inside, family, Terms(terms.as_of, "KWD", late)).is_rebuild
    assert not refreshing.refresh(inside, family, Terms(terms.as_of, "KWD", late)).is_rebuild
    inside.rollback()


def test_promise_that_falls_due_is_looked_at_though_nobody_changed_it(inside: Session) -> None:
    family = FAMILIES["deliveries"]
    pending = "SELECT count(*) FROM kpi_fact WHERE family = 'deliveries' AND due_at IS NOT NULL"
    refreshing.refresh(inside, family, terms_of(inside, family))
    before = inside.scalar(text(pending))
    terms = terms_of(inside, family)
    later = Terms(profiles.AS_OF + timedelta(days=900), terms.currency, terms.parameters)
    done = refreshing.refresh(inside, family, later)
    assert (done.is_rebuild, done.records) == (False, before)
    assert before > 0
    assert inside.scalar(text(pending)) == 0
    inside.rollback()
