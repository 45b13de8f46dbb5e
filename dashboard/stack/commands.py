"""What the command line offers: up, down, reset, status, and stop or start of one part."""

import os
import shutil
import signal
from pathlib import Path

from dashboard.core.config import STACK_FILE
from dashboard.servers import ServerError, remove_data_root
from dashboard.servers.scratch import stop_scratch_servers
from dashboard.stack.console import Console
from dashboard.stack.layout import ERP, FIRST, PRIMARY, Layout
from dashboard.stack.lock import StackLock, holder, wait_until_free
from dashboard.stack.members import MemberDesk
from dashboard.stack.options import StackError, StackOptions
from dashboard.stack.remains import end_remains
from dashboard.stack.requests import Requests
from dashboard.stack.start import Starter, ask_readiness
from dashboard.stack.state import STATE_FILE, load_state
from dashboard.stack.supervisor import StopRequested, Supervisor

DOWN_SECONDS = 90.0
# Restored servers that are looked into; they outlive the job that made them, not the stack.
# The folders of servers that belong to jobs: restores, and rehearsals of a failover.
SCRATCH = ("scratch", "rehearsals")
FOLDER_MODE_USER = 0o700
FOLDER_MODE_ROOT = 0o711  # the servers' own account passes through


def up(options: StackOptions) -> int:
    """Start the product and run until it is asked to stop; return the exit code."""
    make_home(options.home)
    with StackLock(options.home):
        state = load_state(options.home)
        state.save()
        end_remains(options.home)
        layout = Layout(options, state)
        console = Console(layout.logs / "stack.log")
        requests = Requests(layout.requests)
        requests.clear()
        supervisor = Supervisor(console, requests)
        supervisor.listen()
        desk = MemberDesk(layout, supervisor)
        desk.box.clear()
        supervisor.turns.append(desk.serve)
        return run(Starter(layout, supervisor), supervisor)


def run(starter: Starter, supervisor: Supervisor) -> int:
    """Start, watch, and stop everything again, whatever happened."""
    console, code = supervisor.console, 0
    servers = starter.layout.servers
    try:
        stop_all_scratch_servers(servers)  # of a stack that was killed
        starter.run()
        supervisor.watch()
    except StopRequested:
        pass
    except (StackError, ServerError) as error:
        code = 1
        console.plain(f"Steward could not start: {error}")
    finally:
        if starter.new_password is not None:
            starter.tell_password()
        supervisor.stop_all()
        stop_all_scratch_servers(servers)
        end_remains(starter.layout.home)
    console.say("Everything is stopped")
    return code


def stop_all_scratch_servers(servers: Path) -> None:
    """Stop the servers that jobs have left running below the folder of servers."""
    for name in SCRATCH:
        stop_scratch_servers(servers / name)


def make_home(home: Path) -> None:
    """Create the data folder; StackError when that is not possible."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            home.chmod(FOLDER_MODE_ROOT)
        elif home.stat().st_uid == os.geteuid():
            home.chmod(FOLDER_MODE_USER)
        probe = home / "stack.lock"
        probe.touch()
    except OSError as error:
        raise StackError(f"The data folder {home} cannot be used: {error.strerror}.") from error


def down(options: StackOptions) -> int:
    """Stop the stack of this folder and wait until it has ended."""
    pid = holder(options.home)
    if pid is None:
        print(f"Nothing is running in {options.home}.")
        return 0
    os.kill(pid, signal.SIGTERM)
    if not wait_until_free(options.home, DOWN_SECONDS):
        raise StackError(f"Process {pid} has not ended after {DOWN_SECONDS:.0f} s; see {options.home}/logs.")
    print("Stopped.")
    return 0


def reset(options: StackOptions, *, confirmed: bool) -> int:
    """Stop the stack and delete its data, after asking."""
    home = options.home
    if not home.exists():
        print(f"There is nothing in {home}.")
        return 0
    if not (home / STATE_FILE).exists():
        load_state(home)  # refuses a folder that is not ours
    if not confirmed and not ask(f"Delete all data in {home}? Type yes: "):
        print("Nothing was deleted.")
        return 1
    down(options)
    end_remains(home)
    stop_all_scratch_servers(home / "servers")
    remove_data_root(home / "servers")
    shutil.rmtree(home)
    print(f"Deleted {home}.")
    return 0


def ask(question: str) -> bool:
    """Ask for a typed yes; a closed input is a no."""
    try:
        return input(question).strip().lower() == "yes"
    except EOFError:
        return False


def status(options: StackOptions) -> int:
    """Say whether it runs and is ready; the exit code is 0 only then."""
    pid = holder(options.home)
    if pid is None:
        print(f"Nothing is running in {options.home}.")
        return 1
    url = running_url(options)
    problem = ask_readiness(url)
    print(f"Process {pid}, {url}: {problem or 'ready'}")
    return 1 if problem else 0


def running_url(options: StackOptions) -> str:
    """Return the address of the running stack, which may have been started on another port."""
    path = options.home / STACK_FILE
    lines = path.read_text().splitlines() if path.exists() else []
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("STEWARD_BASE_URL", options.url)


def send_request(options: StackOptions, name: str, wish: str) -> int:
    """Ask the running stack to stop, start or restart one of its parts; `erp` is whoever is the primary."""
    if holder(options.home) is None:
        raise StackError(f"Nothing is running in {options.home}.")
    part = load_state(options.home).done.get(PRIMARY, FIRST.name) if name == ERP else name
    Requests(options.home / "run").put(part, wish)
    print(f"Asked to {wish} {part}.")
    return 0
