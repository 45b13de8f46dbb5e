"""The proof of every KPI of the registry recomputes exactly, from rows that were listed page by page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, localcontext

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.erp.demo import profiles, service
from dashboard.erp.models import Organization, Supplier
from dashboard.kpis import definitions, refreshing, sums, versions
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.proof import naming, numbers, queries, rows
from dashboard.kpis.proof.question import STATUSES, Question, Status
from dashboard.kpis.proof.rows import Row
from dashboard.kpis.registry import KPIS, Kpi
from dashboard.kpis.sums import Filters
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant

assert definitions.__all__  # importing them fills the registry
CODES = sorted(KPIS)
SIMPLE = [code for code in CODES if KPIS[code].kind != "composite"]
SMALL, LARGE = 40, 20_000
PAGED = {"otif", "response_time", "single_bid"}


@pytest.fixture(scope="module")
def proving(app: Flask) -> Iterator[TenantRef]:
    """A tenant with the small demo data and the figures of all families as of its last day."""
    with app.app_context():
        tenant = create_tenant("Proof Works", "proof-works")
        service.load(tenant, "small")
        with use_tenant(tenant, actor="tester@example.com") as session:
            for family in FAMILIES.values():
                refreshing.rebuild(session, family, versions.terms(session, family, profiles.AS_OF))
            session.commit()
    yield tenant
    with app.app_context(), db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(
            f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
            f" DROP ROLE {tenant.role}"
        )
    tenancy.forget()


@pytest.fixture
def inside(app: Flask, proving: TenantRef) -> Iterator[Session]:
    """A session of that tenant; what it writes is rolled back."""
    with use_tenant(proving, actor="tester@example.com") as session:
        yield session


def everything(session: Session) -> Filters:
    """All organizations and months of the demo data."""
    orgs = tuple(session.scalars(db.select(Organization.id).order_by(Organization.id)))
    return Filters(orgs, date(2024, 11, 1), date(2026, 10, 1))


def listed(session: Session, question: Question, status: Status) -> list[Row]:
    """All rows of a kind, asked for page by page; small pages where they cost little."""
    found: list[Row] = []
    size = SMALL if question.kpi.code in PAGED else LARGE
    after: int | None = 0
    while after is not None:
        page = rows.read(session, question, status, after, size)
        assert len(page.rows) <= size
        found += page.rows
        after = page.after
    assert [row.record_id for row in found] == sorted({row.record_id for row in found})
    return found


def by_hand(kpi: Kpi, found: Sequence[Row]) -> Decimal | None:
    """The formula, written once more, over the rows."""

    def total(name: str) -> Decimal | None:
        values = [value for row in found if (value := row.measures[name]) is not None]
        return sum(values, Decimal(0)) if values else None

    with localcontext(prec=sums.DIGITS):
        if kpi.kind == "median":
            values = sorted(row.bin for row in found if row.bin is not None)
            middle = values[(len(values) - 1) // 2 : len(values) // 2 + 1]
            return Decimal(sum(middle)) / len(middle) if values else None
        above = total(kpi.numerator)
        if above is None or kpi.kind in {"sum", "level"}:
            return None if above is None else kpi.factor * above
        below = total(kpi.denominator)
        if not below:
            return None
        if kpi.kind != "deviation":
            return kpi.factor * above / below
        mean = total(kpi.extra) or Decimal(0)
        spread = above - mean * mean / below
        return None if below < 2 else kpi.factor * (spread / (below - 1)).sqrt()


@pytest.mark.parametrize("code", SIMPLE)
def test_the_rows_listed_give_the_number_shown(inside: Session, code: str) -> None:
    kpi, filters = KPIS[code], everything(inside)
    question = queries.ask(inside, kpi, filters)
    proof = queries.prove(inside, question)
    kinds = {status: listed(inside, question, status) for status in STATUSES}
    assert proof.shown is not None
    assert by_hand(kpi, kinds["included"]) == proof.shown.value
    assert proof.made is not None
    assert proof.made.value == proof.shown.value
    assert proof.from_records == proof.made
    assert (len(kinds["included"]), len(kinds["excluded"]) + len(kinds["pending"])) == (
        proof.made.included,
        proof.made.left_out,
    )
    assert not any(row.is_changed for found in kinds.values() for row in found)
    assert {row.why for row in kinds["included"]} <= {""}
    assert all(row.why.startswith("excluded: ") and row.reason for row in kinds["excluded"])
    assert all(row.why.startswith("pending: ") and row.reason for row in kinds["pending"])
    assert proof.reasons is not None
    counted = Counter({status: proof.reasons.of(status) for status in STATUSES})
    assert counted == Counter({status: len(kinds[status]) for status in STATUSES[1:]})


@pytest.mark.parametrize("code", CODES)
def test_a_number_is_made_again_for_a_narrower_filter(inside: Session, code: str) -> None:
    kpi, whole = KPIS[code], everything(inside)
    supplier = inside.scalar(db.select(Supplier.id).order_by(Supplier.id).limit(1))
    narrow = replace(whole, org_ids=whole.org_ids[:1], first=date(2026, 3, 1), last=date(2026, 8, 1))
    for filters in (whole, narrow, replace(whole, subject_id=supplier)):
        (shown,) = sums.read(inside, kpi, filters)
        made = numbers.make(inside, queries.ask(inside, kpi, filters), numbers.LONGEST)
        assert made.value == shown.value


@pytest.mark.parametrize("code", CODES)
def test_a_replay_as_of_then_gives_the_number_of_then(inside: Session, code: str) -> None:
    kpi, filters = KPIS[code], everything(inside)
    replay = queries.ask(inside, kpi, filters, as_of=profiles.AS_OF)
    made = numbers.make(inside, replay, numbers.LONGEST)
    assert made.value == sums.read(inside, kpi, filters)[0].value
    if code in PAGED:
        proof = queries.prove(inside, replay)
        assert (proof.shown, proof.made, proof.value) == (None, made, made.value)
        assert by_hand(kpi, listed(inside, replay, "included")) == made.value


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_record_of_a_family_has_a_name_and_opens(inside: Session, name: str) -> None:
    family = FAMILIES[name]
    kpi = next(kpi for kpi in KPIS.values() if kpi.family == name)
    found = next(rows.walk(inside, queries.ask(inside, kpi, everything(inside))))[:50]
    named = naming.name(inside, family, found)
    assert [one.row for one in named] == found
    assert all(one.title and one.opens and one.organization for one in named)


@pytest.mark.parametrize("is_replay", [False, True], ids=["kept", "replayed"])
def test_what_takes_long_is_looked_through_in_parts(
    inside: Session, monkeypatch: pytest.MonkeyPatch, *, is_replay: bool
) -> None:
    moment = profiles.AS_OF if is_replay else None
    question = queries.ask(inside, KPIS["otif"], everything(inside), as_of=moment)
    at_once = {status: listed(inside, question, status) for status in STATUSES}
    monkeypatch.setattr(rows, "LOOKING", 0.001)
    monkeypatch.setattr(rows, "BATCH", 30)
    assert {status: listed(inside, question, status) for status in STATUSES} == at_once
    walked = [row for some in rows.walk(inside, question) for row in some]
    assert Counter(row.status for row in walked) == Counter({key: len(at_once[key]) for key in STATUSES})


def test_a_proof_that_takes_too_long_goes_without(inside: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    question = queries.ask(inside, KPIS["otif"], everything(inside))
    monkeypatch.setattr(numbers, "LONGEST", 0.001)
    monkeypatch.setattr(rows, "LOOKING", 0.0002)
    proof = queries.prove(inside, question.replayed())
    assert (proof.made, proof.reasons) == (None, None)
    proof = queries.prove(inside, question, check=True)
    assert (proof.from_records, proof.is_checked) == (None, True)
    assert proof.shown is not None  # the transaction went on
    assert proof.value == proof.shown.value


def test_reasons_are_counted_among_the_first_and_that_is_said(
    inside: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = queries.ask(inside, KPIS["otif"], everything(inside))
    assert not rows.reasons(inside, question).is_capped
    monkeypatch.setattr(rows, "COUNTED", 2)
    assert rows.reasons(inside, question).is_capped
