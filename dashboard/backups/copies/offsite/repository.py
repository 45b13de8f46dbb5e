"""Reads Barman's server folder: which backups are whole, which files belong to each, the WAL."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

DONE = "DONE"
INFO_SUFFIX = "-backup.info"
NONE = "None"
WAL_FOLDER = re.compile(r"^[0-9A-F]{16}$")
# What Barman keeps beside backups and WAL and needs again: the list of WAL, and who the server is.
BESIDE = ("identity.json", "wals/main-xlog.db", "wals/xlog.db")


@dataclass(frozen=True)
class HeldBackup:
    """A whole backup of the repository; sizes in bytes."""

    backup_id: str
    kind: str
    parent_id: str
    end_at: datetime | None
    begin_wal: str
    encryption: str
    tablespaces: bool


def list_backups(root: Path) -> list[HeldBackup]:
    """Return the backups that are whole, the oldest first. Raises OSError."""
    found = []
    for path in sorted((root / "meta").glob(f"*{INFO_SUFFIX}")):
        values = read_info(path)
        if values.get("status") == DONE:
            found.append(_held(path.name.removesuffix(INFO_SUFFIX), values))
    return found


def read_info(path: Path) -> dict[str, str]:
    """Return the `name=value` lines of a backup.info file; nothing of one that has just been removed."""
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: "" if value == NONE else value for name, _, value in pairs}


def _held(backup_id: str, values: dict[str, str]) -> HeldBackup:
    end, parent = values.get("end_time", ""), values.get("parent_backup_id", "")
    return HeldBackup(
        backup_id=backup_id,
        kind="incremental" if parent else "full",
        parent_id=parent,
        end_at=datetime.fromisoformat(end).astimezone() if end else None,
        begin_wal=values.get("begin_wal", ""),
        encryption=values.get("encryption", ""),
        tablespaces=bool(values.get("tablespaces")),
    )


def files_of(root: Path, backup_id: str) -> list[str]:
    """Return the files of a backup below the server folder; its backup.info comes last."""
    folder = root / "base" / backup_id
    files = sorted(path.relative_to(root).as_posix() for path in folder.rglob("*") if path.is_file())
    return [*files, f"meta/{backup_id}{INFO_SUFFIX}"]


def wal_folders(root: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield each folder of filed WAL with its files, and the history files under an empty name."""
    wals = root / "wals"
    yield "", sorted(wals.glob("*.history"))
    for folder in sorted(path for path in wals.iterdir() if WAL_FOLDER.match(path.name)):
        yield folder.name, sorted(path for path in folder.iterdir() if _is_filed(path))


def _is_filed(path: Path) -> bool:
    """Whether it is a finished file: Barman compresses and encrypts beside it under other endings."""
    return path.is_file() and not path.name.endswith((".tmp", ".compressed", ".gpg", ".uncompressed"))
