"""Owns how a Redis address becomes a client: plain, over TLS, or through sentinels."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from dashboard.core.errors import InvalidInputError

SENTINEL = "+sentinel"
SENTINEL_PORT = 26_379


@dataclass(frozen=True)
class SentinelAddress:
    """`redis+sentinel://user:secret@host:port,host:port/master/database?sentinel_password=…`."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int
    username: str | None
    password: str | None
    sentinel_password: str | None
    tls: bool
    ca_file: str | None


def is_sentinel(url: str) -> bool:
    """Whether an address names sentinels, not a server."""
    return url.split("://", 1)[0].endswith(SENTINEL)


def is_encrypted(url: str) -> bool:
    """Whether the connection goes over TLS."""
    return url.startswith("rediss")


def parse_sentinel(url: str) -> SentinelAddress:
    """Take an address of sentinels apart. Raises InvalidInputError when it names no master."""
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    master, _, database = parts.path.strip("/").partition("/")
    if not master or not hosts or (database and not database.isdigit()):
        raise InvalidInputError("An address of sentinels reads redis+sentinel://:secret@host:26379/master/0.")
    extra = dict(parse_qsl(parts.query))
    return SentinelAddress(
        hosts=tuple(_host(text) for text in hosts.split(",")),
        master=master,
        database=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_password=extra.get("sentinel_password"),
        tls=is_encrypted(url),
        ca_file=extra.get("ssl_ca_certs"),
    )


def _host(text: str) -> tuple[str, int]:
    name, colon, port = text.rpartition(":")
    return (name, int(port)) if colon and port.isdigit() else (text, SENTINEL_PORT)


def open_redis(url: str, **options: Any) -> Redis:
    """Return a client of an address; `options` are redis-py's. Nothing connects yet."""
    if not is_sentinel(url):
        return Redis.from_url(url, **options)
    address = parse_sentinel(url)
    tls: dict[str, Any] = {"ssl": True} if address.tls else {}
    if address.ca_file:
        tls["ssl_ca_certs"] = address.ca_file
    times = {name: options[name] for name in ("socket_connect_timeout", "socket_timeout") if name in options}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(address.hosts),
        sentinel_kwargs={
            **times,
            **tls,
            "password": address.sentinel_password,
            "retry": Retry(NoBackoff(), 0),  # the next sentinel knows as much
        },
    )
    client: Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        address.master,
        db=address.database,
        username=address.username,
        password=address.password,
        **tls,
        **options,
    )
    return client
