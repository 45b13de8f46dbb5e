"""Judges the server itself: settings that wait, extensions, encryption, certificates, its log. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dashboard.health.judging import CRITICAL, WARNING, Finding

Values = Mapping[str, Any]
SOON, AT_ONCE = timedelta(days=30), timedelta(days=7)


def judge_settings(values: Values) -> list[Finding]:
    """Name the settings that wait for a restart."""
    names = [row["name"] for row in values.get("settings", []) if row["pending_restart"]]
    text = f"{len(names)} wait for a restart: {', '.join(names[:5])}."
    return [Finding(WARNING, "Settings", text)] if names else []


def judge_extensions(values: Values) -> list[Finding]:
    """Name the extensions that the strategy wants and the database lacks."""
    names = [row["name"] for row in values.get("extensions", []) if row["wanted"] and not row["installed"]]
    return [Finding(WARNING, "Extensions", f"Not installed: {', '.join(names)}.")] if names else []


def judge_encryption(values: Values) -> list[Finding]:
    """Judge connections that come over the network in the open."""
    found = values.get("encryption") or {}
    if not found.get("open"):
        return []
    text = f"{found['open']} of {found['total']} connections come over the network unencrypted:"
    return [Finding(WARNING, "Encryption", f"{text} {', '.join(found['open_by'][:3])}.")]


def days_left(row: Values, now: datetime) -> float | None:
    """Return the days a certificate is still valid; None where there is none."""
    if not row["expires_at"]:
        return None
    left: timedelta = row["expires_at"] - now
    return left / timedelta(days=1)


def judge_certificates(values: Values, now: datetime | None = None) -> list[Finding]:
    """Judge the certificates by the days they have left."""
    moment, found = now or datetime.now(UTC), []
    for row in values.get("certificates", []):
        left = days_left(row, moment)
        if left is None or left >= SOON.days:
            continue
        level = CRITICAL if left < AT_ONCE.days else WARNING
        when = "has expired" if left < 0 else f"expires in {left:.0f} days"
        found.append(Finding(level, "Certificates", f"The certificate of {row['name']} {when}."))
    return found


def judge_log(values: Values) -> list[Finding]:
    """Say that the log cannot be read: then nobody sees what the server complains of."""
    trouble = values.get("trouble")
    return [Finding("unknown", "Server log", str(trouble))] if trouble else []
