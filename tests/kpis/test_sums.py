"""Facts and sums against counts made by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import stdev

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.kpis import bins, refreshing, registry, sums
from dashboard.kpis.asking import Terms
from dashboard.kpis.bins import Chunk, Ranked
from dashboard.kpis.definitions import suppliers
from tests.kpis.conftest import Company

TERMS = Terms(datetime(2026, 4, 15, tzinfo=UTC), "EUR", ())


def test_line_received_in_full_on_its_day_is_on_time(tenant: Session, company: Company) -> None:
    receipt = company.receive("2026-03-31T23:30+02:00", 10, "2.50")
    line = receipt.lines[0].order_line
    receipt.order.status = "received"
    line.promised_on = date(2026, 3, 31)
    tenant.flush()
    refreshing.rebuild(tenant, suppliers.DELIVERIES, TERMS)
    filters = sums.Filters((company.org.id,), date(2026, 3, 1), date(2026, 3, 1))
    (figure,) = sums.read(tenant, registry.get("otif"), filters)
    assert (figure.value, figure.n) == (Decimal(100), 1)
    (by_supplier,) = sums.read(tenant, registry.get("otif"), filters, by=("subject_id",))
    assert by_supplier.keys == (receipt.order.supplier_id,)


def test_nothing_is_no_data(tenant: Session, company: Company) -> None:
    refreshing.rebuild(tenant, suppliers.DELIVERIES, TERMS)
    filters = sums.Filters((company.org.id,), date(2026, 3, 1), date(2026, 3, 1))
    (figure,) = sums.read(tenant, registry.get("otif"), filters)
    assert (figure.value, figure.n) == (None, 0)


@pytest.mark.parametrize("share", ["0", "0.25", "0.5", "0.75", "1"], ids=str)
def test_percentile_of_bins_is_the_one_of_the_database(tenant: Session, share: str) -> None:
    counted = {0: 3, 1: 1, 4: 2, 9: 1, 12: 0, 40: 3}
    values = [value for value, count in counted.items() for _ in range(count)]
    right = tenant.execute(
        text("SELECT percentile_cont(:share) WITHIN GROUP (ORDER BY v) FROM unnest(:values) AS v"),
        {"share": float(share), "values": values},
    ).scalar_one()
    assert float(Ranked(bins.pack(counted)).percentile(Decimal(share)) or 0) == right


def test_percentile_of_nothing_is_no_data() -> None:
    assert Ranked(bins.pack({7: 0})).percentile(Decimal("0.5")) is None


def test_counts_packed_into_numbers_come_out_as_they_went_in(tenant: Session) -> None:
    counted = {0: 1, 1: 999_999_999_999, 63: 7, 64: 2, 200: 10**11, 10_000: 3}
    ask, binds = (
        tenant.connection().exec_driver_sql,
        {"values": list(counted), "counts": list(counted.values())},
    )
    those = "unnest(%(values)s, %(counts)s) AS c (bin, n)"
    packed = f"sum(n * {bins.one_of('bin')})"
    rows = ask(
        f"SELECT {bins.chunk_of('bin')}, sum(n)::bigint, ({packed})::text FROM {those} GROUP BY 1", binds
    )
    chunks = {number: Chunk(n, (packed,)) for number, n, packed in rows}
    assert chunks == bins.pack(counted)
    unpacked = {
        value: count
        for number, chunk in chunks.items()
        for value, count in zip(bins.numbers_of(number), bins.counts_of(*chunk.packed), strict=True)
    }
    assert {value: count for value, count in unpacked.items() if count} == counted
    ranked = Ranked(chunks)
    assert ranked.n == sum(counted.values())
    assert {
        value: ranked.up_to(Decimal(value)) - ranked.up_to(Decimal(value - 1)) for value in counted
    } == counted


def test_facts_of_several_counts_lie_in_one_order() -> None:
    parts = [{0: 2, 70: 1}, {3: 1, 70: 4}, {}, {900: 1}]
    ranked = bins.together([Ranked(bins.pack(part)) for part in parts])
    assert [ranked.at(rank) for rank in range(ranked.n)] == [0, 0, 3, *[70] * 5, 900]
    assert [ranked.up_to(Decimal(value)) for value in (-1, 0, 69, 70, 899, 900, 5000)] == [
        0,
        2,
        3,
        8,
        8,
        9,
        9,
    ]


def test_deviation_is_that_of_the_sample_and_needs_two() -> None:
    kpi = registry.get("lead_variability")
    days = [Decimal(value) for value in (-2, 0, 1, 5)]
    squares, total = sum((day * day for day in days), Decimal()), sum(days, Decimal())
    added = {kpi.numerator: squares, kpi.denominator: Decimal(4), kpi.extra: total}
    assert float(sums.value_of(kpi, added) or 0) == pytest.approx(float(stdev(days)))
    alone = {kpi.numerator: Decimal(4), kpi.denominator: Decimal(1), kpi.extra: Decimal(2)}
    assert sums.value_of(kpi, alone) is None


def test_sum_without_any_record_is_no_data_and_never_nought() -> None:
    kpi = registry.get("spend")
    assert sums.value_of(kpi, {kpi.numerator: Decimal(0), kpi.count: Decimal(0)}) is None
    assert sums.value_of(kpi, {kpi.numerator: Decimal(0), kpi.count: Decimal(1)}) == 0


def test_every_sum_says_how_many_records_stand_behind_it() -> None:
    kinds = {"sum", "level"}
    assert [kpi.code for kpi in registry.KPIS.values() if kpi.kind in kinds and not kpi.count] == []
