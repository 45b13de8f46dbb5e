"""Revisions become SQL once, the same each time, cut where a transaction ends."""

import pytest
from alembic.script import ScriptDirectory
from flask import Flask

from dashboard.core.db import db
from dashboard.schema_migrations import service
from dashboard.schema_migrations.drift.definition import differences
from dashboard.schema_migrations.fleet.building import build
from dashboard.schema_migrations.fleet.rendering import (
    RenderingError,
    first_step,
    is_upward,
    render,
    start_of,
)
from dashboard.schema_migrations.fleet.steps import as_rows, from_rows, hash_of
from dashboard.schema_migrations.histories import History as Histories
from tests.schema_migrations.fleet.ground import History, usual_history


@pytest.fixture
def history(tmp_path: object) -> History:
    return usual_history(tmp_path / "history")  # type: ignore[operator]


def real() -> ScriptDirectory:
    return ScriptDirectory(Histories.TENANT.directory)


def test_the_real_history_renders_to_the_same_each_time() -> None:
    once, again = render(real(), None, "head"), render(real(), None, "head")
    assert hash_of(once) == hash_of(again)
    assert [step.number for step in once] == list(range(len(once)))
    assert once[-1].reaches == real().get_current_head()
    assert not any(step.by_alembic for step in once)
    assert "alembic_version" not in str(as_rows(once))


def test_what_is_rendered_makes_what_alembic_makes(app: Flask) -> None:
    with db.engines["owner"].connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql("CREATE SCHEMA by_alembic; CREATE SCHEMA by_sql; CREATE SCHEMA by_both")
        service.upgrade(connection, Histories.TENANT, "by_alembic")
        service.upgrade(connection, Histories.TENANT, "by_both", "0005")
        assert build(connection, "by_sql")
        assert build(connection, "by_both", "0005")
        assert not build(connection, "by_both", real().get_current_head()), "there is nothing left to do"
        for name in ("by_sql", "by_both"):
            assert differences(connection, "by_alembic", name) == []
            assert (service.current(connection, Histories.TENANT, name),) == service.heads(Histories.TENANT)
        transaction.rollback()


def test_the_way_back_is_rendered_as_well() -> None:
    steps = render(real(), real().get_current_head(), "base")
    assert not is_upward(steps)
    assert [step.reaches for step in steps if step.reaches][-1] == "base"
    assert "DROP TABLE" in steps[-1].statements[-1]


def test_a_block_outside_of_a_transaction_cuts_a_revision_into_steps(history: History) -> None:
    body = [
        "op.execute('SELECT 1')",
        "with op.get_context().autocommit_block():",
        "    op.execute('CREATE INDEX CONCURRENTLY one ON item (id)')",
        "    op.execute('CREATE INDEX CONCURRENTLY two ON item (id)')",
        "op.execute('SELECT 2')",
    ]
    history.write("a4", "a3", body)
    steps = render(history.scripts, "a3", "a4")
    assert [(step.transactional, step.reaches) for step in steps] == [
        (True, None),
        (False, None),
        (False, None),
        (True, "a4"),
    ]
    assert steps[2].statements == ("CREATE INDEX CONCURRENTLY two ON item (id)",)


def test_percent_signs_colons_and_tabs_arrive_as_they_were_written(history: History) -> None:
    history.write("a4", "a3", ["op.execute(\"SELECT 'ten % of\\ta:b' || '%s' AS x\")"])
    assert render(history.scripts, "a3", "a4")[0].statements == ("SELECT 'ten % of\ta:b' || '%s' AS x",)


@pytest.mark.parametrize(
    "line",
    [
        "rows = op.get_bind().execute(sa.text('SELECT 1')).fetchall()",
        "op.get_bind().exec_driver_sql('SELECT 1')",
        "op.execute(sa.table('item').insert().values({sa.column('x'): object()}))",
    ],
    ids=["reads", "driver", "no literal"],
)
def test_a_revision_that_needs_the_database_is_left_to_alembic(history: History, line: str) -> None:
    history.write("a4", "a3", [line])
    steps = render(history.scripts, "a3", "a4")
    assert [(step.by_alembic, step.transactional, step.reaches) for step in steps] == [(True, True, "a4")]
    assert len(render(history.scripts, "a1", "a4")) == 3


def test_a_parameter_without_a_value_is_refused_instead_of_becoming_null(history: History) -> None:
    history.write("a4", "a3", ["op.execute(\"SELECT 'at :noon'\")"])
    with pytest.raises(RenderingError, match="`:noon` is a parameter without a value"):
        render(history.scripts, "a3", "a4")


def test_literals_are_written_out(history: History) -> None:
    history.write(
        "a4", "a3", ["op.bulk_insert(sa.table('item', sa.column('name', sa.Text())), [{'name': \"it's\"}])"]
    )
    assert "'it''s'" in render(history.scripts, "a3", "a4")[0].statements[0]


def test_a_revision_without_statements_still_moves_the_version(history: History) -> None:
    history.write("a4", "a3", [])
    (step,) = render(history.scripts, "a3", "a4")
    assert (step.by_alembic, step.reaches) == (False, "a4")


def test_a_branch_an_unknown_revision_and_a_broken_one_are_refused(history: History) -> None:
    history.write("a4", "a3", ["raise ValueError('no luck')"])
    with pytest.raises(RenderingError, match="no luck"):
        render(history.scripts, "a3", "a4")
    history.write("b4", "a3", [])
    with pytest.raises(RenderingError, match="several heads"):
        render(history.scripts, "a3", "head")
    with pytest.raises(RenderingError, match="not in this code"):
        render(history.scripts, "a1", "zz")
    with pytest.raises(RenderingError, match="Nothing leads"):
        render(history.scripts, "b4", "a4")


def test_each_schema_begins_after_its_own_revision(history: History) -> None:
    steps = render(history.scripts, "a1", "head")
    assert start_of(history.scripts, steps) == "a1"
    assert [first_step(steps, "a1", at) for at in ("a1", "a2", "a3", "zz", None)] == [0, 1, 2, None, None]
    down = render(history.scripts, "a3", "a1")
    assert start_of(history.scripts, down) == "a3"
    assert [first_step(down, "a3", at) for at in ("a3", "a2", "a1")] == [0, 1, 2]


def test_steps_survive_being_stored(history: History) -> None:
    steps = render(history.scripts, "a1", "head")
    assert from_rows(as_rows(steps)) == steps
