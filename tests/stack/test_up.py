"""The stack from its first start to its reset, on real servers."""

import json
import os
import re
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from dashboard.core.config import read_env_file
from dashboard.servers import free_port, scratch_folder
from tests.stack.small import SmallStack, child_pid

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]


@pytest.fixture(scope="module")
def stack() -> Iterator[SmallStack]:
    with scratch_folder() as folder:
        small = SmallStack(folder, free_port())
        yield small
        if small.process and small.process.poll() is None:
            small.end(signal.SIGTERM)


@pytest.fixture(scope="module")
def first(stack: SmallStack) -> str:
    """What the first start says."""
    return stack.up(STEWARD_DEMO="small")


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as link, link, link.cursor() as at:
        at.execute(statement)
        return at.fetchall() if at.description else []


def test_first_start_tells_what_it_does_and_ends_with_url_and_login(first: str, stack: SmallStack) -> None:
    steps = [
        "Starting PostgreSQL",
        "Copied the primary to standby az-b",
        "Copied the primary to standby dr",
        "Setting up Barman",
        "control: at head",
        "Creating the first operator admin@example.com",
        "loaded small",
        "Starting web, workers and scheduler",
        f"Open      http://127.0.0.1:{stack.port}",
        "Log in    admin@example.com",
    ]
    places = [first.index(step) for step in steps]
    assert places == sorted(places)
    password = re.search(r"Password  (\S+)   \(shown only now\)", first)
    assert password
    assert first.count(password[1]) == 1
    assert password[1] not in (stack.home / "logs" / "stack.log").read_text()


def test_settings_file_is_private_and_leads_to_every_server(first: str, stack: SmallStack) -> None:
    path = stack.home / "stack.env"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((stack.home / "state.json").stat().st_mode) == 0o600
    settings = read_env_file(path)
    assert rows(settings["DATABASE_URL"], "SELECT current_user") == [("steward_app",)]
    assert rows(settings["DATABASE_DIRECT_URL"], "SELECT current_user") == [("steward_owner",)]
    assert rows(settings["STEWARD_CONTROL_URL"], "SELECT current_user") == [("steward",)]
    standbys = json.loads(settings["DATABASE_STANDBYS"])
    assert [(s["name"], s["zone"], s["mode"]) for s in standbys] == [
        ("az-b", "b", "async"),
        ("dr", "a", "async"),
    ]
    primary = json.loads(settings["DATABASE_PRIMARY"])
    assert (primary["name"], primary["zone"], primary["region"]) == ("az-a", "a", "local")
    assert rows(primary["url"], "SELECT pg_is_in_recovery(), current_user") == [(False, "steward_monitor")]
    for standby in standbys:
        assert rows(standby["url"], "SELECT pg_is_in_recovery(), current_user") == [(True, "steward_monitor")]
    streaming = rows(
        settings["DATABASE_MONITOR_URL"],
        "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming' ORDER BY 1",
    )
    assert streaming == [("az-b",), ("barman_receive_wal",), ("dr",)]
    rows(settings["DATABASE_DIRECT_URL"], "CREATE TABLE kept AS SELECT 42 AS n")


def test_archiver_hands_wal_to_barman(first: str, stack: SmallStack) -> None:
    settings = read_env_file(stack.home / "stack.env")
    archived = rows(
        settings["DATABASE_MONITOR_URL"], "SELECT archived_count > 0, failed_count FROM pg_stat_archiver"
    )
    assert archived == [(True, 0)]
    wal = stack.home / "servers" / "barman" / "main" / "wals"
    assert [path for path in wal.rglob("0*") if path.is_file()]


def test_second_start_of_the_same_folder_is_refused_in_one_sentence(first: str, stack: SmallStack) -> None:
    answer = stack.run("up")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1
    assert "Steward is already running in" in answer.stderr


def test_status_says_it_is_ready(first: str, stack: SmallStack) -> None:
    answer = stack.run("status", STEWARD_PORT="1")
    assert (answer.returncode, answer.stdout.strip().endswith("ready")) == (0, True)


def test_ended_program_is_started_again(first: str, stack: SmallStack) -> None:
    os.kill(child_pid(stack, "dashboard.worker probes"), signal.SIGKILL)
    stack.wait_for("worker-probes ended with signal SIGKILL; starting it again in 1 s")
    stack.wait_for("Stop")
    deadline = 100
    for _ in range(deadline):
        try:
            child_pid(stack, "dashboard.worker probes")
            break
        except AssertionError:
            signal.sigtimedwait([], 0.1)
    assert child_pid(stack, "dashboard.worker probes")


def test_one_part_can_be_stopped_and_started_to_see_what_happens(first: str, stack: SmallStack) -> None:
    assert stack.run("stop", "dr").returncode == 0
    stack.wait_for("dr was stopped as asked")
    stack.run("start", "dr")
    stack.wait_for("Starting dr as asked")


def test_crashed_server_is_started_once_and_a_stopped_one_is_left(first: str, stack: SmallStack) -> None:
    os.kill(child_pid(stack, "servers/az-b"), signal.SIGKILL)
    stack.wait_for("az-b ended with signal SIGKILL; starting it again in 1 s")
    for _ in range(100):
        try:
            os.kill(child_pid(stack, "servers/az-b"), signal.SIGINT)
            break
        except AssertionError:
            signal.sigtimedwait([], 0.1)
    stack.wait_for("start it with `dashboard.stack start az-b`")


def test_ctrl_c_stops_in_order_and_leaves_nothing(first: str, stack: SmallStack) -> None:
    assert stack.end(signal.SIGINT) == 0
    stops = [line.split("Stopping ")[1] for line in stack.said().splitlines() if "Stopping " in line]
    assert stops == [
        "web",
        "scheduler",
        "worker-probes, worker-database, worker-restores, worker-urgent, worker-default, worker-insights",
        "dr",
        "az-a",
        "control",
        "broker, cache",
    ]
    assert stack.left() == []


def test_next_start_has_all_data_and_repeats_nothing(first: str, stack: SmallStack) -> None:
    said = stack.up(STEWARD_DEMO="small", STEWARD_STANDBYS="1")
    for step in (
        "Made the data folder",
        "Copied",
        "Setting up Barman",
        "Creating the first operator",
        "loaded",
        "shown only now",
    ):
        assert step not in said
    settings = read_env_file(stack.home / "stack.env")
    assert rows(settings["DATABASE_DIRECT_URL"], "SELECT n FROM kept") == [(42,)]
    assert [s["name"] for s in json.loads(settings["DATABASE_STANDBYS"])] == ["az-b"]


def test_closed_terminal_stops_it_too(first: str, stack: SmallStack) -> None:
    assert stack.end(signal.SIGHUP) == 0
    assert stack.left() == []


def test_killed_stack_leaves_nothing_that_hinders_the_next_start(first: str, stack: SmallStack) -> None:
    stack.up(STEWARD_STANDBYS="0")
    assert stack.end(signal.SIGKILL) == -signal.SIGKILL
    stack.up(STEWARD_STANDBYS="0")
    answer = stack.run("down")
    assert (answer.returncode, answer.stdout.strip()) == (0, "Stopped.")
    assert stack.left() == []
    assert stack.run("down").stdout.startswith("Nothing is running")
    assert stack.run("status").returncode == 1
    assert stack.run("stop", "dr").returncode == 1


def test_taken_port_is_named_and_nothing_is_left(first: str, stack: SmallStack) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        answer = stack.run("up", STEWARD_PORT=str(port))
    assert answer.returncode == 1
    assert f"Port {port} is taken by another program; set STEWARD_PORT to a free one." in answer.stdout
    assert stack.left() == []


def test_damaged_data_are_named_and_nothing_is_left(first: str, stack: SmallStack) -> None:
    version = stack.home / "servers" / "erp" / "PG_VERSION"
    content = version.read_text()
    version.write_text("12\n")
    answer = stack.run("up")
    version.write_text(content)
    assert answer.returncode == 1
    assert "was made by PostgreSQL 12" in answer.stdout
    assert stack.left() == []


def test_program_that_cannot_start_ends_the_start(first: str, stack: SmallStack) -> None:
    worker = stack.product / "dashboard" / "worker.py"
    content = worker.read_text()
    worker.write_text("raise SystemExit('no queues here')")
    answer = stack.run("up", STEWARD_STANDBYS="0")
    worker.write_text(content)
    assert answer.returncode == 1
    assert re.search(r"could not start: worker-\w+ ended while starting: no queues here", answer.stdout)
    assert stack.left() == []


def test_failing_migration_ends_the_start_with_its_words(first: str, stack: SmallStack) -> None:
    wsgi = stack.product / "wsgi.py"
    content = wsgi.read_text()
    wsgi.write_text("raise SystemExit('migration went wrong')")
    answer = stack.run("up", STEWARD_STANDBYS="0")
    wsgi.write_text(content)
    assert answer.returncode == 1
    assert "migration went wrong" in answer.stdout
    assert stack.left() == []


def test_reset_asks_and_deletes(first: str, stack: SmallStack) -> None:
    assert stack.run("reset", said="no\n").returncode == 1
    assert stack.home.exists()
    assert stack.run("reset", said="yes\n").returncode == 0
    assert not stack.home.exists()
    assert stack.run("reset", "--yes").returncode == 0
