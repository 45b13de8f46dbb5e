"""The key that backups are encrypted with: whether it is here, what it can, until when. Runs gpg only."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

SECONDS = 20
# Columns of `gpg --with-colons`, as its DETAILS file numbers them from 1.
VALIDITY, EXPIRES, CAPABILITIES, FINGERPRINT = 1, 6, 11, 9
UNUSABLE = {"r": "It is revoked.", "e": "It has expired.", "d": "It is disabled.", "i": "It is invalid."}
TRUSTED = "uf"


@dataclass(frozen=True)
class KeyFacts:
    """One key: `problem` says why backups cannot be made with it, '' when they can."""

    key: str
    fingerprint: str = ""
    expires_at: datetime | None = None
    has_secret: bool = False
    problem: str = ""


def find_key(key: str, environment: Mapping[str, str], program: str = "gpg") -> KeyFacts:
    """Look a key up in the key ring Barman uses."""
    found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        return KeyFacts(key, problem="gpg is not installed on this machine: no encrypted backup can be made.")
    public = _list([found, "--list-keys"], key, environment)
    if not public:
        return KeyFacts(key, problem="The key is not in the key ring that Barman uses (GNUPGHOME).")
    head = next((row for row in public if row[0] == "pub"), public[0])
    prints = [row[FINGERPRINT] for row in public if row[0] == "fpr"]
    expires = datetime.fromtimestamp(int(head[EXPIRES]), UTC) if head[EXPIRES] else None
    secret = any(row[0] == "sec" for row in _list([found, "--list-secret-keys"], key, environment))
    return KeyFacts(key, prints[0] if prints else "", expires, secret, _problem(head))


def _problem(head: list[str]) -> str:
    if words := UNUSABLE.get(head[VALIDITY][:1]):
        return words
    if "E" not in head[CAPABILITIES]:
        return "It is not made for encrypting."
    if head[VALIDITY][:1] not in TRUSTED:
        return "Its owner is not trusted, so gpg refuses to use it: set its trust to ultimate."
    return ""


def _list(command: list[str], key: str, environment: Mapping[str, str]) -> list[list[str]]:
    arguments = [command[0], "--batch", "--no-tty", "--with-colons", *command[1:], "--", key]
    try:
        done = subprocess.run(
            arguments,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    return [row + [""] * 20 for line in done.stdout.splitlines() if (row := line.split(":"))]
