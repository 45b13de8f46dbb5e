"""Starting the stack: each step in order, skipping what an earlier start has done."""

import hashlib
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Sequence

from dashboard.servers import Postgres, Valkey, bootstrap_control, bootstrap_erp, is_free
from dashboard.servers.process import last_lines
from dashboard.servers.rejoining import rejoin
from dashboard.stack import barman, members, programs
from dashboard.stack.environment import write_stack_env
from dashboard.stack.layout import CONTROL_DATABASE, ERP_DATABASE, PRIMARY, Layout, source_folder
from dashboard.stack.options import StackError
from dashboard.stack.supervisor import Child, Stage, Supervisor

READY_SECONDS = 120.0
TOO_SLOW = "no answer within"  # says nothing of the databases
POLL_SECONDS = 0.2
PASSWORD_BYTES = 12
# What has to be done again when a server's data are new.
CONTROL_STEPS = ("migrated", "operator")
ERP_STEPS = ("migrated", "demo", "barman")


class Starter:
    """One start of the stack."""

    def __init__(self, layout: Layout, supervisor: Supervisor) -> None:
        self.layout = layout
        self.supervisor = supervisor
        self.say = supervisor.console.say
        self.new_password: str | None = None
        self.has_skipped_migrations = False

    def run(self) -> None:
        """Start everything and wait until `/readyz` is content."""
        self.refuse_taken_port()
        barman.prepare(self.layout)
        self.start_servers()
        self.start_standbys()
        write_stack_env(self.layout)
        self.start_barman()
        self.prepare_data()
        self.start_programs()
        self.wait_ready()
        self.tell_login()

    def refuse_taken_port(self) -> None:
        """Say so at once when somebody else listens on the web's port."""
        port = self.layout.options.port
        if not is_free(port):
            raise StackError(f"Port {port} is taken by another program; set STEWARD_PORT to a free one.")

    def start_servers(self) -> None:
        """Start control database, primary, broker and cache at the same time, then their roles."""
        layout = self.layout
        self.say("Starting PostgreSQL (control, ERP primary) and Valkey (broker, cache)")
        self._make_folder(layout.control, CONTROL_STEPS)
        self.supervisor.launch(
            server_child(layout.broker, Stage.STORES),
            server_child(layout.cache, Stage.STORES),
            server_child(layout.control, Stage.CONTROL),
        )
        self.start_primary()
        for waiting in (layout.broker, layout.cache, layout.control):
            waiting.wait_ready()
        bootstrap_control(layout.control.url("postgres"), CONTROL_DATABASE, layout.state.password("control"))
        bootstrap_erp(layout.primary.url("postgres"), ERP_DATABASE, layout.erp_passwords())

    def start_primary(self) -> None:
        """Start the one ERP server that takes writes, and wait for it."""
        layout = self.layout
        for words in layout.roles.words:
            self.say(words)
        self._make_folder(layout.primary, ERP_STEPS)
        self.supervisor.launch(server_child(layout.primary, Stage.PRIMARY))
        layout.primary.wait_ready()
        layout.state.mark(PRIMARY, layout.primary.name)

    def _make_folder(self, server: Postgres, steps: Sequence[str]) -> None:
        if server.ensure_initialised():
            self.layout.state.forget(*steps)
            self.say(f"Made the data folder of {server.name}")

    def start_standbys(self) -> None:
        """Copy the primary where there is no standby yet, and let all of them follow."""
        standbys = self.layout.standbys
        for standby in standbys:
            self.supervisor.check()
            if standby.ensure_initialised():
                self.say(f"Copied the primary to standby {standby.name}")
            elif standby.name in self.layout.roles.rejoin:
                done = rejoin(standby)
                self.say(
                    f"{standby.name} rejoins {self.layout.primary.name}: {done.how} {done.reason}".rstrip()
                )
        members.lay_slots(self.layout.primary, [standby.slot for standby in standbys])
        for standby in standbys:
            self.supervisor.launch(server_child(standby, Stage.STANDBYS))
        for standby in standbys:
            standby.wait_ready()
        if standbys:
            self.say(f"Standbys are following: {', '.join(standby.name for standby in standbys)}")

    def start_barman(self) -> None:
        """Let Barman receive WAL; the first time, wait until a segment has come the whole way."""
        self.supervisor.launch(programs.receiver(self.layout))
        if "barman" in self.layout.state.done:
            programs.barman_cron(self.layout).launch()
            return
        self.say("Setting up Barman (streaming and archiving)")
        programs.run_step(self.layout, self.supervisor, barman.command(self.layout, "cron"))
        switch = barman.command(self.layout, "switch-wal", "--force", "--archive", barman.SERVER)
        programs.run_step(self.layout, self.supervisor, switch)
        self.layout.state.mark("barman", "ready")

    def prepare_data(self) -> None:
        """Migrate, create the first operator, load the demo data."""
        state, options = self.layout.state, self.layout.options
        self.has_skipped_migrations = state.done.get("migrated") == migrations_digest()
        if not self.has_skipped_migrations:
            self.migrate()
        if "operator" not in state.done:
            self.say(f"Creating the first operator {options.admin_email}")
            self.new_password = options.admin_password or secrets.token_urlsafe(PASSWORD_BYTES)
            account = {
                "STEWARD_ADMIN_EMAIL": options.admin_email,
                "STEWARD_ADMIN_PASSWORD": self.new_password,
            }
            self._flask("operators", "bootstrap", extra=account, is_quiet=True)
            state.mark("operator", options.admin_email)
        if options.demo != "none" and state.done.get("demo") != options.demo:
            self.say(f"Loading the demo data ({options.demo})")
            self._flask("demo", "load", options.demo)
            state.mark("demo", options.demo)

    def migrate(self) -> None:
        """Bring the three histories to their heads, and remember which heads these were."""
        self.say("Migrating the databases")
        self._flask("upgrade")
        self.has_skipped_migrations = False
        self.layout.state.mark("migrated", migrations_digest())

    def start_programs(self) -> None:
        """Start web, workers and scheduler."""
        self.say("Starting web, workers and scheduler")
        layout = self.layout
        started = [*programs.workers(layout), programs.scheduler(layout), programs.web(layout)]
        self.supervisor.launch(*started)

    def wait_ready(self) -> None:
        """Wait for `/readyz`; StackError when a program ends instead.

        When it takes too long that is said, and everything goes on: a busy machine gets there, and servers
        that run are worth more than a reason why they do not.
        """
        deadline = time.monotonic() + READY_SECONDS
        while True:
            self.supervisor.check()
            self._refuse_ended()
            problem = ask_readiness(self.layout.options.url)
            if not problem:
                self.say("Ready")
                return
            if self.has_skipped_migrations and "migration" in problem and TOO_SLOW not in problem:
                self.migrate()  # the databases may have been put back to an older state
            if time.monotonic() > deadline:
                self.say(f"Not ready after {READY_SECONDS:.0f} s, everything runs on: {problem}")
                return
            time.sleep(POLL_SECONDS)

    def tell_login(self) -> None:
        """Say where it is and who can log in; a generated password is shown this once."""
        console, options = self.supervisor.console, self.layout.options
        console.plain(f"\n  Open      {options.url}")
        console.plain(f"  Log in    {self.layout.state.done['operator']}")
        self.tell_password()
        console.plain("  Stop      Ctrl-C\n")

    def tell_password(self) -> None:
        """Show a password that was generated in this start; a given one is not repeated."""
        console = self.supervisor.console
        if self.new_password is None:
            console.plain("  Password  the one of the first start")
        elif self.layout.options.admin_password:
            console.plain("  Password  the one in STEWARD_ADMIN_PASSWORD")
        else:
            console.plain(f"  Password  {self.new_password}   (shown only now)", secret=True)
        self.new_password = None

    def _flask(self, *arguments: str, extra: dict[str, str] | None = None, is_quiet: bool = False) -> None:
        command = programs.flask_command(*arguments)
        programs.run_step(self.layout, self.supervisor, command, extra, is_quiet=is_quiet)

    def _refuse_ended(self) -> None:
        for child in self.supervisor.children:
            code = child.part.returncode
            if code is not None:
                log = self.layout.logs / f"{child.name}.log"
                raise StackError(f"{child.name} ended while starting: {last_lines(log, 0)}")


def migrations_digest() -> str:
    """Return a hash over every migration: the same one means there is nothing to migrate."""
    folder = source_folder() / "migrations"
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()


def ask_readiness(url: str) -> str:
    """Return an empty text when the product is ready, else what it says is missing."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=10):  # noqa: S310 - our own http address
            return ""
    except urllib.error.HTTPError as error:
        return _reason(error.read().decode(errors="replace"))
    except OSError as error:
        return str(error)


def _reason(body: str) -> str:
    try:
        return json.dumps(json.loads(body))
    except ValueError:
        return body[:200]


def server_child(server: Postgres | Valkey, stage: Stage) -> Child:
    """Return a server as a child under its own name."""
    return Child(server.name, server, stage, is_server=True)
