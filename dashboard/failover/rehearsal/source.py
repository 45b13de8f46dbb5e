"""Chooses which server of the live cluster a rehearsal copies, and how much that is. It only reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg2.extensions import connection, parse_dsn

from dashboard.core.config import Member
from dashboard.failover.rehearsal.throw_away import Upstream
from dashboard.health.connection import ProbeError, libpq_url, probe_connection

FACTS = """
SELECT
    pg_is_in_recovery() AS in_recovery,
    current_setting('server_version_num')::int / 10000 AS major,
    (SELECT sum(pg_database_size(oid)) FROM pg_database WHERE datallowconn)::bigint AS size,
    current_setting('synchronous_standby_names') AS synchronous_names
"""
RECEIVING = "SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming'"
SPACES = "SELECT spcname, pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname NOT LIKE 'pg\\_%'"
KEPT: tuple[Any, ...] = ("host", "port", "target_session_attrs", "sslmode", "sslrootcert")
SIZE_MS = 60_000


class NoSourceError(Exception):
    """No server can be copied; the message says why."""


@dataclass(frozen=True)
class Source:
    """A live server as it can be copied. `size` in bytes; `mode` is the wish of the configuration."""

    name: str
    mode: str
    url: str
    is_primary: bool
    major: int
    size: int
    synchronous_names: str
    is_streaming: bool
    spaces: dict[str, str] = field(default_factory=dict)

    @property
    def role(self) -> str:
        """What it is, in words."""
        return "the primary" if self.is_primary else "a standby"

    def upstream(self, user: str, password: str, sslmode: str = "") -> Upstream:
        """Return it as a server to copy, by a login that may replicate."""
        known = parse_dsn(libpq_url(self.url))
        words = {name: str(known[name]) for name in KEPT if name in known}
        words |= {"sslmode": sslmode} if sslmode else {}
        return Upstream({**words, "user": user}, password, self.spaces)


def look_at(members: Sequence[Member]) -> tuple[list[Source], dict[str, str]]:
    """Ask every server; return those that answer and, by name, why others do not."""
    found, away = [], {}
    for member in members:
        try:
            found.append(read_source(member))
        except ProbeError as error:
            away[member.name] = str(error)
    return found, away


def read_source(member: Member) -> Source:
    """Ask one server. Raises ProbeError."""
    with probe_connection(member.url, statement_ms=SIZE_MS) as link:
        facts = _row(link, FACTS)
        streaming = not facts["in_recovery"] or _row(link, RECEIVING)["count"] > 0
        with link.cursor() as at:
            at.execute(SPACES)
            spaces = dict(at.fetchall())
    return Source(
        name=member.name,
        mode=member.mode,
        url=member.url,
        is_primary=not facts["in_recovery"],
        major=int(facts["major"]),
        size=int(facts["size"] or 0),
        synchronous_names=str(facts["synchronous_names"] or ""),
        is_streaming=bool(streaming),
        spaces=spaces,
    )


def choose(found: Sequence[Source], away: dict[str, str]) -> Source:
    """Prefer a standby that streams, one nobody waits for first: a copy is work for its server.

    Raises NoSourceError.
    """
    standbys = [source for source in found if not source.is_primary and source.is_streaming]
    if standbys:
        return min(standbys, key=lambda source: source.mode == "sync")
    primaries = [source for source in found if source.is_primary]
    if not primaries:
        words = "; ".join(f"{name}: {why}" for name, why in away.items()) or "no server is known"
        raise NoSourceError(f"No server of the cluster can be copied. {words}")
    if "*" in primaries[0].synchronous_names:
        raise NoSourceError(
            "synchronous_standby_names of the primary is '*': a copy made from it would count as one, "
            "and commits would be called safe that are not. Name the standbys in it."
        )
    return primaries[0]


def is_synchronous(found: Sequence[Source]) -> bool:
    """Whether the live primary waits for a standby at a commit (by its settings, else by what is wanted)."""
    primaries = [source for source in found if source.is_primary]
    if primaries:
        return bool(primaries[0].synchronous_names)
    return any(source.mode == "sync" for source in found)


def _row(link: connection, query: str) -> dict[str, Any]:
    with link.cursor() as at:
        at.execute(query)
        row = at.fetchone() or ()
        return {column.name: value for column, value in zip(at.description or (), row, strict=True)}
