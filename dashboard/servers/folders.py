"""Folders that the account of the servers can enter."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.servers.accounts import Account, can_execute, service_account
from dashboard.servers.errors import ServerError

# Others may pass through, but not list: what is inside has its own, narrower rights.
PASSABLE = 0o711
# Where root's servers keep their data when Steward's own folder is closed to other accounts, as a
# checkout below /root is.
SYSTEM_DATA = Path("/var/lib/steward")


def make_passable(folder: Path, account: Account | None) -> None:
    """Create a folder that the account can pass through; raise ServerError when it cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    if account is None:
        return
    folder.chmod(PASSABLE)
    if not can_execute(folder, account):
        msg = (
            f"PostgreSQL runs as '{account.name}', who cannot enter {folder}: "
            "choose a folder that other accounts may pass through."
        )
        raise ServerError(msg)


def data_root(wanted: Path, account: Account | None) -> Path:
    """Return `wanted`, made enterable; below a closed parent it becomes a link to /var/lib/steward."""
    if wanted.is_symlink():
        target = wanted.resolve()
        make_passable(target, account)
        return target
    wanted.mkdir(parents=True, exist_ok=True)
    if account is None or can_execute(wanted.parent, account):
        make_passable(wanted, account)
        return wanted
    name = hashlib.sha256(os.fsencode(wanted.absolute())).hexdigest()[:12]
    target = SYSTEM_DATA / name
    make_passable(SYSTEM_DATA, account)
    make_passable(target, account)
    wanted.rmdir()
    wanted.symlink_to(target)
    return target


def remove_data_root(wanted: Path) -> None:
    """Delete what `data_root` made, behind a link as well."""
    if wanted.is_symlink():
        shutil.rmtree(wanted.resolve(), ignore_errors=True)
        wanted.unlink()
    elif wanted.exists():
        shutil.rmtree(wanted)


@contextmanager
def scratch_folder(prefix: str = "steward-") -> Iterator[Path]:
    """Give a new folder in which servers can keep their data, and delete it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        make_passable(folder, service_account())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
