"""The unprivileged account that servers run as when Steward itself runs as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from dashboard.servers.errors import ServerError

# An account that owns databases by convention, then the one that owns nothing at all.
CANDIDATES = ("postgres", "nobody")


class PopenOptions(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the account of a child."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """An entry of the password file."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give one file or folder to this account."""
        os.chown(path, self.uid, self.gid)


def service_account() -> Account | None:
    """Return the account servers are started as; None when the current one will do.

    PostgreSQL refuses to run as root, so root has to find somebody else.
    """
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    msg = "Running as root, but there is no account 'postgres' or 'nobody' to run PostgreSQL as."
    raise ServerError(msg)


def popen_options(account: Account | None) -> PopenOptions:
    """Return what makes a child run as this account and in none of root's groups."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def can_execute(path: Path, account: Account | None) -> bool:
    """Tell whether the account may run a program, or enter a folder, under every parent of it."""
    if account is None:
        return os.access(path, os.X_OK)
    probe = subprocess.run(
        ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)],
        cwd="/",
        check=False,
        **popen_options(account),
    )
    return probe.returncode == 0
