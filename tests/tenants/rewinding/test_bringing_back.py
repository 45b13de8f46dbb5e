"""Rows of the old state brought back as an ordinary change: recorded, undone, refused by name."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from dashboard.changes import service as changes
from dashboard.core.errors import ConflictError
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.rewinding import bringing_back, comparing, preparing, swapping
from dashboard.tenants.rewinding.bringing_back import Brought, Choice, Sides
from dashboard.tenants.rewinding.loading import transaction
from tests.tenants.rewinding.past import Past

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("rewinding")]


class Damaged:
    """A tenant with its old state beside it, and what was done to the live one since."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self.mark = secrets.token_hex(3)
        self.owner: Engine = preparing.owner_engine(past.settings)

    def run(self, statement: str, **values: Any) -> int:
        """Run a statement as the tenant and return its first value."""
        with use_tenant(self.past.tenant, actor="mishap") as session:
            result: Any = session.execute(text(statement), values)
            found = result.scalar() if result.returns_rows else 0
            session.commit()
            return int(found or 0)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows as the superuser sees them."""
        return self.past.sql(statement)

    def bring(self, choice: Choice) -> Brought:
        """Bring rows back as the job does."""
        with use_tenant(self.past.tenant, actor="dba") as session, transaction(self.owner) as connection:
            sides = Sides(connection, self.past.tenant.schema, self.past.beside)
            done = bringing_back.bring_back(
                session, sides, choice, title="Back", actor="dba", run_id="", tick=lambda: None
            )
            session.commit()
            return done

    def undo(self, change_set: int) -> None:
        """Undo as the Changes page does."""
        with use_tenant(self.past.tenant, actor="dba") as session:
            changes.undo(session, change_set, actor="dba")
            session.commit()

    def load(self) -> None:
        """The moment to come back to is now."""
        self.past.load(self.past.copy())


@pytest.fixture
def damaged(past: Past) -> Iterator[Damaged]:
    made = Damaged(past)
    yield made
    swapping.drop(made.owner, past.beside)


def test_gone_rows_come_back_with_what_they_refer_to_and_the_change_is_undone(damaged: Damaged) -> None:
    org = damaged.run("SELECT min(id) FROM organization")
    supplier = damaged.run(
        "INSERT INTO supplier (org_id, name) VALUES (:org, :name) RETURNING id", org=org, name=damaged.mark
    )
    insert = "INSERT INTO supplier_contact (org_id, supplier_id, name) VALUES (:org, :id, 'Ann') RETURNING id"
    contact = damaged.run(insert, org=org, id=supplier)
    category = (
        "INSERT INTO product_category (org_id, code, name, parent_id) VALUES (:o, :c, :c, :p) RETURNING id"
    )
    top = below = damaged.run(category, o=org, c=damaged.mark, p=None)
    for _ in range(3):
        below = damaged.run(category, o=org, c=secrets.token_hex(4), p=below)
    damaged.load()
    wanted = damaged.rows(f"SELECT name, org_id FROM supplier WHERE id = {supplier}")
    damaged.run("DELETE FROM supplier_contact WHERE id = :id", id=contact)
    damaged.run("DELETE FROM supplier WHERE id = :id", id=supplier)
    damaged.run("DELETE FROM product_category WHERE id >= :id", id=top)
    done = damaged.bring({"supplier_contact": {"gone": [contact]}, "product_category": {"gone": [below]}})
    assert done.rows == {
        "supplier": {"gone": 1},
        "supplier_contact": {"gone": 1},
        "product_category": {"gone": 4},
    }
    assert done.refused == []
    assert damaged.rows(f"SELECT name, org_id FROM supplier WHERE id = {supplier}") == wanted
    told = damaged.rows(
        "SELECT DISTINCT h.actor, c.title FROM row_history h JOIN change_set c ON c.key = h.request_id"
        f" WHERE c.id = {done.change_set}"
    )
    assert told == [("dba", "Back")]
    damaged.undo(done.change_set)
    left = damaged.rows(f"SELECT count(*) FROM supplier WHERE id = {supplier} AND deleted_at IS NULL")
    assert left == [(0,)]


def test_changed_rows_get_their_old_values_and_added_ones_stay_unless_chosen(damaged: Damaged) -> None:
    org = damaged.run("SELECT min(id) FROM organization")
    damaged.load()
    old = damaged.rows("SELECT name, version FROM supplier WHERE id = 1")[0]
    damaged.run("UPDATE supplier SET name = :name, version = version + 1 WHERE id = 1", name=damaged.mark)
    added = damaged.run(
        "INSERT INTO supplier (org_id, name) VALUES (:org, :name) RETURNING id",
        org=org,
        name=f"{damaged.mark}-2",
    )
    unit = damaged.run(
        "INSERT INTO unit (code, name, factor) VALUES (:code, 'Added', 1) RETURNING id", code=damaged.mark
    )
    done = damaged.bring({"supplier": {"gone": None, "changed": None}})
    assert done.rows == {"supplier": {"changed": 1}}
    now = damaged.rows("SELECT name, version, updated_by FROM supplier WHERE id = 1")[0]
    assert now == (old[0], old[1] + 2, "dba")
    assert damaged.rows(f"SELECT deleted_at FROM supplier WHERE id = {added}") == [(None,)]
    gone = damaged.bring({"supplier": {"added": [added]}, "unit": {"added": [unit]}})
    assert gone.rows == {"supplier": {"added": 1}, "unit": {"added": 1}}
    assert damaged.rows(f"SELECT deleted_at IS NOT NULL FROM supplier WHERE id = {added}") == [(True,)]
    assert damaged.rows(f"SELECT deleted_at IS NOT NULL FROM unit WHERE id = {unit}") == [(True,)]
    damaged.undo(gone.change_set)
    assert damaged.rows(f"SELECT deleted_at FROM supplier WHERE id = {added}") == [(None,)]
    damaged.undo(done.change_set)
    assert damaged.rows("SELECT name FROM supplier WHERE id = 1") == [(damaged.mark,)]


def test_what_the_database_refuses_is_named_and_the_rest_comes_back(damaged: Damaged) -> None:
    org = damaged.run("SELECT min(id) FROM organization")
    ids = [
        damaged.run("INSERT INTO rfq (org_id, title) VALUES (:o, :t) RETURNING id", o=org, t=damaged.mark)
        for _ in range(3)
    ]
    damaged.past.sql(
        f"SET session_replication_role = replica;UPDATE rfq SET number = '{damaged.mark}' WHERE id = {ids[1]}"
    )
    damaged.load()
    damaged.past.sql(f"SET session_replication_role = replica; DELETE FROM rfq WHERE id >= {ids[0]}")
    done = damaged.bring({"rfq": {"gone": ids}})
    assert done.rows == {"rfq": {"gone": 2}}
    assert [(table, row_id) for table, row_id, _why in done.refused] == [("rfq", ids[1])]
    assert "numbers are given when a document leaves draft" in done.refused[0][2]
    with pytest.raises(ConflictError, match="Nothing was brought back: rfq"):
        damaged.bring({"rfq": {"gone": [ids[1]]}})
    damaged.past.sql(f"SET session_replication_role = replica; DELETE FROM rfq WHERE id >= {ids[0]}")


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("stock_move", "append-only"),
        ("quote_price", "sealed prices"),
        ("stock_balance", "kept by the database itself"),
        ("unheard_of", "no such table"),
    ],
)
def test_some_tables_come_back_only_as_a_whole(damaged: Damaged, table: str, why: str) -> None:
    if not swapping.existing(damaged.owner, {damaged.past.beside}):
        damaged.past.sql(f"CREATE SCHEMA {damaged.past.beside} AUTHORIZATION steward_owner")
        for each in ("stock_move", "quote_price", "stock_balance"):
            damaged.past.sql(f"CREATE TABLE {damaged.past.beside}.{each} (LIKE {each} INCLUDING ALL)")
        grant = f"GRANT SELECT ON {damaged.past.beside}.stock_move, {damaged.past.beside}.stock_balance"
        damaged.past.sql(f"{grant} TO steward_owner")
    with pytest.raises(ConflictError, match=why):
        damaged.bring({table: {"gone": None}})


def test_nothing_to_bring_back_is_said(damaged: Damaged) -> None:
    damaged.load()
    with pytest.raises(ConflictError, match="the same in both states"):
        damaged.bring({"unit": {"changed": None}})
    with pytest.raises(ConflictError, match="no way to bring back"):
        bringing_back.read_choice({"unit": {"eaten": [1]}})


def test_a_comparison_that_takes_too_long_is_told(damaged: Damaged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "TABLE_SECONDS", "0.001")
    damaged.load()
    schema = damaged.past.tenant.schema
    found = [each for _, _, each in comparing.compare(damaged.owner, schema, damaged.past.beside)]
    assert any("not compared within" in each.problem for each in found)
