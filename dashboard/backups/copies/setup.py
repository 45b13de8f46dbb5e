"""Owns what the business decides about copies, and the folder they are worked on in."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.core.config import Settings
from dashboard.servers.accounts import service_account
from dashboard.servers.binaries import postgres_bin
from dashboard.settings.registry import Definition, declare

EVERY, KEEP_DAYS, TENANTS = "copies.every", "copies.keep_days", "copies.dump_tenants"
DAILY = "30 2 * * *"
declare(
    Definition(
        EVERY,
        "Backups",
        "Daily copies",
        DAILY,
        kind="cron",
        text="When databases, uploaded files and the broker are copied, in UTC.",
    ),
    Definition(
        KEEP_DAYS,
        "Backups",
        "Keep dumps and copies",
        14,
        unit="days",
        least=1,
        most=3650,
        text="The newest good one of each is kept however old it is.",
    ),
    Definition(
        TENANTS,
        "Backups",
        "Dump each tenant by itself",
        1,
        least=0,
        most=1,
        text="1: with the daily copies; 0: by button only.",
    ),
)


def programs_of(settings: Settings) -> Path:
    """Return the folder of pg_dump and pg_restore. Raises ServerError."""
    copies = settings.home / "servers" / "bin"
    return postgres_bin(service_account(), copies, explicit=settings.pg_bin)


@contextmanager
def workshop(settings: Settings) -> Iterator[Path]:
    """Give a private folder for unfinished work; those of processes that were killed are removed first."""
    root = settings.home / "copies-unfinished"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in root.iterdir():
        if not _is_alive(left.name.partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(number: str) -> bool:
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
