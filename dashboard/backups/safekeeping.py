"""Reviews how backups are kept: retention as agreed, encryption, the server they are taken from."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from dashboard.backups import keeping_barman, queries, verifying
from dashboard.backups.barman import Barman, BarmanError, environment
from dashboard.backups.drills.models import Verification
from dashboard.backups.encryption import find_key
from dashboard.backups.models import DONE, Backup
from dashboard.backups.retention import Departure, Policy, forecast, policy_file, write_policy
from dashboard.core.addresses import nodes_of
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, NotFoundError, UnavailableError
from dashboard.health.judging import CRITICAL, OK, WARNING, Finding
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.settings.queries import value

READING = "backups.policy"
EVERY_SECONDS = 60
EXPIRES_SOON = timedelta(days=30)


def agreed_policy() -> Policy:
    """Return what the settings say."""
    return Policy(int(value("backups.retention_days")), int(value("backups.minimum_redundancy")))


def review(barman: Barman, settings: Settings) -> dict[str, Any]:
    """Give Barman the policy where it is ours to give, and read what it works by. Flushes."""
    agreed = agreed_policy()
    path = policy_file(barman.config, barman.server) if barman.config else None
    try:
        changed = write_policy(path, barman.server, agreed) if path else False
        facts = keeping_barman.read_server(barman)
        kept = keeping_barman.list_kept(barman)
    except (BarmanError, OSError) as error:
        store_reading(READING, {}, str(error), every=EVERY_SECONDS)
        return {"error": str(error)}
    key = find_key(facts.encryption_key, environment()) if facts.encryption_key else None
    names = known_nodes(settings)
    read = {
        "server": plain(facts),
        "kept": kept,
        "key": plain(key) if key else None,
        "owned": path is not None,
        "sources": [names.get(node, node) for node in facts.nodes],
        "unknown": [node for node in facts.nodes if names and node not in names],
    }
    store_reading(READING, read, every=EVERY_SECONDS)
    return {"written": changed}


def known_nodes(settings: Settings) -> dict[str, str]:
    """Return the name of every expected server by its `host:port`; one without a name is "primary"."""
    found = dict.fromkeys(nodes_of(settings.database_monitor_url), "primary")
    return found | {node: member.name for member in settings.members for node in nodes_of(member.url)}


def get_policy() -> Reading | None:
    """Return what was last read of it."""
    return get_reading(READING)


def judge(reading: Reading | None, agreed: Policy) -> list[Finding]:
    """Return everything about keeping that a person should know, from the last reading."""
    if reading is None or reading.taken_at is None:
        return []
    read: Mapping[str, Any] = reading.values
    return [*judge_source(read), *judge_retention(read, agreed), *judge_encryption(read)]


def judge_source(read: Mapping[str, Any]) -> list[Finding]:
    """Judge which server backups are taken from."""
    server, names = read["server"], ", ".join(read["sources"])
    if server["in_recovery"] is None:
        text = f"Barman reaches no server to back up from ({names}). {server['connection_error']}".strip()
        return [Finding(CRITICAL, "Source", text)]
    if server["expects_standby"]:
        return [_judge_standby(server, names, read["unknown"])]
    if server["in_recovery"]:
        text = (
            f"Barman takes {names} for the primary, but it is a standby: its slot is there, and WAL ends "
            "with it. Name all nodes with target_session_attrs=read-write in conninfo and streaming_conninfo."
        )
        return [Finding(CRITICAL, "Source", text)]
    if read["unknown"]:
        text = f"Backups are taken from {names}, which Steward does not watch."
        return [Finding(WARNING, "Source", text)]
    if not server["follows_primary"]:
        text = (
            f"Barman knows only {names}: after a failover it goes on with the old primary. Name all nodes "
            "with target_session_attrs=read-write."
        )
        return [Finding(WARNING, "Source", text)]
    return [Finding(OK, "Source", "Base backups and WAL come from the primary, whichever node it is.")]


def _judge_standby(server: Mapping[str, Any], names: str, unknown: list[str]) -> Finding:
    if not server["in_recovery"]:
        text = f"Backups were to be taken from the standby {names}, which has been promoted. Choose another."
        return Finding(CRITICAL, "Source", text)
    if unknown:
        text = f"Backups are taken from the standby {names}, which is none of the expected ones."
        return Finding(WARNING, "Source", text)
    return Finding(OK, "Source", f"Base backups are read from the standby {names}, WAL from the primary.")


def judge_retention(read: Mapping[str, Any], agreed: Policy) -> list[Finding]:
    """Compare Barman's policy with the agreed one."""
    server = read["server"]
    findings = []
    if server["minimum_redundancy"] < 1:
        text = "minimum_redundancy is 0: Barman may delete the last good backup."
        findings.append(Finding(CRITICAL, "Retention", text))
    if server["retention_policy"].upper() != agreed.words:
        does = (
            "Steward has written it; Barman has not been asked since."
            if read["owned"]
            else "Change it in Barman's configuration."
        )
        text = (
            f"Barman works by {server['retention_policy'] or 'no policy'}, agreed is {agreed.words}. {does}"
        )
        findings.append(Finding(WARNING, "Retention", text))
    if server["minimum_redundancy"] != agreed.redundancy:
        text = f"Barman keeps at least {server['minimum_redundancy']}, agreed is {agreed.redundancy}."
        findings.append(Finding(WARNING, "Retention", text))
    return findings or [Finding(OK, "Retention", f"Barman works by what is agreed: {agreed.words}.")]


def judge_encryption(read: Mapping[str, Any]) -> list[Finding]:
    """Judge whether encrypted backups can be made, and restored here."""
    server, key = read["server"], read["key"]
    if not server["encryption"]:
        return []
    findings = []
    if key is None or key["problem"]:
        text = key["problem"] if key else "Encryption is on, but no key is named."
        findings.append(Finding(CRITICAL, "Encryption", text))
    elif not key["has_secret"]:
        text = "The secret key is not on this machine: backups are made, but cannot be restored here."
        findings.append(Finding(WARNING, "Encryption", text))
    if not server["has_passphrase_command"]:
        text = "encryption_passphrase_command is not set: Barman cannot decrypt, so restores fail."
        findings.append(Finding(CRITICAL, "Encryption", text))
    if key and key["expires_at"] and key["expires_at"] < datetime.now(UTC) + EXPIRES_SOON:
        findings.append(Finding(WARNING, "Encryption", "The key expires within a month, or has."))
    if server["archives"] and server["streams"]:
        text = (
            "WAL is received twice (archiver and streaming_archiver): Barman cannot compare it with an "
            "encrypted copy and leaves the second one, unencrypted, in its errors folder. Switch one off."
        )
        findings.append(Finding(WARNING, "Encryption", text))
    return findings or [Finding(OK, "Encryption", "New backups and WAL are encrypted; the key is here.")]


def find_encryption_proof(server: str) -> datetime | None:
    """Return when a drill last restored an encrypted backup: the only proof that the key opens it."""
    query = (
        select(Verification.at)
        .join(Backup, (Backup.server == Verification.server) & (Backup.backup_id == Verification.backup_id))
        .where(
            Verification.server == server,
            Verification.method == verifying.RESTORED,
            Verification.passed,
            Backup.encryption.is_not(None),
        )
    )
    return db.session.scalar(query.order_by(Verification.at.desc()).limit(1))


def list_departures(server: str) -> list[Departure]:
    """Return what will go next and when, by the agreed policy and what was kept when last read."""
    reading = get_policy()
    kept = reading.data.get("kept", []) if reading else []
    return forecast(queries.list_backups(server, limit=10_000), agreed_policy(), kept)


def keep(barman: Barman, backup_id: str, *, released: bool = False) -> None:
    """Exempt a full backup from retention, or release it. Raises ConflictError, UnavailableError."""
    backup = db.session.get(Backup, (barman.server, backup_id))
    if backup is None or backup.gone_at:
        raise NotFoundError(f"The repository holds no backup {backup_id}.")
    if backup.kind != "full" or backup.status != DONE:
        raise ConflictError(
            "Only a complete full backup can be kept.",
            fix="Keep the full backup that this one stands on; the incremental ones stay with it.",
        )
    try:
        (keeping_barman.release if released else keeping_barman.keep)(barman, backup_id)
    except BarmanError as error:
        raise UnavailableError("Barman", str(error)) from error


def keep_last_good(barman: Barman) -> str:
    """Keep the newest full backup that is not known to be broken, while newer ones are; return its id.

    Barman counts a backup as good that failed its verification: its retention would remove the one that
    works. Returns '' when the newest one is not broken, or none is left.
    """
    fulls = [
        backup
        for backup in queries.list_backups(barman.server, limit=10_000)
        if backup.kind == "full" and backup.status == DONE
    ]
    broken = {verdict.backup_id for verdict in verifying.find_broken(barman.server)}
    if not fulls or fulls[0].backup_id not in broken:
        return ""
    good = next((backup for backup in fulls if backup.backup_id not in broken), None)
    if good is None:
        return ""
    keep(barman, good.backup_id)
    return good.backup_id


def facts_of(reading: Reading | None) -> dict[str, Any]:
    """Return the facts as last read; empty before that."""
    return dict(reading.values) if reading and reading.taken_at else {}
