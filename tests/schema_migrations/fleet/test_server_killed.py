"""The database server is killed with -9 in the middle of a run: the run ends complete all the same."""

import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest

from dashboard.schema_migrations.fleet import tasks
from dashboard.schema_migrations.fleet.running import Outcome
from dashboard.servers import ErpPasswords, Postgres, bootstrap_erp, free_port, scratch_folder
from tests.conftest import Servers
from tests.schema_migrations.fleet import ground as grounds
from tests.schema_migrations.fleet.ground import Ground
from tests.schema_migrations.fleet.test_breaking import (
    BUSY,
    OLD_SNAPSHOT,
    SLOW,
    check_everything,
    in_background,
    transaction,
    until,
)

pytestmark = [pytest.mark.slow, pytest.mark.commits]
SCHEMAS = 12


@pytest.fixture(scope="module")
def server(servers: Servers) -> Iterator[Servers]:
    """A server of its own, which no other test would miss; fsync stays on, or a crash would prove nothing."""
    with scratch_folder("steward-killed-") as folder:
        postgres = Postgres(folder / "pg", free_port(), secrets.token_hex(), {"shared_buffers": "32MB"})
        postgres.ensure_initialised()
        try:
            postgres.start()
            passwords = ErpPasswords(*(secrets.token_hex() for _ in range(5)))
            bootstrap_erp(postgres.url("postgres"), "erp_test", passwords)
            url = postgres.url("erp_test", "steward_owner", passwords.owner)
            yield Servers(postgres, servers.valkey, folder, {"DATABASE_DIRECT_URL": url})
        finally:
            postgres.stop()


@pytest.fixture
def ground(server: Servers, tmp_path: Path) -> Iterator[Ground]:
    """A fleet on that server."""
    made = Ground(*grounds.prepare(server, "killed"), grounds.usual_history(tmp_path))
    made.settle(SCHEMAS)
    yield made
    made.close()
    grounds.remove(server, "killed")


def crash(server: Servers, ground: Ground) -> None:
    """Kill the server with all its sessions at once: they would go on until they have nothing to do."""
    sessions = [pid for (pid,) in ground.rows("SELECT pid FROM pg_stat_activity WHERE pid IS NOT NULL")]
    assert server.postgres.pid is not None
    os.kill(server.postgres.pid, signal.SIGSTOP)  # or it would begin to recover by itself
    for pid in sessions:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.postgres.kill()
    ground.close()


def test_changes_in_flight_are_done_again_by_the_same_process(server: Servers, ground: Ground) -> None:
    ground.history.write("a2", "a1", [SLOW, "op.execute(\"INSERT INTO applied VALUES ('a2')\")"])
    steps = ground.steps()
    ground.create(steps)
    thread, results = in_background(lambda: ground.run(steps, workers=4))
    until(lambda: ground.rows(BUSY)[0] >= (3, 2))
    crash(server, ground)
    server.postgres.start()
    thread.join(60)
    assert [result.outcome for result in results] == [Outcome.DONE]
    check_everything(ground, SCHEMAS)
    assert len(ground.indexed()) == SCHEMAS


def test_a_half_built_index_is_built_anew_when_somebody_goes_on(server: Servers, ground: Ground) -> None:
    steps = ground.steps()
    ground.create(steps)

    def run_impatiently() -> None:
        with pytest.raises(psycopg2.OperationalError):
            ground.run(steps, workers=2, concurrent_timeouts=(30.0,), reconnect_seconds=0.1)

    thread = threading.Thread(target=run_impatiently)
    with transaction(ground, *OLD_SNAPSHOT):
        thread.start()
        until(lambda: bool(ground.invalid_indexes()))
        with tasks.queue(ground.url) as at:
            tasks.settle(at)  # a run's commits wait for no disk: it would be lost with the crash
        crash(server, ground)
        thread.join(60)
    server.postgres.start()
    assert ground.invalid_indexes(), "the crash left a half-built one"
    assert "done" not in ground.statuses().values()
    assert ground.run(steps, workers=4).outcome is Outcome.DONE
    check_everything(ground, SCHEMAS)
    assert len(ground.indexed()) == SCHEMAS
