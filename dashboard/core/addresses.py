"""Owns the forms of a PostgreSQL address: of one host or a whole cluster, for libpq and for SQLAlchemy.

The form in use names several hosts as parameters, `postgresql://user:password@/database?host=a,b&port=1,2
&target_session_attrs=primary`: libpq and SQLAlchemy both read it, only the driver's name differs. libpq tries
the hosts in turn until one takes writes, and so follows the primary without a restart.
"""

import re
from urllib.parse import urlencode

from psycopg2.extensions import parse_dsn

DRIVER = "postgresql+psycopg2://"
PLAIN = "postgresql://"
# user:password@host:port,host:port/database?parameters, as libpq writes several hosts
SEVERAL = re.compile(r"^(?P<login>[^/?]*@)?(?P<nodes>[^/?@]*,[^/?@]*)(?P<path>/[^?]*)?(\?(?P<query>.*))?$")
DEFAULT_PORT = "5432"


def for_sqlalchemy(url: str) -> str:
    """Return the address with the driver's name, several hosts as parameters.

    A bare `postgresql://` means psycopg 3 since SQLAlchemy 2.1. What is no PostgreSQL address stays as it is.
    """
    for scheme in (PLAIN, "postgres://", DRIVER):
        if url.startswith(scheme):
            return DRIVER + _hosts_as_parameters(url.removeprefix(scheme))
    return url


def for_libpq(url: str) -> str:
    """Return the address without the driver's name."""
    return re.sub(r"^postgres(ql)?\+\w+://", PLAIN, url)


def nodes_of(url: str) -> tuple[str, ...]:
    """Return `host:port` of every server an address names. Raises psycopg2.ProgrammingError."""
    given = parse_dsn(for_libpq(url))
    hosts = str(given.get("host", "localhost")).split(",")
    ports = str(given.get("port", DEFAULT_PORT)).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    return tuple(f"{host}:{port or DEFAULT_PORT}" for host, port in zip(hosts, ports, strict=False))


def _hosts_as_parameters(rest: str) -> str:
    found = SEVERAL.match(rest)
    if not found:
        return rest
    nodes = [node.rpartition(":") if ":" in node else (node, "", "") for node in found["nodes"].split(",")]
    hosts, ports = [host for host, _, _ in nodes], [port or DEFAULT_PORT for _, _, port in nodes]
    listed = urlencode({"host": ",".join(hosts), "port": ",".join(ports)}, safe=",")
    query = f"{listed}&{found['query']}" if found["query"] else listed
    return f"{found['login'] or ''}{found['path'] or '/'}?{query}"
