"""What a review reads of the real fleet, and the real history reviewed with it."""

import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import text

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.schema_migrations.fleet.rendering import render
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.linting.downgrades import has_downgrade
from dashboard.schema_migrations.linting.facts import Facts, read_facts
from dashboard.schema_migrations.linting.grammar import FUNCTIONS
from dashboard.schema_migrations.linting.locks import Lock
from dashboard.schema_migrations.linting.review import review

HELD = text("""
SELECT l.mode FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.relation = 'product'::regclass
""")


@pytest.fixture(scope="module")
def facts(app: Flask, settings: Settings) -> Facts:
    return read_facts(settings.database_monitor_url, ScriptDirectory(History.TENANT.directory))


def test_the_monitor_reads_the_largest_copy_of_each_table(facts: Facts) -> None:
    assert facts.schemas >= 2
    assert facts.tables["product"].bytes > 0
    assert facts.tables["product"].schema.startswith(("tenant_", "spare_", "template_"))
    assert facts.server_version >= 140000


def test_types_indexes_and_references_are_known(facts: Facts) -> None:
    assert facts.tables["product"].columns["id"] == "bigint"
    assert facts.index_tables["pk_product"] == "product"
    assert any(table == "quote_line" for table, _name in facts.references)


def test_the_whole_history_is_reviewed(facts: Facts) -> None:
    scripts = ScriptDirectory(History.TENANT.directory)
    steps = render(scripts, None, scripts.get_current_head() or "")
    reviewed = review(steps, facts)
    assert len(reviewed.locks) >= sum(len(step.statements) for step in steps)
    assert {finding["level"] for finding in reviewed.findings} <= {"warning", "note"}, (
        "the past has no danger"
    )
    assert not {finding["rule"] for finding in reviewed.findings} & {"not-linted", "by-alembic"}


def test_the_way_back_of_the_whole_history_is_reviewed_as_a_loss(facts: Facts) -> None:
    scripts = ScriptDirectory(History.TENANT.directory)
    steps = render(scripts, scripts.get_current_head(), "base")
    reviewed = review(steps, facts)
    assert not reviewed.is_reversible
    assert "drop-table" in {finding["rule"] for finding in reviewed.findings}


@pytest.mark.parametrize("call", ["attach_history('product')", "make_append_only('product', true)"])
def test_our_own_functions_lock_what_the_table_of_locks_says(app: Flask, call: str) -> None:
    with db.engines["owner"].connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql("SET LOCAL search_path TO tenant_acme, public")
        connection.exec_driver_sql(f"SELECT public.{call}")
        held = {
            Lock[re.sub(r"(?<!^)([A-Z])", r"_\1", mode).upper()[:-5]] for mode in connection.scalars(HELD)
        }
        assert max(held) is FUNCTIONS[call.partition("(")[0]]
        transaction.rollback()


@pytest.mark.parametrize(
    ("body", "found"),
    [("pass", False), ("'''Nothing.'''", False), ("raise NotImplementedError", False), ("op.drop()", True)],
    ids=["pass", "docstring", "raise", "does"],
)
def test_an_empty_downgrade_is_none(tmp_path: Path, body: str, found: bool) -> None:
    path = tmp_path / "revision.py"
    path.write_text(f"def upgrade():\n    pass\n\ndef downgrade():\n    {body}\n")
    assert has_downgrade(path) == found


def test_a_missing_downgrade_is_none(tmp_path: Path) -> None:
    path = tmp_path / "revision.py"
    path.write_text("def upgrade():\n    pass\n")
    assert not has_downgrade(path)
