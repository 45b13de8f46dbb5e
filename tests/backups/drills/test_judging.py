"""What a drill concludes from what it reads: rows, clocked rows, positions, errors."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import cursor
from rq.timeouts import JobTimeoutException
from sqlalchemy.orm import Session

from dashboard.backups.drills import counting, live, service
from dashboard.backups.drills.canary import check_canary, write_canary
from dashboard.backups.drills.counting import Standing, compare
from dashboard.backups.drills.evidence import Answer, DrillBrokenError, Status, examine, file_in
from dashboard.backups.drills.live import Begin
from dashboard.backups.drills.models import Drill, Outcome
from dashboard.backups.drills.running import judge
from dashboard.backups.restoring.errors import BackupBrokenError
from dashboard.core.errors import UnavailableError
from dashboard.jobs.run import RunCancelledError, RunInterruptedError
from dashboard.metrics.service import record
from dashboard.tenancy.models import TenantRef
from tests.conftest import Servers

NOW = datetime.now(UTC)
AN_HOUR = timedelta(hours=1)
RESTORED = Standing({"quote": 10, "note": 3}, {"quote": 2}, frozenset({"quote"}), settled=40)


def problems(live_side: Standing, moved: dict[str, int] | None = None, *, reaches: bool = True) -> list[str]:
    return compare(live_side, RESTORED, moved or {}, reaches_begin=reaches).problems


def test_rows_written_since_are_explained_by_their_history() -> None:
    since = replace(RESTORED, rows={"quote": 14, "note": 3}, net={"quote": 6})
    found = compare(since, RESTORED, {}, reaches_begin=True)
    assert (found.problems, found.explained, found.tables) == ([], 4, 2)


def test_rows_that_no_change_explains_are_lost() -> None:
    (said,) = problems(replace(RESTORED, rows={"quote": 14, "note": 3}, net={"quote": 5}))
    assert said == "quote: 10 rows brought back, 14 live; no recorded change explains 1 of the difference"


def test_equal_counts_do_not_hide_a_lost_row_that_another_replaced() -> None:
    assert problems(replace(RESTORED, net={"quote": 3}))


def test_a_table_without_history_may_differ_by_what_was_written_while_the_drill_ran() -> None:
    grown = replace(RESTORED, rows={"quote": 10, "note": 5})
    assert problems(grown, {"note": 2}) == []
    assert problems(grown, {"note": 1}) == [
        "note: 3 rows brought back, 5 live; only 1 were written since the drill began"
    ]
    assert problems(grown, reaches=False) == []


def test_a_missing_table_and_missing_older_changes_are_found() -> None:
    assert problems(replace(RESTORED, rows={**RESTORED.rows, "gone": 0})) == ["gone was not brought back"]
    assert problems(replace(RESTORED, rows={"quote": 10})) == ["note is not on the live cluster"]
    assert problems(replace(RESTORED, settled=42)) == ["2 older changes of the row history are missing"]
    assert problems(replace(RESTORED, settled=39)) == ["1 older changes of the row history are too many"]


def test_tables_one_may_not_read_are_left_out_and_counted() -> None:
    found = compare(
        replace(RESTORED, closed=frozenset({"note"}), rows={"quote": 10}), RESTORED, {}, reaches_begin=True
    )
    assert (found.problems, found.closed) == ([], 1)


@pytest.fixture
def at(app: Flask, servers: Servers) -> Iterator[cursor]:
    """A superuser's transaction, undone afterwards."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as found:
        yield found
        link.rollback()


def test_what_a_tenant_has_beyond_its_history_stays_the_same_through_changes(
    at: cursor, acme: TenantRef
) -> None:
    before = counting.stand(at, acme.schema, NOW + AN_HOUR)
    at.execute(f"SET LOCAL search_path TO {acme.schema}, public")
    at.execute("INSERT INTO unit (code, name) VALUES ('drl', 'Drill'), ('dr2', 'Drills')")
    at.execute("DELETE FROM unit WHERE code = 'dr2'")
    after = counting.stand(at, acme.schema, NOW + AN_HOUR)
    assert after.rows["unit"] == before.rows["unit"] + 1
    assert after.unexplained("unit") == before.unexplained("unit")
    assert after.settled > before.settled
    at.execute("SET LOCAL session_replication_role TO replica")
    at.execute("DELETE FROM unit WHERE code = 'drl'")
    lost = counting.stand(at, acme.schema, NOW + AN_HOUR)
    assert lost.unexplained("unit") == before.unexplained("unit") - 1


def test_the_live_cluster_is_read_as_its_owner(servers: Servers, acme: TenantRef, app: Flask) -> None:
    owner = servers.postgres.url("erp_test", "steward_owner", "owner")
    begin = live.read_begin(owner)
    assert begin.position > 0
    assert begin.heads[acme.schema]
    assert begin.heads["public"]
    tenant = live.Tenant(acme.slug, acme.schema, NOW)
    compared = live.stand_live(owner, tenant, NOW + AN_HOUR, begin)
    assert "rfq" in compared.standing.rows
    assert "quote_price" in compared.standing.closed
    assert all(moved >= 0 for moved in compared.moved.values())


def test_a_live_cluster_that_is_away_is_said_so() -> None:
    with pytest.raises(live.LiveAwayError, match="refused"):
        live.read_begin("postgresql://nobody@127.0.0.1:1/none")


def test_clocked_rows_are_written_by_the_owner_alone(app: Flask, servers: Servers) -> None:
    owner = servers.postgres.url("erp_test", "steward_owner", "owner")
    assert abs((write_canary(owner) - datetime.now(UTC)).total_seconds()) < 10
    for login, password in (("steward_app", "app"), ("steward_monitor", "monitor")):
        with pytest.raises(psycopg2.Error, match=r"permission denied|read-only"):
            write_canary(servers.postgres.url("erp_test", login, password))


def test_a_missing_and_a_forged_clocked_row_are_found(app: Flask, servers: Servers, at: cursor) -> None:
    owner = servers.postgres.url("erp_test", "steward_owner", "owner")
    write_canary(owner)
    with live.one_moment(owner) as of_owner:
        assert check_canary(of_owner, at, NOW + AN_HOUR).problems == []
        assert check_canary(of_owner, at, NOW - timedelta(days=9)).skipped
        at.execute("INSERT INTO public.steward_canary DEFAULT VALUES")
        (forged,) = check_canary(of_owner, at, NOW + AN_HOUR).problems
        assert forged.startswith("1 never written: ")
        at.execute("DELETE FROM public.steward_canary")
        assert "missing: " in check_canary(of_owner, at, NOW + AN_HOUR).problems[0]


def test_an_idle_primary_loses_nothing_and_a_busy_one_what_lies_behind(control: Session) -> None:
    begin = Begin(NOW, position=5000)
    old = NOW - timedelta(hours=2)
    assert service.measure_rpo(begin, 5000, old) == 0
    assert service.measure_rpo(begin, 4999, None) is None
    assert service.measure_rpo(begin, 4999, NOW - timedelta(seconds=70)) == pytest.approx(70)
    record({"wal.position": 4000.0}, at=NOW - timedelta(seconds=20))
    record({"wal.position": 5000.0}, at=NOW - timedelta(seconds=10))
    assert service.measure_rpo(begin, 4999, NOW - timedelta(seconds=70)) == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize(
    ("error", "outcome", "words"),
    [
        (BackupBrokenError("crc error", "base.tar.gz"), Outcome.BACKUP_BROKEN, "crc error"),
        (UnavailableError("the disk", "No room.", fix="Free it."), Outcome.DRILL_BROKEN, "No room. Free it."),
        (DrillBrokenError("pg_amcheck ended"), Outcome.DRILL_BROKEN, "pg_amcheck ended"),
        (RunCancelledError(), Outcome.CANCELLED, "Cancelled"),
        (RunInterruptedError(), Outcome.DRILL_BROKEN, "worker was stopped"),
        (JobTimeoutException(), Outcome.DRILL_BROKEN, "longer than its limit"),
        (ValueError("odd"), Outcome.DRILL_BROKEN, "ValueError: odd"),
    ],
)
def test_an_error_says_whether_the_backup_or_the_drill_is_broken(
    error: BaseException, outcome: Outcome, words: str
) -> None:
    found, reason, _file = judge(error)
    assert found == outcome
    assert words in reason


def test_damaged_data_are_a_finding_and_a_gone_server_is_not(at: cursor) -> None:
    def refuse() -> Answer:
        at.execute("SELECT 1 FROM public.no_such_table")
        return Answer()

    def vanish() -> Answer:
        psycopg2.connect("postgresql://nobody@127.0.0.1:1/none")
        return Answer()

    found = examine("x", "X", "cluster", refuse)
    assert (found.status, "no_such_table" in found.detail) == (Status.FAILED, True)
    with pytest.raises(DrillBrokenError):
        examine("x", "X", "cluster", vanish)
    assert file_in('invalid page in block 3 of relation "base/5/16384"') == "base/5/16384"


def test_a_drill_without_a_living_run_is_closed(control: Session) -> None:
    dead = Drill(server="main", actor="x", run_id=uuid4(), outcome=Outcome.RUNNING)
    control.add(dead)
    control.flush()
    assert service.close_dead() == 1
    assert dead.outcome == Outcome.DRILL_BROKEN
    assert dead.finished_at is not None
