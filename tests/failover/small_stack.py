"""A cluster of its own under the stack's own supervision, in a thread: what a switchover changes for real."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg2

from dashboard.core.addresses import for_sqlalchemy
from dashboard.core.config import Member, Settings
from dashboard.servers import Standby, bootstrap_erp
from dashboard.stack import barman
from dashboard.stack.commands import make_home
from dashboard.stack.console import Console
from dashboard.stack.layout import ERP_DATABASE, Layout
from dashboard.stack.members import MemberDesk
from dashboard.stack.options import StackOptions
from dashboard.stack.requests import Requests
from dashboard.stack.start import Starter
from dashboard.stack.state import load_state
from dashboard.stack.supervisor import Supervisor


class SmallStack:
    """az-a, az-b, dr and Barman, started as `make up` starts them; `said` is what the stack told."""

    def __init__(self, home: Path) -> None:
        self.home = home
        make_home(home)
        self._make()

    def _make(self) -> None:
        home = self.home
        options = StackOptions(home, 1, "admin@example.com", None, "none", 2, None)
        self.layout = Layout(options, load_state(home))
        self.console = Console(home / "logs" / "stack.log")
        self.supervisor = Supervisor(self.console, Requests(self.layout.requests))
        self.desk = MemberDesk(self.layout, self.supervisor)
        self.supervisor.turns.append(self.desk.serve)
        self.problem: BaseException | None = None
        self.ready = threading.Event()
        # The servers are children of this thread: Linux would end them with it.
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._start()
            self.ready.set()
            self.supervisor.watch()
        except BaseException as error:
            self.problem = error
            raise
        finally:
            self.ready.set()
            self.supervisor.stop_all()

    def _start(self) -> None:
        layout, starter = self.layout, Starter(self.layout, self.supervisor)
        barman.prepare(layout)
        starter.start_primary()
        bootstrap_erp(layout.primary.url("postgres"), ERP_DATABASE, layout.erp_passwords())
        starter.start_standbys()

    def up(self) -> None:
        self.thread.start()
        assert self.ready.wait(120)
        assert self.problem is None, self.problem

    def down(self) -> None:
        self.supervisor.wanted.set()
        self.thread.join(120)
        assert not self.thread.is_alive()

    def restart(self, *, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Stop everything and start it again, as a later `make up` does."""
        self.down()
        meanwhile()
        self._make()
        self.up()

    @property
    def said(self) -> str:
        return (self.home / "logs" / "stack.log").read_text()

    def server(self, name: str) -> Standby:
        found = {server.name: server for server in (self.layout.primary, *self.layout.standbys)}
        return found[name]

    def settings(self, base: Settings) -> Settings:
        """Point some settings at this stack; as of this start, like the settings of a running product."""
        urls = {name: for_sqlalchemy(url) for name, url in self.layout.erp_urls().items()}
        return base.model_copy(
            update={
                "home": self.home,
                "database_url": urls["DATABASE_URL"],
                "database_direct_url": urls["DATABASE_DIRECT_URL"],
                "database_monitor_url": urls["DATABASE_MONITOR_URL"],
                "primary": Member.model_validate(self.layout.primary_entry()),
                "standbys": tuple(Member.model_validate(entry) for entry in self.layout.standby_entries()),
                "barman_config": self.layout.barman_config,
            }
        )

    def sql(self, statement: str, *, on: str = "") -> Any:
        """Run a statement as superuser and return its first value; on the primary unless one is named."""
        server = self.server(on) if on else self.layout.primary
        with closing(psycopg2.connect(server.url(ERP_DATABASE), connect_timeout=5)) as link:
            link.autocommit = True
            with link.cursor() as at:
                at.execute(statement)
                row = at.fetchone() if at.description else None
                return row[0] if row else None


@contextmanager
def running(home: Path) -> Iterator[SmallStack]:
    """A stack that runs while the block does."""
    stack = SmallStack(home)
    stack.up()
    try:
        yield stack
    finally:
        stack.down()


class Load:
    """Clients that write without pause through the address of the application; acknowledged rows only."""

    def __init__(self, url: str, clients: int = 2) -> None:
        self.url = url
        self.acknowledged: list[int] = []
        self._stop = threading.Event()
        first = time.time_ns()  # no number is ever written twice
        threads = [threading.Thread(target=self._write, args=(first + n, clients)) for n in range(clients)]
        self._threads = threads

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def wait_for_more(self) -> None:
        """Wait until writing goes on."""
        count = len(self.acknowledged)
        wait_until(lambda: len(self.acknowledged) > count + 20, 20, "nothing is written")

    def _write(self, number: int, step: int) -> None:
        while not self._stop.is_set():
            try:
                with closing(psycopg2.connect(self.url, connect_timeout=3)) as link, link.cursor() as at:
                    link.autocommit = True
                    while not self._stop.is_set():
                        number += step
                        at.execute("INSERT INTO load VALUES (%s)", (number,))
                        self.acknowledged.append(number)
                        time.sleep(0.01)
            except psycopg2.Error:
                time.sleep(0.05)


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for something to become true, or fail the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
