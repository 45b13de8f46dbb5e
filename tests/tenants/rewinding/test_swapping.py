"""Swapping schemas: what refers to them stays right, what cannot is named, nobody sees half of it."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.files.cleaning import stands_beside
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.rewinding import preparing, swapping
from tests.tenants.rewinding.past import Past

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("rewinding")]


@pytest.fixture
def owner(past: Past) -> Engine:
    return preparing.owner_engine(past.settings)


@pytest.fixture
def loaded(past: Past, owner: Engine) -> Iterator[Past]:
    """The state of now beside the live one, which gets one unit more afterwards."""
    past.load(past.copy())
    past.sql("INSERT INTO unit (code, name, factor) VALUES (%s, 'Live', 1)", f"live-{past.number}")
    yield past
    past.sql("DROP SCHEMA IF EXISTS reporting CASCADE; DROP PUBLICATION IF EXISTS told")
    for name in (past.beside, past.exchange.outgoing):
        past.sql(f"DROP SCHEMA IF EXISTS {name} CASCADE")


def units(past: Past, source: str = "unit") -> int:
    found: int = past.sql(f"SELECT count(*) FROM {source} WHERE code = %s", f"live-{past.number}")[0][0]
    return found


def go(owner: Engine, past: Past) -> swapping.Swapped:
    return swapping.swap(owner, past.exchange, lambda: None)


def test_what_refers_to_the_schema_is_right_after_the_swap(loaded: Past, owner: Engine) -> None:
    schema = loaded.tenant.schema
    with owner.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE SCHEMA reporting; CREATE VIEW reporting.units WITH (security_barrier=true) AS"
            f" SELECT code, name || '%%' AS name FROM {schema}.unit;"
            f"CREATE FUNCTION reporting.count_units() RETURNS bigint LANGUAGE sql SET search_path = {schema}"
            f" AS 'SELECT count(*) FROM unit WHERE name = ''Live''';"
            f"GRANT USAGE ON SCHEMA reporting TO {loaded.tenant.role}"
        )
    loaded.sql(
        f"CREATE PUBLICATION told FOR TABLE {schema}.unit; ALTER PUBLICATION told OWNER TO steward_owner"
    )
    loaded.sql(f"ALTER ROLE {loaded.tenant.role} SET search_path = {schema}")
    assert units(loaded) == units(loaded, "reporting.units") == 1
    done = go(owner, loaded)
    assert done.ms < 1000
    assert units(loaded) == units(loaded, "reporting.units") == 0
    assert loaded.sql("SELECT reporting.count_units()") == [(0,)]
    kept = loaded.sql("SELECT reloptions FROM pg_class WHERE oid = 'reporting.units'::regclass")
    assert kept == [(["security_barrier=true"],)]
    published = loaded.sql("SELECT schemaname::text FROM pg_publication_tables WHERE pubname = 'told'")
    assert published == [(schema,)]
    with owner.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE {schema}.fresh (id int)")
    with use_tenant(loaded.tenant, actor="x") as session:  # default privileges came along
        session.execute(text("INSERT INTO fresh VALUES (1)"))
        assert stands_beside(session, schema)
        session.rollback()
    with owner.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {schema}.fresh")
    swapping.swap(owner, loaded.back, lambda: None)
    assert units(loaded) == units(loaded, "reporting.units") == 1


def test_what_would_go_on_with_the_old_tables_is_named_and_nothing_is_swapped(
    loaded: Past, owner: Engine
) -> None:
    schema = loaded.tenant.schema
    with owner.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE SCHEMA reporting;CREATE TABLE reporting.note (unit bigint REFERENCES {schema}.unit);"
            f"CREATE MATERIALIZED VIEW reporting.kept AS SELECT code FROM {schema}.unit"
        )
    with pytest.raises(
        ConflictError, match=r"materialized view reporting\.kept.*constraint .* reporting\.note"
    ):
        go(owner, loaded)
    assert units(loaded) == 1
    with pytest.raises(ConflictError, match="still used by"):
        swapping.drop(owner, schema)


def test_a_transaction_of_the_tenant_is_never_cut_in_two(loaded: Past, owner: Engine) -> None:
    swapped = threading.Event()

    def swap() -> None:
        go(owner, loaded)
        swapped.set()

    with db.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(
            f"SET LOCAL ROLE {loaded.tenant.role}; SET LOCAL search_path TO {loaded.tenant.schema}, public"
        )
        connection.execute(text("SELECT count(*) FROM unit"))
        thread = threading.Thread(target=swap)
        thread.start()
        time.sleep(1)
        assert not swapped.is_set()
        connection.execute(text("INSERT INTO unit (code, name, factor) VALUES ('open', 'Begun before', 1)"))
    thread.join(20)
    assert swapped.is_set()
    assert loaded.sql("SELECT count(*) FROM unit WHERE code = 'open'") == [(0,)]
    aside = f"SELECT count(*) FROM {loaded.exchange.outgoing}.unit WHERE code = 'open'"
    assert loaded.sql(aside) == [(1,)]
    swapping.swap(owner, loaded.back, lambda: None)


def test_a_tenant_that_never_rests_is_left_alone(
    loaded: Past, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapping, "LADDER", (0.05, 0.1))
    with db.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"SET LOCAL ROLE {loaded.tenant.role}")
        connection.execute(text(f"SELECT count(*) FROM {loaded.tenant.schema}.unit"))
        with pytest.raises(ConflictError, match="in use all the time; nothing was swapped"):
            go(owner, loaded)
    assert units(loaded) == 1


def test_a_tenant_that_was_migrated_since_is_not_swapped(loaded: Past, owner: Engine) -> None:
    head = loaded.sql("SELECT version_num FROM alembic_version")[0][0]
    loaded.sql("UPDATE alembic_version SET version_num = '9999'")
    try:
        with pytest.raises(ConflictError, match=f"at migration 9999, the other state at {head}"):
            go(owner, loaded)
    finally:
        loaded.sql("UPDATE alembic_version SET version_num = %s", head)
    loaded.sql(f"ALTER SCHEMA {loaded.beside} RENAME TO elsewhere")
    with pytest.raises(ConflictError, match="Expected tenant_"):
        go(owner, loaded)
    loaded.sql(f"ALTER SCHEMA elsewhere RENAME TO {loaded.beside}")
