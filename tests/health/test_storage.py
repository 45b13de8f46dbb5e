"""Tables, indexes, bloat, sequences: made on a real server in schemas of the test's own, and read."""

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.health.storage import judging, probes
from dashboard.health.storage.bloat_probes import read_bloat
from dashboard.health.storage.refreshing import (
    BLOAT,
    INVALID,
    SEQUENCES,
    STORAGE,
    refresh_bloat,
    refresh_invalid,
    refresh_storage,
)
from dashboard.servers import free_port
from tests.cluster import Cluster, wait_until
from tests.conftest import Servers
from tests.health.bell import Bell

NOW = datetime.now(UTC)
SCHEMAS = ("desk_one", "desk_two")


@pytest.fixture
def superuser(servers: Servers) -> Iterator[Any]:
    """A connection that may do anything."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link:
        link.autocommit = True
        yield link


def do(link: Any, *statements: str) -> None:
    with link.cursor() as at:
        for statement in statements:
            at.execute(statement)


@pytest.fixture
def desk(superuser: Any) -> Iterator[Any]:
    """Two schemas of the owner's with the same small tables, as tenants have."""
    for schema in SCHEMAS:
        do(
            superuser,
            f"DROP SCHEMA IF EXISTS {schema} CASCADE",
            f"CREATE SCHEMA {schema} AUTHORIZATION steward_owner",
            f"SET ROLE steward_owner; SET search_path TO {schema}, public",
            "CREATE TABLE desk_parent (id int PRIMARY KEY)",
            "CREATE TABLE desk_item (id serial PRIMARY KEY, parent int REFERENCES desk_parent,"
            " name text, note text)",
            "CREATE INDEX desk_item_parent ON desk_item (parent)",
            "CREATE INDEX desk_item_name ON desk_item (name)",
            "CREATE INDEX desk_item_again ON desk_item (name)",
            "CREATE UNIQUE INDEX desk_item_note ON desk_item (note)",
            "RESET ROLE; RESET search_path",
        )
    yield superuser
    for schema in SCHEMAS:
        do(superuser, f"DROP SCHEMA {schema} CASCADE")


UNREAD = """
SELECT pg_stat_reset_single_table_counters(indexrelid) FROM pg_stat_user_indexes WHERE relname = 'desk_item'
"""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let indexes of one page count, among however many the server has."""
    monkeypatch.setattr(probes, "UNUSED_BYTES", 1)
    monkeypatch.setattr(probes, "UNUSED_MOST", 10_000)


def storage(settings: Settings) -> probes.Storage:
    return probes.read_storage(settings.database_monitor_url, {})


def test_same_index_of_many_schemas_is_one_line(settings: Settings, desk: Any, small: None) -> None:
    for schema in SCHEMAS:
        do(desk, f"INSERT INTO {schema}.desk_parent VALUES (1)")
        do(desk, f"INSERT INTO {schema}.desk_item (name, parent) SELECT n, 1 FROM generate_series(1, 500) n")
        do(desk, f"VACUUM ANALYZE {schema}.desk_item")
    found = storage(settings)
    unused = {row.name: row for row in found.unused if row.table_name == "desk_item"}
    assert unused["desk_item_name"].schemas == 2
    assert unused["desk_item_name"].supports_key is False
    assert unused["desk_item_parent"].supports_key is True
    assert not {"desk_item_note", "desk_item_pkey"} & unused.keys()  # they keep rows apart
    tables = {row.name: row for row in found.tables if row.list == "by name"}
    assert (tables["desk_item"].schemas, tables["desk_item"].tuples) == (2, 1000)


def test_index_that_is_read_in_one_schema_is_used(settings: Settings, desk: Any, small: None) -> None:
    do(desk, UNREAD)
    do(desk, "INSERT INTO desk_two.desk_item (name) VALUES ('x')", "VACUUM desk_two.desk_item")
    do(desk, "SET enable_seqscan = off; SELECT count(*) FROM desk_two.desk_item WHERE name = 'x'")
    do(desk, "RESET enable_seqscan; SELECT pg_stat_force_next_flush()")
    read = {"desk_item_name", "desk_item_again"} - {row.name for row in storage(settings).unused}
    assert len(read) == 1


def test_duplicate_indexes_are_found_and_one_is_kept(settings: Settings, desk: Any) -> None:
    found = {row.table_name: row for row in storage(settings).duplicates}
    assert (found["desk_item"].names, found["desk_item"].schemas) == (
        ["desk_item_again", "desk_item_name"],
        2,
    )
    assert "desk_parent" not in found


def advice(days: float, *, read_on: tuple[str, ...] = (), error: str = "") -> dict[str, Any]:
    row = {"name": "ix", "bytes": 2**24, "supports_key": False, "read_on": list(read_on)}
    counting = [{"server": "primary", "since_at": NOW - timedelta(days=days), "error": ""}]
    counting += [{"server": "dr", "since_at": None, "error": error}] if error else []
    return {"unused": [row], "counting": counting}


def test_advice_on_unused_indexes_waits_for_a_week_and_for_every_server() -> None:
    assert "less than a week" in judging.can_advise(advice(3), NOW)
    assert judging.judge_storage(advice(3), NOW) == []
    assert "1 index, 16.0" in judging.judge_storage(advice(8), NOW)[0].text
    assert judging.judge_storage(advice(8, read_on=("dr",)), NOW) == []
    assert "dr does not answer" in judging.can_advise(advice(8, error="refused"), NOW)


@pytest.mark.slow
@pytest.mark.xdist_group("cluster")
def test_index_that_only_a_standby_reads_is_not_called_unused(
    whole_cluster: Cluster, settings: Settings, small: None
) -> None:
    used = whole_cluster.settings(settings)
    whole_cluster.sql("CREATE TABLE desk_report AS SELECT n, n % 7 AS kind FROM generate_series(1, 5000) n")
    try:
        whole_cluster.sql("CREATE INDEX desk_report_kind ON desk_report (kind)")
        whole_cluster.sql("VACUUM ANALYZE desk_report")
        others = {member.name: member.url for member in used.standbys}
        assert unused_on(used, others) == []
        wait_until(lambda: indexed_on(whole_cluster, "dr"), 10)
        read = "SET enable_seqscan = off; SELECT count(*) FROM desk_report WHERE kind = 3"
        whole_cluster.sql(read, on="dr")
        wait_until(lambda: unused_on(used, others) == ["dr"], 10)
        gone = {**others, "lost": f"postgresql://u@127.0.0.1:{free_port()}/d"}
        found = probes.read_storage(used.database_monitor_url, gone)
        assert "refused" in next(one.error for one in found.counting if one.server == "lost")
        itself = probes.read_storage(used.database_monitor_url, {"az-a": used.database_monitor_url})
        assert [one.server for one in itself.counting] == ["primary"]
    finally:
        whole_cluster.sql("DROP TABLE desk_report")


def indexed_on(cluster: Cluster, name: str) -> bool:
    return bool(cluster.sql("SELECT to_regclass('desk_report_kind') IS NOT NULL", on=name))


def unused_on(settings: Settings, others: dict[str, str]) -> list[str]:
    found = probes.read_storage(settings.database_monitor_url, others)
    return next(row.read_on for row in found.unused if row.name == "desk_report_kind")


@pytest.mark.breaks("health.index_invalid")
def test_index_that_failed_to_be_made(bell: Bell, settings: Settings, desk: Any) -> None:
    refresh_invalid(settings)
    assert bell.is_quiet("health.index_invalid")
    do(desk, "INSERT INTO desk_one.desk_item (name) VALUES ('twice'), ('twice')")
    with suppress(psycopg2.errors.UniqueViolation):
        do(desk, "CREATE UNIQUE INDEX CONCURRENTLY desk_broken ON desk_one.desk_item (name)")
    refresh_invalid(settings)
    assert bell.reasons("health.index_invalid")[""] == "Not valid: desk_broken of desk_one.desk_item."
    reading = get_reading(INVALID)
    assert reading is not None
    assert "desk_one.desk_broken" in judging.judge_invalid(reading.values)[0].text
    building = {**reading.data["indexes"][0], "building": 1}
    assert judging.lasting_invalid({"indexes": [building]}) == []
    do(desk, "DROP INDEX desk_one.desk_broken")
    refresh_invalid(settings)
    assert bell.is_quiet("health.index_invalid")


@pytest.mark.breaks("health.sequence_used")
def test_sequence_whose_column_ends_before_it(bell: Bell, settings: Settings, desk: Any) -> None:
    refresh_storage(settings)
    assert bell.is_quiet("health.sequence_used")
    do(desk, "ALTER SEQUENCE desk_two.desk_item_id_seq AS bigint MAXVALUE 9000000000")
    do(desk, "SELECT setval('desk_two.desk_item_id_seq', 2000000000)")
    refresh_storage(settings)
    found = bell.reasons("health.sequence_used")["desk_two.desk_item_id_seq"]
    assert "93.1 % of desk_two.desk_item_id_seq is used: 2,000,000,000 of 2,147,483,647" in found
    assert "for desk_item.id" in found
    reading = get_reading(SEQUENCES)
    assert reading is not None
    use = next(row for row in reading.values["used"] if row["name"] == "desk_item_id_seq")
    assert (use["schemas"], use["schema"]) == (2, "desk_two")
    assert "Nearly used up" in judging.judge_sequences(reading.values)[0].text
    do(desk, "SELECT setval('desk_two.desk_item_id_seq', 7)")
    refresh_storage(settings)
    assert bell.is_quiet("health.sequence_used")


def test_sequences_are_read_some_at_a_time(
    settings: Settings, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = probes.read_sequences(settings.database_direct_url)
    assert whole.total >= 2
    monkeypatch.setattr(probes, "SEQUENCES_AT_ONCE", whole.total // 2)  # three readings at most
    assert probes.read_sequences(settings.database_direct_url) == whole
    assert probes.read_sequences(settings.database_monitor_url).unreadable > 0  # only the owner may


def test_bloat_is_measured_or_estimated_and_says_which(settings: Settings, desk: Any) -> None:
    do(
        desk,
        "SET ROLE steward_owner",
        "CREATE TABLE desk_one.desk_bloat AS SELECT n, repeat(md5(n::text), 8) AS t"
        " FROM generate_series(1, 4000) n",
        "CREATE INDEX desk_bloat_t ON desk_one.desk_bloat (t)",
        "DELETE FROM desk_one.desk_bloat WHERE n % 5 > 0",
        "VACUUM ANALYZE desk_one.desk_bloat",
        "RESET ROLE",
    )
    measured = bloat_of(settings)
    assert measured["desk_bloat"].method == "measured"
    assert 0.6 < measured["desk_bloat"].share < 0.95
    assert measured["desk_bloat_t"].is_index
    do(desk, "DROP EXTENSION pgstattuple")
    try:
        estimated = bloat_of(settings)
    finally:
        do(desk, "CREATE EXTENSION pgstattuple SCHEMA public")
    assert estimated["desk_bloat"].method == "estimated"
    assert abs(estimated["desk_bloat"].share - measured["desk_bloat"].share) < 0.15
    assert "desk_bloat_t" not in estimated
    large = plain(replace(measured["desk_bloat"], bytes=2**28, share=0.71))
    said = judging.judge_bloat({"looked_at": [large]})[0].text.replace("\N{NO-BREAK SPACE}", " ")
    assert "71 % of desk_one.desk_bloat" in said


@pytest.mark.breaks("health.bloat")
def test_table_that_was_emptied_rings_until_it_is_rewritten(
    bell: Bell, settings: Settings, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled = "SELECT n, repeat(md5(n::text), 30) AS t FROM generate_series(1, 12000) n"
    do(desk, f"CREATE TABLE desk_one.desk_bloat AS {filled}")
    do(desk, "DELETE FROM desk_one.desk_bloat WHERE n % 10 > 0", "VACUUM desk_one.desk_bloat")
    refresh_bloat(settings)
    assert bell.is_quiet("health.bloat")  # too small to matter
    monkeypatch.setattr(judging, "BLOAT_BYTES", 10 * 2**20)
    found = bell.reasons("health.bloat")["desk_one.desk_bloat"]
    assert found.startswith("8")
    assert "% of the table desk_one.desk_bloat (1" in found
    do(desk, "VACUUM FULL desk_one.desk_bloat")
    refresh_bloat(settings)
    assert bell.is_quiet("health.bloat")


def bloat_of(settings: Settings) -> dict[str, Any]:
    report = read_bloat(settings.database_monitor_url, settings.database_direct_url, least=300_000)
    return {row.name: row for row in report.looked_at}


def test_ages_are_read_by_database_and_table(settings: Settings) -> None:
    found = storage(settings)
    assert {"erp_test", "control_test"} <= {row.database for row in found.databases}
    assert found.oldest[0].xid_age >= found.oldest[-1].xid_age > 0
    assert [judging.level_of_age(age) for age in (10, 700_000_000, 1_300_000_000)] == [
        "ok",
        "warning",
        "critical",
    ]
    assert found.costs["unused"] > 0


def test_away_server_is_a_failed_reading(bell: Bell, settings: Settings) -> None:
    nowhere = f"postgresql://u@127.0.0.1:{free_port()}/d"
    away = settings.model_copy(update={"database_monitor_url": nowhere, "database_direct_url": nowhere})
    assert refresh_storage(away).keys() == {STORAGE, SEQUENCES}
    assert "refused" in refresh_bloat(away)
    assert "refused" in refresh_invalid(away)
    with pytest.raises(ProbeError):
        probes.read_invalid(nowhere)


def test_page_shows_lines_verdicts_and_asks_for_a_look(
    bell: Bell, settings: Settings, desk: Any, small: None, control: Session, login: object
) -> None:
    do(desk, "SELECT setval('desk_two.desk_item_id_seq', 2000000000)")
    refresh_storage(settings)
    refresh_invalid(settings)
    left_out = ["a.b: no time was left"]
    store_reading(BLOAT, {"looked_at": [], "large": 0, "skipped": left_out, "installed": True})
    control.commit()
    browser: FlaskClient = login("dba")  # type: ignore[operator]
    html = browser.get("/database/tables").text
    for words in ("desk_item_again", "Supports a foreign key", "Too early", "93.1", "no time was left"):
        assert words in html
    assert browser.post("/database/tables/look/nothing").status_code == 404
