"""`python -m bench.backups [--megabytes N] [--rounds N]`: backups and restores beside the bare commands.

One cluster, Barman as the stack sets it up, each side in turn: what the button's job does against
`barman backup` and `pg_basebackup` at the same compression, and a restore to a running server against
`barman restore`, `pg_ctl` and waiting. The shortest of each side counts: everything else is noise.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

import psycopg2

from bench.report import Bar
from bench.stage import settings_from
from dashboard.app import create_app
from dashboard.backups import service as backups
from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings, get_settings
from dashboard.core.db import db
from dashboard.schema_migrations.service import upgrade_all
from dashboard.servers import bootstrap_control, bootstrap_erp, free_port, scratch_folder
from dashboard.servers.process import run_tool
from dashboard.servers.scratch import ScratchServer
from dashboard.stack import barman
from dashboard.stack.environment import stack_settings
from dashboard.stack.layout import CONTROL_DATABASE, ERP_DATABASE, Layout
from dashboard.stack.options import StackOptions
from dashboard.stack.state import State

BACKUP_BAR, COPY_BAR, RESTORE_BAR = 1.15, 1.3, 1.3
ROW_BYTES = 190  # with its entry in the index
WAIT_SECONDS = 300.0
After = Callable[[], None] | None


@dataclass(frozen=True)
class Site:
    """The running cluster with Barman, and the settings of the product that look at it."""

    layout: Layout
    settings: Settings

    def sql(self, statement: str) -> None:
        """Run a statement in the ERP database."""
        with closing(psycopg2.connect(self.layout.erp.url(ERP_DATABASE))) as link:
            link.autocommit = True
            with link.cursor() as at:
                at.execute(statement)

    def barman(self, *arguments: str) -> None:
        """Call Barman as one does by hand."""
        subprocess.run(barman.command(self.layout, *arguments), check=True, capture_output=True)


class Quiet:
    """Hooks that say nothing."""

    def check_cancelled(self) -> None:
        """Go on."""

    def log(self, text: str) -> None:
        """Keep it."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Keep it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="bench.backups", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=300, help="size of the data")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured")
    asked = parser.parse_args(arguments)
    with site(asked.megabytes) as at:
        bars = [*measure_backups(at, asked.rounds), *measure_restores(at, asked.rounds)]
    print("", *bars, sep="\n", flush=True)
    return 0 if all(bar.is_met for bar in bars) else 1


@contextmanager
def site(megabytes: int) -> Iterator[Site]:
    """Start control database, primary and Barman, fill them, and stop everything again."""
    with ExitStack() as stack:
        home = stack.enter_context(scratch_folder())
        layout = Layout(
            StackOptions(home, free_port(), "bench@example.com", None, "none", 0, None),
            State(home / "state.json"),
        )
        barman.prepare(layout)
        for server in (layout.control, layout.erp):
            server.ensure_initialised()
            stack.callback(server.stop)
            server.start()
        bootstrap_control(layout.control.url("postgres"), CONTROL_DATABASE, layout.state.password("control"))
        bootstrap_erp(layout.erp.url("postgres"), ERP_DATABASE, layout.erp_passwords())
        environment = {**stack_settings(layout), "STEWARD_ENV": "test", "STEWARD_HOME": str(home)}
        stack.enter_context(create_app(settings_from(environment)).app_context())
        upgrade_all(lambda _line: None)
        found = Site(layout, get_settings())
        stack.callback(found.barman, "terminate-process", barman.SERVER, "receive-wal")
        found.barman("cron")
        fill(found, megabytes)
        yield found
        db.session.remove()


def fill(at: Site, megabytes: int) -> None:
    """Load rows that pack to about a half, as records do; close the WAL they made."""
    rows = megabytes * 2**20 // ROW_BYTES
    words = " || ".join(f"md5((n * {prime})::text)" for prime in (3, 5, 7, 11))
    at.sql(
        f"CREATE TABLE bulk AS SELECT n AS id, {words} AS text, 0 AS seen FROM generate_series(1, {rows}) n"
    )
    at.sql("ALTER TABLE bulk ADD PRIMARY KEY (id)")
    at.sql("CHECKPOINT")
    at.barman("switch-wal", "--force", "--archive", barman.SERVER)
    print(f"{rows:,} rows loaded, {megabytes} MB asked for", flush=True)


def in_turn(rounds: int, sides: dict[str, Callable[[], After]]) -> dict[str, float]:
    """Measure each side in each round; print and return the shortest of each, in seconds.

    A side may return what is to be cleared away after it, which does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            begun = time.perf_counter()
            after = side()
            seconds[name].append(time.perf_counter() - begun)
            if after:
                after()
    for name, found in seconds.items():
        print(f"  {name:<40}{min(found):>8.2f} s   of {', '.join(f'{one:.2f}' for one in found)}", flush=True)
    return {name: min(found) for name, found in seconds.items()}


def measure_backups(at: Site, rounds: int) -> list[Bar]:
    """The button's job, `barman backup`, and pg_basebackup at the same compression."""
    engine = backups.barman_of(at.settings)
    at.barman("backup", "--wait", barman.SERVER)
    read_catalogue(at)

    def by_button() -> After:
        backups.back_up(
            engine, mode="full", on_line=lambda _: None, on_phase=lambda *_: None, tick=lambda: None
        )
        return lambda: read_catalogue(at)  # as the stack does every minute

    found = in_turn(
        rounds,
        {
            "backup by button": by_button,
            "barman backup": lambda: at.barman("backup", "--wait", barman.SERVER),
            "pg_basebackup, gzip:1": lambda: base_backup(at),
        },
    )
    button, bare, copy = found.values()
    return [
        Bar("backup by button against barman backup", button / bare, BACKUP_BAR, "times", at_most=True),
        Bar("backup by button against pg_basebackup", button / copy, COPY_BAR, "times", at_most=True),
    ]


def read_catalogue(at: Site) -> None:
    """Let the catalogue know."""
    backups.sync_catalogue(backups.barman_of(at.settings))
    db.session.commit()


def base_backup(at: Site) -> None:
    """Copy the cluster with PostgreSQL's own tool, then forget the copy."""
    target = at.layout.home / "copy"
    url = at.layout.erp.url("postgres")
    tool = str(at.layout.bin / "pg_basebackup")
    subprocess.run(
        [tool, "-d", url, "-D", str(target), "-Ft", "-Z", "gzip:1", "-c", "fast"],
        check=True,
        capture_output=True,
    )
    shutil.rmtree(target)


def measure_restores(at: Site, rounds: int) -> list[Bar]:
    """A restore to a running server against the bare commands; some WAL is to be replayed on both sides."""
    at.sql("UPDATE bulk SET seen = 1 WHERE id % 20 = 0")
    at.barman("switch-wal", "--force", "--archive", barman.SERVER)
    read_catalogue(at)
    found = in_turn(
        rounds, {"restore to a scratch server": lambda: ours(at), "the bare commands": lambda: bare(at)}
    )
    ratio = found["restore to a scratch server"] / found["the bare commands"]
    return [Bar("restore against the bare commands", ratio, RESTORE_BAR, "times", at_most=True)]


def ours(at: Site) -> After:
    """Restore as the job does."""
    planned = restoring.plan(
        db.session(), at.settings, purpose="rehearsal", target=TargetSpec(), actor="bench@example.com"
    )
    db.session.commit()
    server = restoring.bring_back(planned, at.settings, Quiet())
    demand_rows(server.url(ERP_DATABASE))

    def tear_down() -> None:
        restoring.tear_down(db.session(), planned)
        db.session.commit()

    return tear_down


def bare(at: Site) -> After:
    """Restore by hand: Barman lays out WAL and data, pg_ctl starts, then one waits."""
    layout, target = at.layout, at.layout.servers / "by-hand"
    target.mkdir(mode=0o711)
    data, log, port = target / "data", target / "log", free_port()
    wal = target / "wal"
    wal.mkdir()
    for name in needed_wal(at):
        at.barman("get-wal", "-P", "-o", str(wal), barman.SERVER, name)
    command = ["--get-wal", "--restore-command", f"cp {wal}/%f %p"]
    at.barman("restore", *command, barman.SERVER, "latest", str(data))
    everything = ScratchServer(target)  # whose account the files are given to
    everything.own()
    options = f"-p {port} -c archive_mode=off"
    control = [str(layout.bin / "pg_ctl"), "-D", str(data), "-l", str(log)]
    run_tool([*control, "-w", "-t", "300", "-o", options, "start"], target, layout.account)
    url = layout.erp.url(ERP_DATABASE).replace(f":{layout.erp.port}/", f":{port}/")
    wait_promoted(url)
    demand_rows(url)

    def tear_down() -> None:
        run_tool([*control, "-m", "immediate", "stop"], target, layout.account)
        shutil.rmtree(target)

    return tear_down


def needed_wal(at: Site) -> list[str]:
    """Return the names of the WAL files that the newest backup needs, as Barman lists them."""
    listed = subprocess.run(
        [word for word in barman.command(at.layout, "list-files") if word != "-q"]
        + ["--target", "full", barman.SERVER, "latest"],
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(set(re.findall(r"[0-9A-F]{24}$|[0-9A-F]{8}\.history$", listed.stdout, re.MULTILINE)))


def wait_promoted(url: str) -> None:
    """Wait until a server takes writes."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with closing(psycopg2.connect(url)) as link, link.cursor() as at:
            at.execute("SELECT NOT pg_is_in_recovery()")
            if (at.fetchone() or (False,))[0]:
                return
        time.sleep(0.05)
    raise TimeoutError("the server restored by hand stays in recovery")


def demand_rows(url: str) -> None:
    """Refuse a restore that lacks what was written last."""
    with closing(psycopg2.connect(url)) as link, link.cursor() as at:
        at.execute("SELECT count(*) FROM bulk WHERE seen = 1")
        if not (at.fetchone() or (0,))[0]:
            raise RuntimeError("the newest rows were not restored")


if __name__ == "__main__":
    sys.exit(main())
