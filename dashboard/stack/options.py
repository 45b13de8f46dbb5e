"""What a person can set for the embedded stack, read from the environment and checked."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dashboard.core.config import CHECKOUT

DEMO_PROFILES = ("small", "demo", "full", "none")
DEFAULT_EMAIL = "admin@example.com"
MAX_STANDBYS = 2
MAX_PORT = 65535


class StackError(Exception):
    """The stack cannot do what was asked; the text is one sentence for people."""


@dataclass(frozen=True)
class StackOptions:
    """The stack's settings; `admin_password` is None when one is to be generated."""

    home: Path
    port: int
    admin_email: str
    admin_password: str | None
    demo: str
    standbys: int
    pg_bin: Path | None
    # The GPG key that backups are encrypted with, and the command that prints its passphrase; '' is off.
    backup_key: str = ""
    passphrase_command: str = ""
    # The standby base backups are read from; '' is the primary.
    backup_source: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "StackOptions":
        """Read and check them; StackError names the variable that is wrong."""
        pg_bin = environment.get("STEWARD_PG_BIN")
        home = Path(environment.get("STEWARD_HOME") or CHECKOUT / ".steward").expanduser().resolve()
        return cls(
            home=home,
            port=_number(environment, "STEWARD_PORT", 8000, MAX_PORT, least=1),
            admin_email=environment.get("STEWARD_ADMIN_EMAIL") or DEFAULT_EMAIL,
            admin_password=_password(environment),
            demo=_choice(environment, "STEWARD_DEMO", DEMO_PROFILES, "demo"),
            standbys=_number(environment, "STEWARD_STANDBYS", MAX_STANDBYS, MAX_STANDBYS, least=0),
            pg_bin=Path(pg_bin) if pg_bin else None,
            backup_key=_key(environment, home),
            passphrase_command=_passphrase_command(environment, home),
            backup_source=environment.get("STEWARD_BACKUP_SOURCE", "").strip(),
        )

    @property
    def url(self) -> str:
        """Where the product is opened."""
        return f"http://127.0.0.1:{self.port}"


def _number(environment: Mapping[str, str], name: str, default: int, most: int, *, least: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdigit() or not least <= int(text) <= most:
        raise StackError(f"{name}={text} is not a number from {least} to {most}.")
    return int(text)


def _choice(environment: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    text = environment.get(name) or default
    if text not in allowed:
        raise StackError(f"{name}={text} is not one of {', '.join(allowed)}.")
    return text


def _password(environment: Mapping[str, str]) -> str | None:
    file = environment.get("STEWARD_ADMIN_PASSWORD_FILE")
    if file and not environment.get("STEWARD_ADMIN_PASSWORD"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise StackError(
                f"STEWARD_ADMIN_PASSWORD_FILE={file} cannot be read: {error.strerror}."
            ) from error
    return environment.get("STEWARD_ADMIN_PASSWORD") or None


def _key(environment: Mapping[str, str], home: Path) -> str:
    """Return the key's id; its key ring may not lie where a lost disk takes the backups with it."""
    key = environment.get("STEWARD_BACKUP_KEY", "").strip()
    if not key:
        return ""
    if not key.replace("@", "").replace(".", "").replace("-", "").isalnum():
        raise StackError("STEWARD_BACKUP_KEY is a fingerprint, a key id or a mail address.")
    ring = environment.get("GNUPGHOME") or str(Path(environment.get("HOME", "/")) / ".gnupg")
    _refuse_inside("GNUPGHOME", Path(ring), home)
    if not _passphrase_command(environment, home):
        raise StackError(
            "STEWARD_BACKUP_KEY is set, but no STEWARD_BACKUP_PASSPHRASE_FILE (or …_COMMAND): nothing that "
            "is encrypted with it could be restored."
        )
    return key


def _passphrase_command(environment: Mapping[str, str], home: Path) -> str:
    """Return the command that prints the passphrase: as given, or one that prints the file."""
    file = environment.get("STEWARD_BACKUP_PASSPHRASE_FILE", "").strip()
    if not file:
        return environment.get("STEWARD_BACKUP_PASSPHRASE_COMMAND", "").strip()
    path = Path(file).expanduser()
    _refuse_inside("STEWARD_BACKUP_PASSPHRASE_FILE", path, home)
    if not path.is_file():
        raise StackError(f"STEWARD_BACKUP_PASSPHRASE_FILE={file} is not a file.")
    return f"cat {shlex.quote(str(path.resolve()))}"


def _refuse_inside(name: str, path: Path, home: Path) -> None:
    """Refuse a secret beside what it protects."""
    for folder in (home, CHECKOUT):
        if path.resolve().is_relative_to(folder):
            raise StackError(f"{name}={path} lies inside {folder}: keep the key apart from the backups.")
