import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from dashboard.servers import ServerError
from dashboard.servers.leftovers import stop_leftover
from dashboard.servers.process import Command, Process, StopStep, last_lines, run_tool

STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done")


def child(scratch: Path, *argv: str, seconds: float = 5) -> Process:
    command = Command(
        name="child",
        argv=argv,
        folder=scratch,
        log=scratch / "child.log",
        environment={"PATH": "/usr/bin:/bin"},
        stop_steps=(StopStep(signal.SIGTERM, seconds),),
    )
    return Process(command)


def wait_for_log(scratch: Path) -> None:
    deadline = time.monotonic() + 20
    while not (scratch / "child.log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_stubborn_child_is_killed_in_the_end(scratch: Path) -> None:
    process = child(scratch, *STUBBORN, seconds=0.2)
    process.stop()  # never started: nothing to do
    process.launch()
    process.launch()  # once is enough
    wait_for_log(scratch)
    process.stop()
    assert process.returncode == -signal.SIGKILL
    process.kill()  # ended: nothing to do
    assert process.pid is None


def test_missing_program_is_said(scratch: Path) -> None:
    with pytest.raises(ServerError, match="child cannot be started"):
        child(scratch, "/no/such/program").launch()


def test_child_does_not_outlive_a_killed_parent(scratch: Path) -> None:
    code = (
        "import time, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]);"
        "from tests.servers.test_process import child;"
        "p = child(Path(sys.argv[1]), '/bin/sleep', '60'); p.launch();"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(scratch), root], stdout=subprocess.PIPE, text=True, cwd=root
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_stubborn_leftover_is_killed(scratch: Path) -> None:
    with subprocess.Popen(STUBBORN, cwd=scratch, stdout=subprocess.PIPE) as left:
        assert left.stdout
        left.stdout.readline()
        name = psutil.Process(left.pid).name()
        stop_leftover(scratch, "another", ())
        stop_leftover(scratch, name, (StopStep(signal.SIGTERM, 0.2),))
        assert not psutil.pid_exists(left.pid)


def test_tools_are_run_to_their_end(scratch: Path) -> None:
    assert run_tool(["/bin/echo", "hello"], scratch, None) == "hello\n"
    with pytest.raises(ServerError, match="sh failed: broken"):
        run_tool(["/bin/sh", "-c", "echo broken >&2; exit 3"], scratch, None)
    with pytest.raises(ServerError, match="could not be run"):
        run_tool(["/bin/sleep", "9"], scratch, None, timeout=0.1)


def test_last_words_prefer_the_fatal_ones(scratch: Path) -> None:
    log = scratch / "log"
    assert not last_lines(log, 0)
    log.write_text("old FATAL\n" + "a\nFATAL: this\nb\n")
    assert last_lines(log, len("old FATAL\n")) == "FATAL: this"
    log.write_text("a\nb\n")
    assert last_lines(log, 0) == "a b"
