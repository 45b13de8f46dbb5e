"""Loading a tenant's old state beside the live one, row by row and right by right."""

import secrets

import pytest
from sqlalchemy import text

from dashboard.core.errors import ConflictError
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.rewinding import preparing, swapping
from dashboard.tenants.rewinding.naming import MAX_NAME, OURS, aside_name, beside_name
from dashboard.tenants.rewinding.tools import ToolError
from tests.tenants.rewinding.past import Past

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("rewinding")]


class StopError(RuntimeError):
    """Stands for a cancelled job."""


def test_names_fit_and_stay_apart() -> None:
    long = "tenant_" + "x" * 56
    names = {maker(long, number) for maker in (beside_name, aside_name) for number in (1, 12345)}
    assert len(names) == 4
    assert all(len(name) <= MAX_NAME and OURS.search(name) for name in names)


def test_what_is_loaded_equals_what_was_and_is_closed_to_the_tenant(past: Past) -> None:
    before, sequences = past.truth(), past.sequences()
    then = past.copy()
    past.sql("DELETE FROM message; UPDATE supplier SET name = name || ' damaged'")
    past.sql("CREATE INDEX ix_made_since ON unit (name)")
    loaded = past.load(then)
    assert loaded.notes == [
        "Defined otherwise then than now, at the same migration head: index ix_made_since."
    ]
    assert past.truth(past.beside) == before
    assert past.truth() != before
    assert past.sequences(past.beside) == sequences
    with (
        use_tenant(past.tenant, actor="curious") as session,
        pytest.raises(Exception, match="permission denied"),
    ):
        session.execute(text(f"SELECT * FROM {past.beside}.unit"))
    past.sql("DROP INDEX ix_made_since")
    swapping.drop(preparing.owner_engine(past.settings), past.beside)


def test_another_migration_head_is_refused_and_both_are_named(past: Past) -> None:
    then = past.copy()
    past.sql("UPDATE alembic_version SET version_num = '0001'", database=then)
    head = past.sql("SELECT version_num FROM alembic_version")[0][0]
    with pytest.raises(ConflictError, match=f"at migration 0001 then and are at {head} now"):
        past.load(then)
    past.sql("UPDATE alembic_version SET version_num = %s", head, database=then)
    past.sql("UPDATE public.shared_version SET version_num = '0000'", database=then)
    with pytest.raises(ConflictError, match="The shared tables were at migration 0000 then"):
        past.load(then)
    past.sql(f"DROP SCHEMA {past.tenant.schema} CASCADE", database=then)
    with pytest.raises(ConflictError, match="did not exist at that time"):
        past.load(then)


def test_a_cancelled_load_ends_its_programs_and_can_be_cleared(past: Past) -> None:
    then = past.copy()

    def tick() -> None:
        raise StopError

    with pytest.raises(StopError):
        past.load(then, tick)
    owner = preparing.owner_engine(past.settings)
    swapping.end_sessions(owner, f"steward-rewind-{past.number}")
    swapping.drop(owner, past.beside)
    assert swapping.existing(owner, {past.beside}) == set()


def test_a_failing_program_is_told_in_its_own_words(past: Past) -> None:
    then = past.copy()
    past.sql(f"CREATE SCHEMA {past.beside}")
    with pytest.raises(ToolError, match="already exists"):
        past.load(then)
    past.sql(f"DROP SCHEMA {past.beside}")


def test_sequences_that_jumped_in_recovery_are_set_back(past: Past) -> None:
    code = secrets.token_hex(4)
    with use_tenant(past.tenant, actor="buyer") as session:
        session.execute(
            text("INSERT INTO unit (code, name, factor) VALUES (:code, 'Kept', 1)"), {"code": code}
        )
        session.commit()
    stood = past.sequences()["unit_id_seq"]
    then = past.copy()
    schema = past.tenant.schema
    # what recovery leaves: 32 ahead, none of them logged as left
    past.sql(f"SELECT setval('{schema}.unit_id_seq', %s)", (stood or 0) + 32, database=then)
    loaded = past.load(then)
    assert loaded.sequences >= 1
    assert past.sequences(past.beside)["unit_id_seq"] == stood
    swapping.drop(preparing.owner_engine(past.settings), past.beside)
