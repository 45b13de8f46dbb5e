"""Carries out what a job orders of the ERP servers: stop, promote, rejoin. The stack alone may do it.

They are the stack's children, and it has their superuser's password. Never are two of them started that take
writes: a member that is not the primary starts as a standby or not at all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import psutil
import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor

from dashboard.servers import ServerError, Standby, leftovers
from dashboard.servers.control_data import read_control_data
from dashboard.servers.orders import Answer, Order, OrderBox
from dashboard.servers.rejoining import rejoin
from dashboard.stack import barman
from dashboard.stack.environment import write_stack_env
from dashboard.stack.layout import PRIMARY, Layout
from dashboard.stack.options import StackError
from dashboard.stack.supervisor import Child, Stage, Supervisor

ORDERS = "orders"
PROMOTE_SECONDS = 60
Found = Mapping[str, Any]


class MemberDesk:
    """Takes the orders and answers them, one after the other."""

    def __init__(self, layout: Layout, supervisor: Supervisor) -> None:
        self.layout = layout
        self.supervisor = supervisor
        self.box = OrderBox(layout.requests / ORDERS)
        self.verbs: Mapping[str, Callable[..., Found]] = {
            "stop": self.stop,
            "fence": self.fence,
            "start": self.start,
            "prepare": self.prepare,
            "promote": self.promote,
            "rejoin": self.rejoin,
            "synchronous": self.synchronous,
            "tidy": self.tidy,
        }

    def serve(self) -> None:
        """Carry out what was ordered since the last call."""
        for order in self.box.take():
            self.box.answer(order, self._carry_out(order))

    def _carry_out(self, order: Order) -> Answer:
        try:
            verb, child = self.verbs.get(order.verb), self._child(order.member)
            if verb is None or child is None:
                return Answer(f"This stack cannot {order.verb} {order.member}.")
            self.supervisor.console.say(f"As ordered: {order.verb} {order.member}")
            return Answer(found=verb(child, **order.arguments))
        except (ServerError, StackError, psycopg2.Error) as error:
            words = " ".join(str(error).split())
            self.supervisor.console.say(f"Could not {order.verb} {order.member}: {words}")
            return Answer(words)

    def stop(self, child: Child) -> Found:
        """Shut it down in order, hold it down, and tell where its WAL ended."""
        child.held, child.due = True, None
        child.part.stop()
        return self._standing(_server(child))

    def fence(self, child: Child) -> Found:
        """End it at once, whatever it is doing, and hold it down."""
        child.held, child.due = True, None
        server = _server(child)
        server.kill()
        # A process of it that was busy could still confirm a commit that nobody else has.
        for process in leftovers.find_in_folder(server.folder):
            with suppress(psutil.Error):
                process.kill()
        return {}

    def start(self, child: Child) -> Found:
        """Start it as what it is, and look after it again."""
        server = _server(child)
        server.start()
        child.held, child.crashes = False, 0
        return {}

    def prepare(self, child: Child, *, slots: list[str]) -> Found:
        """Lay slots for those who will follow it, so that from now on no WAL is lost to them."""
        server = _server(child)
        lay_slots(server, slots)
        for one in {server, self.layout.primary}:  # the shutdown writes its own, and now has little to write
            with _superuser(one) as at:
                at.execute("CHECKPOINT")
        return {}

    def promote(self, child: Child) -> Found:
        """Let it take writes. Raises StackError while the primary runs: there may never be two."""
        server, former = _server(child), self.layout.primary
        if former is not server and former.pid is not None:
            raise StackError(f"{former.name} is running and takes writes: stop or fence it first.")
        with _superuser(server) as at:
            # It may have been copied with the old primary's list, and would wait for itself.
            _set(at, "synchronous_standby_names", "")
            at.execute("SELECT pg_is_in_recovery()")
            if at.fetchone() == (True,):
                at.execute("SELECT pg_promote(true, %s)", (PROMOTE_SECONDS,))
                if at.fetchone() != (True,):
                    raise StackError(f"{server.name} was not promoted within {PROMOTE_SECONDS} s.")
        self._take_primary(server)
        return {}

    def rejoin(self, child: Child) -> Found:
        """Stop it and let it follow the primary: as it is, rewound or copied anew."""
        server, primary = _server(child), self.layout.primary
        if server is primary:
            raise StackError(f"{server.name} is the primary: it follows nobody.")
        child.held, child.due = True, None
        server.stop()
        lay_slots(primary, [server.slot])
        done = rejoin(server)
        server.start()
        child.held, child.crashes, child.stage = False, 0, Stage.STANDBYS
        with _superuser(server) as at:
            drop_slots(at)
        return vars(done)

    def synchronous(self, child: Child, *, value: str) -> Found:
        """Set whom its commits wait for."""
        with _superuser(_server(child)) as at:
            _set(at, "synchronous_standby_names", value)
        return {}

    def tidy(self, child: Child) -> Found:
        """Take back the slots that were laid on a standby for a change that did not come about."""
        server = _server(child)
        if server is not self.layout.primary:
            with _superuser(server) as at:
                drop_slots(at)
        return {}

    def _take_primary(self, server: Standby) -> None:
        """Remember the new primary: for the next start, for what is started from now on, and for Barman."""
        self.layout.take_primary(server.name)
        self.layout.state.mark(PRIMARY, server.name)
        for child in self.supervisor.children:
            if isinstance(child.part, Standby):
                child.stage = Stage.PRIMARY if child.part is server else Stage.STANDBYS
        write_stack_env(self.layout)
        barman.prepare(self.layout)

    def _standing(self, server: Standby) -> Found:
        data = read_control_data(server.folder, server.bin, server.account)
        return {"clean": data.is_clean, "timeline": data.timeline, "position": data.position}

    def _child(self, name: str) -> Child | None:
        children = self.supervisor.children
        return next((one for one in children if one.name == name and isinstance(one.part, Standby)), None)


def _server(child: Child) -> Standby:
    assert isinstance(child.part, Standby)  # noqa: S101  # for the type checker
    return child.part


@contextmanager
def _superuser(server: Standby) -> Iterator[cursor]:
    """Give a cursor of the superuser: each statement its own transaction, which waits for no standby."""
    options = "-c synchronous_commit=local"
    with closing(psycopg2.connect(server.url("postgres"), connect_timeout=5, options=options)) as link:
        link.autocommit = True
        with link.cursor() as at:
            yield at


def lay_slots(server: Standby, names: Sequence[str]) -> None:
    """Make physical slots that keep WAL from now on, where there are none."""
    with _superuser(server) as at:
        for name in names:
            at.execute(
                "SELECT pg_create_physical_replication_slot(%(name)s, true)"
                " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %(name)s)",
                {"name": name},
            )


def drop_slots(at: cursor) -> None:
    """Drop the physical slots of a server that nobody follows any more: they would keep WAL for ever."""
    at.execute(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
        " WHERE slot_type = 'physical' AND NOT active"
    )


def _set(at: cursor, name: str, value: str) -> None:
    at.execute(sql.SQL("ALTER SYSTEM SET {} = %s").format(sql.Identifier(name)), (value,))
    at.execute("SELECT pg_reload_conf()")
