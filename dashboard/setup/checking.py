"""Asks every part the settings name, as the product would; says what is wrong with it and what to do."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dashboard.backups.providers.choice import provider_of
from dashboard.backups.providers.interface import ProviderError
from dashboard.core.config import Member, Settings
from dashboard.health.connection import ProbeError, fetch, probe_connection
from dashboard.health.redis_probes import read_redis
from dashboard.health.services.pgbouncer_probes import read_pgbouncer
from dashboard.servers.binaries import major_version
from dashboard.servers.errors import ServerError

SQL = Path(__file__).with_name("sql")
OLDEST = 140_000
LOCKS = 1024
OK, WARNING, WRONG = "ok", "warning", "wrong"
REACH = "Is the address right, and may this machine connect (pg_hba.conf)?"
FOLLOW = "Name the primary, or every server with target_session_attrs=primary."
NAMED = "Is it up, and does its address in DATABASE_STANDBYS lead to it?"
UNNAMED = "Name them in DATABASE_STANDBYS; `flask cluster discover` writes it."
CONSOLE = "Is its console's address right, and the login among stats_users?"
BOOTSTRAP = "Run python -m dashboard.servers.bootstrap, which creates and corrects roles and rights."


@dataclass(frozen=True)
class Line:
    """What was found of one part: `state` is ok, warning or wrong; `fix` is what to do about it."""

    part: str
    state: str
    text: str
    fix: str = ""


@dataclass(frozen=True)
class Login:
    """A login as its server knows it; `version` as in server_version_num."""

    login: str
    version: int
    is_standby: bool
    is_superuser: bool
    bypasses_rls: bool
    inherits: bool
    creates_roles: bool
    monitors: bool
    owns_database: bool
    system_identifier: str


@dataclass(frozen=True)
class Server:
    """What the strategy asks of the server itself."""

    wal_level: str
    archive_mode: str
    libraries: str
    locks_per_transaction: int
    notices_silence: bool


def check(settings: Settings) -> Iterator[Line]:
    """Yield a line for each part, as it answers. Nothing is changed anywhere."""
    yield from _login("control database", settings.control_url, _of_control)
    yield from _login("app login", settings.database_url, _of_app)
    yield from _login("owner login", settings.database_direct_url, _of_owner)
    yield from _login("monitor login", settings.database_monitor_url, _of_monitor)
    yield from _server(settings)
    yield from _programs(settings)
    yield from _members(settings)
    yield from _backups(settings)
    yield from _stores(settings)
    yield from _pgbouncer(settings)


def _login(part: str, url: str, judge: Callable[[Login], Iterable[tuple[str, str]]]) -> Iterator[Line]:
    try:
        found = read_login(url)
    except ProbeError as error:
        yield Line(part, WRONG, str(error), REACH)
        return
    faults = list(judge(found))
    if found.version < OLDEST:
        faults.append(
            (f"PostgreSQL {found.version // 10_000} is too old", "Steward needs PostgreSQL 14 or newer.")
        )
    if found.is_standby:
        faults.append(("It leads to a standby", FOLLOW))
    for text, fix in faults:
        yield Line(part, WRONG, f"{found.login}: {text}.", fix)
    if not faults:
        yield Line(part, OK, f"{found.login} on PostgreSQL {found.version // 10_000}")


def read_login(url: str) -> Login:
    """Return who a login is. Raises ProbeError when its server does not answer."""
    with probe_connection(url) as link:
        return fetch(link, SQL / "login.sql", Login)[0]


def _of_control(found: Login) -> Iterator[tuple[str, str]]:
    if not found.owns_database:
        yield "does not own the control database", "Make it the database's owner: it makes the tables itself."


def _of_app(found: Login) -> Iterator[tuple[str, str]]:
    if found.is_superuser or found.bypasses_rls or found.owns_database or found.creates_roles:
        yield "may do more than it must: tenants are only as far apart as this login is weak", BOOTSTRAP
    if found.inherits:
        yield "inherits the rights of the tenants' roles", f"ALTER ROLE {found.login} NOINHERIT. {BOOTSTRAP}"


def _of_owner(found: Login) -> Iterator[tuple[str, str]]:
    if not (found.owns_database and found.creates_roles):
        yield "cannot make tenants: it needs the database and CREATEROLE", BOOTSTRAP
    if found.is_superuser:
        yield "is a superuser, which nothing here needs", f"ALTER ROLE {found.login} NOSUPERUSER."


def _of_monitor(found: Login) -> Iterator[tuple[str, str]]:
    if not found.monitors:
        yield "does not see what others do", f"GRANT pg_monitor TO {found.login}. {BOOTSTRAP}"


def _server(settings: Settings) -> Iterator[Line]:
    try:
        with probe_connection(settings.database_monitor_url) as link:
            found = fetch(link, SQL / "server.sql", Server)[0]
    except ProbeError:
        return  # told of the monitor login already
    faults = list(_faults(found))
    for state, text, setting in faults:
        yield Line("server settings", state, f"{text}.", f"Set {setting}.")
    if not faults:
        yield Line("server settings", OK, "as the strategy asks")


def _faults(found: Server) -> Iterator[tuple[str, str, str]]:
    if found.wal_level == "minimal":
        yield WRONG, "wal_level is minimal: neither standbys nor backups can be made", "wal_level = replica"
    if "pg_stat_statements" not in found.libraries:
        yield WRONG, "Queries are not counted", "shared_preload_libraries = 'pg_stat_statements'"
    if found.archive_mode == "off":
        yield WARNING, "archive_mode is off: WAL is saved by streaming only", "archive_mode = on"
    if found.locks_per_transaction < LOCKS:
        text = "A full dump of many tenants runs out of locks"
        yield WARNING, text, f"max_locks_per_transaction = {LOCKS}"
    if not found.notices_silence:
        yield WARNING, "A silent standby is noticed late or never", "wal_sender_timeout = 8s"


def _programs(settings: Settings) -> Iterator[Line]:
    """Restores and dumps need programs of the server's major version."""
    if settings.pg_bin is None:
        return
    try:
        server = read_login(settings.database_monitor_url).version // 10_000
        ours = major_version(settings.pg_bin)
    except ProbeError:
        return  # told of the monitor login already
    except (ServerError, OSError) as error:
        yield Line("programs", WRONG, str(error), "STEWARD_PG_BIN is the folder with pg_dump and postgres.")
        return
    if ours != server:
        text = f"STEWARD_PG_BIN holds version {ours}, the server is {server}."
        yield Line("programs", WRONG, text, f"Install those of PostgreSQL {server}.")
    else:
        yield Line("programs", OK, f"PostgreSQL {ours}")


def _members(settings: Settings) -> Iterator[Line]:
    if not settings.members:
        text = "No standby is expected: a lost primary means a restore from backup."
        yield Line("standbys", WARNING, text, UNNAMED)
        return
    try:
        cluster = read_login(settings.database_monitor_url).system_identifier
    except ProbeError:
        cluster = ""
    for member in settings.members:
        yield _member(member, cluster)


def _member(member: Member, cluster: str) -> Line:
    part = f"server {member.name}"
    try:
        found = read_login(member.url)
    except ProbeError as error:
        return Line(part, WRONG, str(error), NAMED)
    if cluster and found.system_identifier != cluster:
        return Line(part, WRONG, "It belongs to another cluster.", "Correct its address, or copy it anew.")
    kind = "standby" if found.is_standby else "primary"
    return Line(part, OK, f"{kind} in zone {member.zone}, region {member.region}")


def _backups(settings: Settings) -> Iterator[Line]:
    try:
        provider = provider_of(settings)
        results = provider.check()
    except (ProviderError, OSError) as error:
        yield Line("backups", WRONG, str(error), "Set STEWARD_BARMAN_CONFIG, or STEWARD_BACKUP_PROVIDER=rds.")
        return
    failed = [one for one in results if not one.passed]
    for one in failed:
        yield Line(
            "backups", WRONG, f"{provider.name}: {one.name} failed.", one.hint or "Its own check says more."
        )
    if not failed:
        yield Line("backups", OK, f"{provider.name}, {provider.server}: {len(results)} checks passed")


def _stores(settings: Settings) -> Iterator[Line]:
    for part, url in (("broker", settings.broker_url), ("cache", settings.cache_url)):
        try:
            found = read_redis(url)
        except ProbeError as error:
            yield Line(part, WRONG, str(error), "Is the address right, and its password?")
            continue
        if part == "broker" and not found.append_only:
            text = "The append-only file is off: a restart forgets queued jobs until they are pushed again."
            yield Line(part, WARNING, text, "Set appendonly yes.")
        else:
            yield Line(part, OK, f"answers in {found.ping_ms:.1f} ms")


def _pgbouncer(settings: Settings) -> Iterator[Line]:
    if not settings.pgbouncer_url:
        return
    try:
        found = read_pgbouncer(settings.pgbouncer_url)
    except ProbeError as error:
        yield Line("PgBouncer", WRONG, str(error), CONSOLE)
        return
    yield Line("PgBouncer", OK, f"{len(found.pools)} pools")
