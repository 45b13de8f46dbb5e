"""Looks who streams from a primary that is there already, and writes the settings that name them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from dashboard.core.addresses import for_libpq
from dashboard.health.connection import fetch, probe_connection

SQL = Path(__file__).with_name("sql")
UNKNOWN = "?"


@dataclass(frozen=True)
class Sender:
    """One client of the primary's WAL; `address` is '' on a socket, `slot` '' without one."""

    name: str
    address: str
    sync_state: str
    slot: str
    is_receiver: bool


@dataclass(frozen=True)
class Found:
    """The standbys and the other receivers of a primary."""

    standbys: list[Sender]
    receivers: list[Sender]


def discover(url: str) -> Found:
    """Ask the primary. Raises ProbeError."""
    with probe_connection(url) as link:
        senders = fetch(link, SQL / "senders.sql", Sender)
    return Found([one for one in senders if not one.is_receiver], [one for one in senders if one.is_receiver])


def entries(standbys: Sequence[Sender], monitor_url: str) -> str:
    """Return DATABASE_STANDBYS for them; what the primary cannot know is a question mark.

    Each address is that of the monitor login with the standby's host: check the port, which may be another.
    """
    return json.dumps([_entry(one, monitor_url) for one in standbys], indent=2)


def _entry(sender: Sender, monitor_url: str) -> dict[str, str]:
    given = urlsplit(for_libpq(monitor_url))
    login = f"{given.username}:{quote(given.password or '', safe='')}@" if given.username else ""
    host = f"{sender.address or UNKNOWN}:{given.port or 5432}"
    return {
        "name": sender.name,
        "zone": UNKNOWN,
        "region": UNKNOWN,
        "mode": "sync" if sender.sync_state in {"sync", "quorum"} else "async",
        "url": f"postgresql://{login}{host}{given.path}",
    }
