"""Where a webhook may lead: outside, over TLS; near this machine only where an administrator named the host.

A name is looked up once, every address it has is judged, and the connection goes to the one that was judged:
an answer of the DNS that changes in between leads nowhere else.
"""

import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

PORTS = {"https": 443, "http": 80}
# What machines in a cloud learn their keys from; some of these are neither private nor link-local.
METADATA = frozenset(
    ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254")
)
TRANSLATED = IPv6Network("64:ff9b::/96")
Address = IPv4Address | IPv6Address


class RefusedError(ValueError):
    """The address must not be called; the message says why, for the person who entered it."""


@dataclass(frozen=True)
class Allowed:
    """What an administrator allows beyond the rule: hosts by name, and private networks as a whole."""

    hosts: Collection[str] = ()
    private: bool = False


@dataclass(frozen=True)
class Destination:
    """A checked address: `address` is the IP to connect to, `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str
    address: str

    @property
    def authority(self) -> str:
        """The host as its header names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def check_written(url: str, allowed: Allowed) -> str:
    """Judge an address as far as that goes without looking it up; return its host. Raises RefusedError."""
    scheme, host, _port, _path = parse(url)
    is_named = host in allowed.hosts
    if scheme != "https" and not is_named:
        raise RefusedError("It must begin with https://, or its host be named in STEWARD_WEBHOOK_HOSTS.")
    try:
        address = ip_address(host)
    except ValueError:
        return host  # a name; what it leads to is judged whenever it is called
    if reason := _refusal(_embedded(address), is_named=is_named, private=allowed.private):
        raise RefusedError(f"{host} is {reason}.")
    return host


def check(url: str, allowed: Allowed) -> Destination:
    """Look up and judge an address. Raises RefusedError; OSError when the name cannot be looked up."""
    check_written(url, allowed)
    scheme, host, port, path = parse(url)
    is_named = host in allowed.hosts
    found = [ip_address(address) for address in look_up(host, port)]
    for address in found:
        if reason := _refusal(_embedded(address), is_named=is_named, private=allowed.private):
            raise RefusedError(f"{host} leads to {address}: that is {reason}.")
    return Destination(scheme, host, port, path, str(found[0]))


def trust(url: str) -> Destination:
    """Look up an address that an administrator of the machine has set. Raises RefusedError, OSError."""
    scheme, host, port, path = parse(url)
    return Destination(scheme, host, port, path, look_up(host, port)[0])


def parse(url: str) -> tuple[str, str, int, str]:
    """Return scheme, host, port, and path with query. Raises RefusedError for what is no such address."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise RefusedError("This is no address.") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise RefusedError("Write an address that begins with https://.")
    if parts.username or parts.password:
        raise RefusedError("Leave name and password out of the address; use the secret.")
    if any(ord(sign) <= 32 or ord(sign) == 127 for sign in url.strip()):
        raise RefusedError("An address has no blanks in it.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not (path + parts.hostname).isascii():
        raise RefusedError("Write the address in plain letters, the rest percent-encoded.")
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme], path


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of a name, each once. Raises OSError."""
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))


def _embedded(address: Address) -> Address:
    """The IPv4 address that some IPv6 ones only wrap."""
    if isinstance(address, IPv4Address):
        return address
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _refusal(address: Address, *, is_named: bool, private: bool) -> str:
    """Say why it must not be called; '' when it may."""
    if address in METADATA or address.is_link_local:
        return "an address where keys are served to machines"
    if address.is_multicast or address.is_unspecified or (address.is_reserved and not address.is_loopback):
        return "nobody's address"
    if address.is_global or is_named:
        return ""
    if address.is_loopback:
        return "this machine; name the host in STEWARD_WEBHOOK_HOSTS if that is meant"
    if private:
        return ""
    return "in a private network; set STEWARD_WEBHOOK_PRIVATE or name the host in STEWARD_WEBHOOK_HOSTS"
