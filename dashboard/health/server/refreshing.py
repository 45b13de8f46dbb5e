"""Runs the probes of the server itself and stores what they read (service layer of their jobs)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from psycopg2.extensions import parse_dsn

from dashboard.core.config import Settings
from dashboard.core.redis_links import is_encrypted, is_sentinel
from dashboard.health.connection import ProbeError, libpq_url
from dashboard.health.queries import get_reading
from dashboard.health.server import certificate_probes, log_probes, probes
from dashboard.health.server.certificate_probes import Endpoint
from dashboard.health.server.log_parsing import worst_first
from dashboard.health.server.service import store_changes, store_messages
from dashboard.health.service import plain, store_reading
from dashboard.metrics.service import record

IDENTITY, LOG, SETTINGS, CERTIFICATES = (
    "health.server",
    "health.log",
    "health.settings",
    "health.certificates",
)
MINUTE, QUARTER_HOUR, HOUR = 60, 900, 3600
HTTPS_PORT, REDIS_PORT, POSTGRES_PORT = 443, 6379, 5432
BAD_LEVELS = ("PANIC", "FATAL", "ERROR")


def refresh_identity(settings: Settings) -> str:
    """Read who the server is and how its connections are encrypted; return why it failed, or ''."""
    try:
        identity, encryption = probes.read_identity(settings.database_monitor_url)
    except ProbeError as error:
        store_reading(IDENTITY, {}, str(error), every=MINUTE)
        return str(error)
    here = log_probes.is_here(settings.database_monitor_url)
    values = {"identity": plain(identity), "encryption": plain(encryption), "is_here": here}
    store_reading(IDENTITY, values, every=MINUTE)
    return ""


def refresh_log(settings: Settings) -> str:
    """Read on in the server's log; return why it failed, or ''."""
    before = get_reading(LOG)
    try:
        found = log_probes.read_log(
            settings.database_monitor_url, (before.data if before else {}).get("place")
        )
    except ProbeError as error:
        store_reading(LOG, {}, str(error), every=MINUTE)
        return str(error)
    store_messages(worst_first(found.messages))
    values: dict[str, Any] = {"place": plain(found.place) if found.place else None, "trouble": found.trouble}
    values |= {"grants": found.grants, "skipped_bytes": found.skipped_bytes}
    store_reading(LOG, values, every=MINUTE)
    if not found.trouble:
        bad = sum(row.times for row in found.messages if row.level in BAD_LEVELS)
        record({"log.errors": float(bad)})
    return ""


def refresh_settings(settings: Settings) -> str:
    """Read all settings and keep what changed since the last time; return why it failed, or ''."""
    try:
        identity, found = probes.read_settings(settings.database_monitor_url)
    except ProbeError as error:
        store_reading(SETTINGS, {}, str(error), every=QUARTER_HOUR)
        return str(error)
    before = get_reading(SETTINGS)
    known: list[Mapping[str, Any]] = (before.data if before else {}).get("settings") or []
    if known:  # the first reading is where history begins, not a change
        store_changes(identity.name, probes.differences(known, found))
    values = {"server": identity.name, "settings": [plain(row) for row in found]}
    store_reading(SETTINGS, values, every=QUARTER_HOUR)
    return ""


def refresh_certificates(settings: Settings) -> str:
    """Shake hands with everything that may have a certificate; each says for itself what is wrong."""
    found = [plain(certificate_probes.read_certificate(one)) for one in endpoints(settings)]
    store_reading(CERTIFICATES, {"certificates": found}, every=HOUR)
    return ""


def endpoints(settings: Settings) -> list[Endpoint]:
    """Return every server whose certificate somebody relies on: PostgreSQL, Redis over TLS, this site."""
    servers = {member.name: member.url for member in settings.members}
    if not settings.primary:
        servers = {"ERP server": settings.database_url, **servers}
    servers["Control database"] = settings.control_url
    found = [one for name, url in servers.items() for one in _servers(name, url)]
    for name, url in (("Broker", settings.broker_url), ("Cache", settings.cache_url)):
        if is_encrypted(url) and not is_sentinel(url):
            found += _endpoint(name, url, REDIS_PORT)
    return [*found, *(_endpoint("This site", settings.url, HTTPS_PORT) if settings.is_https else [])]


def _servers(name: str, url: str) -> list[Endpoint]:
    """Return the servers of a PostgreSQL address, which may name several; a socket has no certificate."""
    parts = parse_dsn(libpq_url(url))
    hosts = str(parts.get("host", "")).split(",")
    ports = str(parts.get("port") or POSTGRES_PORT).split(",")
    if len(ports) < len(hosts):
        ports = ports[:1] * len(hosts)
    return [
        Endpoint(name, host, int(port or POSTGRES_PORT), postgres=True)
        for host, port in zip(hosts, ports, strict=False)
        if host and not host.startswith("/")
    ]


def _endpoint(name: str, url: str, port: int) -> list[Endpoint]:
    parts = urlsplit(url)
    return [Endpoint(name, parts.hostname, parts.port or port)] if parts.hostname else []
