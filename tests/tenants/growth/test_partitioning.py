"""A large table becomes one with partitions: no row lost, no rule lost, nothing else notices."""

from contextlib import closing
from datetime import date

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from dashboard.core.errors import ConflictError
from dashboard.schema_migrations.fleet import locking
from dashboard.schema_migrations.linting import partitions
from dashboard.schema_migrations.linting.facts import read_facts
from dashboard.tenants.growth import blocks, partitioning, tables
from dashboard.tenants.growth.blocks import BLOCK, Part
from tests.tenants.growth.conftest import at_work, fingerprint
from tests.tenants.rewinding.past import Past

TODAY = date(2026, 11, 21)
PARTS = """
SELECT p.relname FROM pg_inherits h JOIN pg_class p ON p.oid = h.inhrelid
WHERE h.inhparent = to_regclass(%s) ORDER BY 1
"""
INSERT = text("INSERT INTO unit (code, name, factor) VALUES (:code, 'Box', 12) RETURNING id")


def convert(past: Past, *tables: str, today: date = TODAY) -> list[bool]:
    return [
        partitioning.partition(past.tenant.schema, table, tenant_role=past.tenant.role, today=today)
        for table in tables
    ]


def keep(past: Past, table: str, today: date) -> list[str]:
    with partitioning.owner_link(past.tenant.schema) as link, link.cursor() as at:
        return partitioning.keep(at, past.tenant.schema, table, tenant_role=past.tenant.role, today=today)


def parts(past: Past, table: str) -> list[str]:
    return [name for (name,) in past.sql(PARTS, f"{past.tenant.schema}.{table}")]


@pytest.mark.commits
def test_rows_rules_rights_and_shape_are_the_same_in_partitions(past: Past) -> None:
    before, shape = past.truth(), fingerprint(past)
    assert convert(past, "row_history", "stock_move") == [True, True]
    after = past.truth()
    assert {table: after[table] for table in before} == before
    assert fingerprint(past) == shape
    assert parts(past, "row_history") == [
        "row_history_2026_11",
        "row_history_2026_12",
        "row_history_before_2026_11",
    ]
    assert convert(past, "row_history") == [False], "once is enough"

    with at_work(past) as session:
        unit = session.scalar(INSERT, {"code": "grown"})
        row = session.execute(
            text(
                "SELECT tableoid::regclass::text, id, actor FROM row_history"
                " WHERE table_name = 'unit' AND record_id = :id"
            ),
            {"id": unit},
        ).one()
        assert row.tableoid.endswith("row_history_2026_11")
        assert (row.id, row.actor) == (BLOCK, "ada@example.com")
        move = text(
            "INSERT INTO stock_move (org_id, product_id, warehouse_id, quantity, unit_cost)"
            " SELECT org_id, product_id, warehouse_id, 5, 1 FROM stock_balance ORDER BY id LIMIT 1"
            " RETURNING org_id, product_id, warehouse_id, tableoid::regclass::text AS part"
        )
        moved = session.execute(move).one()
        assert moved.part.endswith("stock_move_2026_11")
        ledger = text(
            "SELECT (SELECT sum(quantity) FROM stock_move m WHERE (m.org_id, m.product_id, m.warehouse_id)"
            " = (b.org_id, b.product_id, b.warehouse_id)) = b.quantity FROM stock_balance b"
            " WHERE (org_id, product_id, warehouse_id) = (:org_id, :product_id, :warehouse_id)"
        )
        assert session.scalar(ledger, dict(moved._mapping)) is True

    for statement, words in (
        ("DELETE FROM row_history", "permission denied"),
        ("INSERT INTO row_history (table_name, record_id) VALUES ('probe', 1)", "permission denied"),
        ("UPDATE stock_move SET quantity = 1", "permission denied"),
        ("SELECT FROM row_history_2026_11", "permission denied"),
        ("DELETE FROM stock_move_before_2026_11", "permission denied"),
        ("INSERT INTO stock_move_2026_12 (id) VALUES (1)", "permission denied"),
    ):
        with pytest.raises(DBAPIError, match=words), at_work(past) as session:
            session.execute(text(statement))
    for table in ("row_history", "row_history_before_2026_11"):
        with pytest.raises(Exception, match="append-only"):
            past.sql(f"DELETE FROM {table}")


@pytest.mark.commits
def test_a_month_has_its_own_partition_and_nothing_is_refused_when_nobody_cuts(
    empty: Past, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, closing(psycopg2.connect(empty.superuser("erp_test"))) as link:
        patch.setattr(locking, "LADDER", (0.05, 0.05))
        link.cursor().execute(f"LOCK TABLE {empty.tenant.schema}.row_history IN ACCESS SHARE MODE")
        with pytest.raises(ConflictError, match="lock was not to be had: session"):
            convert(empty, "row_history")
    # as a try that was killed would leave it
    empty.sql("ALTER TABLE row_history ADD CONSTRAINT growth_bounds CHECK (id < 1000) NOT VALID")
    assert convert(empty, "row_history") == [True]
    newest = text("SELECT tableoid::regclass::text FROM row_history ORDER BY id DESC LIMIT 1")
    with at_work(empty) as session:  # it is December by now, and no job has run
        session.execute(INSERT, {"code": "late"})
        assert session.scalar(newest).endswith("_2026_11")
    assert keep(empty, "row_history", date(2026, 12, 1)) == ["row_history_2027_01"]
    assert keep(empty, "row_history", date(2026, 12, 2)) == []
    with at_work(empty) as session:
        session.execute(INSERT, {"code": "cut"})
        assert session.scalar(newest).endswith("_2026_12")
    assert keep(empty, "row_history", date(2027, 3, 9)) == ["row_history_2027_03", "row_history_2027_04"]
    with at_work(empty) as session:
        session.execute(INSERT, {"code": "skipped"})
        assert session.scalar(newest).endswith("_2027_03")


def test_blocks_are_cut_far_from_the_rows_that_are_there() -> None:
    assert blocks.first_bound(5) == BLOCK
    assert blocks.first_bound(BLOCK - 5) == 2 * BLOCK
    assert blocks.next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    found = blocks.wanted("t", [Part("t_before_2026_11", None, BLOCK)], date(2026, 11, 30))
    assert found.make == (Part("t_2026_11", BLOCK, 2 * BLOCK), Part("t_2026_12", 2 * BLOCK, 3 * BLOCK))
    assert found.start == BLOCK


@pytest.mark.commits
def test_a_plan_knows_what_is_partitioned_and_how_an_index_is_made_there(empty: Past) -> None:
    assert frozenset(tables.TABLES) == partitions.GROWING
    others = read_facts(empty.settings.database_monitor_url).tables["stock_move"].partitioned
    convert(empty, "stock_move")
    known = read_facts(empty.settings.database_monitor_url).tables["stock_move"]
    assert (known.partitioned - others, known.bytes > 0) == (1, True)
    with partitioning.owner_link(empty.tenant.schema) as link, link.cursor() as at:
        at.execute(f"SET search_path TO {empty.tenant.schema}")
        with pytest.raises(psycopg2.errors.FeatureNotSupported, match="concurrently"):
            at.execute("CREATE INDEX CONCURRENTLY ix_note ON stock_move (source)")
        at.execute("CREATE INDEX ix_note ON ONLY stock_move (source)")
        for part in parts(empty, "stock_move"):
            at.execute(f"CREATE INDEX CONCURRENTLY ix_note_{part} ON {part} (source)")
            at.execute(f"ALTER INDEX ix_note ATTACH PARTITION ix_note_{part}")
        at.execute("SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid::regclass::text ~ '^ix_note'")
        assert at.fetchone() == (True,)
