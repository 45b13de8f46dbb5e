"""Where everything is in the data folder, and which servers the stack consists of."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dashboard.core.config import CHECKOUT
from dashboard.servers import ErpPasswords, Postgres, Standby, Upstream, Valkey, data_root, service_account
from dashboard.servers.binaries import major_version, postgres_bin
from dashboard.servers.erp_roles import APP, BACKUP, CONTROL, MONITOR, OWNER, REPLICATION
from dashboard.servers.postgres import HOST
from dashboard.stack.options import StackOptions
from dashboard.stack.roles import Roles, decide, read_folders
from dashboard.stack.state import State

ERP_DATABASE = "erp_dev"
CONTROL_DATABASE = "steward_control"
CACHE_MEMORY = "128mb"
SUMMARIES_MAJOR = 17  # summarize_wal, which incremental backups need
FOLDER_MODE = 0o700


@dataclass(frozen=True)
class Site:
    """A server that is expected, and where it would stand in production; the mode holds while it follows."""

    name: str
    zone: str
    region: str
    mode: str


# The first primary; who is it now is read from the servers.
FIRST = Site("az-a", "a", "local", "async")
# az-b could be synchronous; expected is what holds, and one machine gains nothing by waiting for itself
SITES = (Site("az-b", "b", "local", "async"), Site("dr", "a", "far", "async"))
EVERYBODY = {site.name: site for site in (FIRST, *SITES)}
# The first primary's folder and port have been called so since before it had a name.
ERP = "erp"
PRIMARY = "primary"  # what state.json remembers

CONTROL_OPTIONS = {
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
}
ERP_OPTIONS = {
    "max_connections": "200",
    "jit": "off",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "max_slot_wal_keep_size": "2GB",
    "wal_keep_size": "256MB",
    # A full pg_dump locks every table of every tenant.
    "max_locks_per_transaction": "1024",
    "hot_standby_feedback": "on",
    # A silent standby or receiver is noticed within ten seconds.
    "wal_sender_timeout": "8s",
    "wal_receiver_timeout": "8s",
    "wal_receiver_status_interval": "1s",
    # After a switchover the others look for the new primary this often.
    "wal_retrieve_retry_interval": "1s",
    "shared_preload_libraries": "pg_stat_statements",
    # One entry per tenant role and statement; role and path changes would fill it.
    "pg_stat_statements.max": "10000",
    "pg_stat_statements.track_utility": "off",
    "track_io_timing": "on",
    "log_min_duration_statement": "500ms",
    "log_line_prefix": "%m [%p] %q%u@%d %a ",
    "log_lock_waits": "on",
    "archive_mode": "on",
    "archive_timeout": "60",
}
# With encrypted backups WAL goes one way only, by streaming; archive_timeout still closes segments.
NO_ARCHIVE = "true"
PRIMARY_BUFFERS, STANDBY_BUFFERS = "256MB", "64MB"


class Layout:
    """The folders, passwords and servers of one data folder."""

    def __init__(self, options: StackOptions, state: State) -> None:
        self.options = options
        self.state = state
        self.home = options.home
        self.logs = self.home / "logs"
        self.requests = self.home / "run"
        for folder in (self.logs, self.requests):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        self.account = service_account()
        self.servers = data_root(self.home / "servers", self.account)
        self.barman = self.servers / "barman"
        self.bin = postgres_bin(self.account, self.servers / "bin", explicit=options.pg_bin)
        self.control = self._control()
        self.roles = self._read_roles()
        self.erp = self._member(FIRST)
        self._members = self._wanted(self.roles.primary)
        self.take_primary(self.roles.primary)
        self.broker = self._valkey("broker", append_only=True, policy="noeviction", max_memory="0")
        self.cache = self._valkey("cache", append_only=False, policy="allkeys-lru", max_memory=CACHE_MEMORY)

    @property
    def incoming(self) -> Path:
        """Where the primary's archive_command leaves WAL for Barman."""
        return self.barman / "main" / "incoming"

    @property
    def barman_config(self) -> Path:
        """Barman's configuration file."""
        return self.barman / "barman.conf"

    def erp_passwords(self) -> ErpPasswords:
        """The generated passwords of the ERP cluster's logins."""
        secret = self.state.password
        return ErpPasswords(
            owner=secret("owner"),
            app=secret("app"),
            monitor=secret("monitor"),
            replication=secret("replication"),
            backup=secret("backup"),
        )

    def control_url(self) -> str:
        """The control database as its owner."""
        return self.control.url(CONTROL_DATABASE, CONTROL, self.state.password("control"))

    def take_primary(self, name: str) -> None:
        """Let this member be the primary that all others follow: from their next start, and for every URL."""
        self.primary = self._members[name]
        self.standbys = [server for server in self._members.values() if server is not self.primary]
        for server in self._members.values():
            server.upstream = None if server is self.primary else self._upstream(server)
            server.options["shared_buffers"] = PRIMARY_BUFFERS if server is self.primary else STANDBY_BUFFERS

    def erp_urls(self) -> dict[str, str]:
        """The ERP database as each login the product uses, by the setting's name."""
        secrets = self.erp_passwords()
        return {
            "DATABASE_URL": self._erp_url(APP, secrets.app),
            "DATABASE_DIRECT_URL": self._erp_url(OWNER, secrets.owner),
            "DATABASE_MONITOR_URL": self._erp_url(MONITOR, secrets.monitor),
        }

    def backup_url(self) -> str:
        """The ERP database as the login that dumps it."""
        return self._erp_url(BACKUP, self.state.password("backup"))

    def _erp_url(self, user: str, password: str) -> str:
        """Name every member, so that whoever is the primary is found; libpq and SQLAlchemy read this form."""
        if not self.standbys:
            return self.primary.url(ERP_DATABASE, user, password)
        servers = (self.primary, *self.standbys)
        hosts, ports = ",".join(HOST for _ in servers), ",".join(str(server.port) for server in servers)
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"postgresql://{login}@/{ERP_DATABASE}?host={hosts}&port={ports}&target_session_attrs=primary"

    def primary_entry(self) -> dict[str, str]:
        """The primary, as of this start, as DATABASE_PRIMARY names it."""
        return self._entry(self.primary)

    def standby_entries(self) -> list[dict[str, str]]:
        """The other members as DATABASE_STANDBYS lists them."""
        return [self._entry(server) for server in self.standbys]

    def _entry(self, server: Standby) -> dict[str, str]:
        url = server.url(ERP_DATABASE, MONITOR, self.erp_passwords().monitor)
        site = EVERYBODY[server.name]
        return {"name": site.name, "zone": site.zone, "region": site.region, "mode": site.mode, "url": url}

    def _read_roles(self) -> Roles:
        paths = {name: self._folder(name) for name in EVERYBODY}
        folders = read_folders(paths, self.bin, self.account)
        return decide(folders, self.state.done.get(PRIMARY, ""), FIRST.name)

    def _wanted(self, primary: str) -> dict[str, Standby]:
        """Return the primary and as many others as are wanted."""
        others = [name for name in EVERYBODY if name != primary][: self.options.standbys]
        names = [name for name in EVERYBODY if name == primary or name in others]
        return {name: self.erp if name == FIRST.name else self._member(EVERYBODY[name]) for name in names}

    def _folder(self, name: str) -> Path:
        return self.servers / (ERP if name == FIRST.name else name)

    def _control(self) -> Postgres:
        return Postgres(
            self.servers / "control",
            self.state.port("control"),
            self.state.password("control_superuser"),
            CONTROL_OPTIONS,
            bin_folder=self.bin,
        )

    def _member(self, site: Site) -> Standby:
        return Standby(
            self._folder(site.name),
            self.state.port(ERP if site is FIRST else site.name),
            None,
            self._erp_options(),
            bin_folder=self.bin,
            name=site.name,
            superuser_password=self.state.password("erp_superuser"),
        )

    def _upstream(self, server: Standby) -> Upstream:
        others = tuple(one.port for one in self._members.values() if one not in (server, self.primary))
        secret = self.state.password("replication")
        return Upstream(self.primary.port, self.primary.superuser_password, REPLICATION, secret, others)

    def _erp_options(self) -> dict[str, str]:
        command = NO_ARCHIVE if self.options.backup_key else archive_command(self.incoming)
        options = {**ERP_OPTIONS, "archive_command": command}
        if major_version(self.bin) >= SUMMARIES_MAJOR:
            options["summarize_wal"] = "on"
        return options

    def _valkey(self, name: str, *, append_only: bool, policy: str, max_memory: str) -> Valkey:
        return Valkey(
            self.servers / name,
            self.state.port(name),
            self.state.password(name),
            append_only=append_only,
            policy=policy,
            max_memory=max_memory,
        )


def archive_command(incoming: Path) -> str:
    """Return the command: whole files only, by a copy under a hidden name and a rename."""
    folder = str(incoming).replace("%", "%%")
    return f'cp "%p" "{folder}/.%f.part" && mv -f "{folder}/.%f.part" "{folder}/%f"'


def program_folder() -> Path:
    """Return the folder of the interpreter's own programs (barman)."""
    return Path(sys.executable).parent


def find_program(name: str) -> str:
    """Return a program beside our interpreter, else its bare name for the PATH."""
    beside = program_folder() / name
    return os.fspath(beside) if beside.exists() else name


def source_folder() -> Path:
    """Return the checkout the product runs from."""
    return CHECKOUT
