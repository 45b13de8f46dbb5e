"""A PostgreSQL data folder: what is wrong with it, how it is made and configured."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from dashboard.servers.accounts import Account
from dashboard.servers.binaries import major_version
from dashboard.servers.errors import ServerError
from dashboard.servers.process import run_tool

OWNER_ONLY = 0o700
PRIVATE_FILE = 0o600
BUILTIN_LOCALE_MAJOR = 17
# Our settings are in a file of their own, read last in postgresql.conf; ALTER SYSTEM still wins over it
# (options on the command line would not let it).
CONFIGURATION = "steward.conf"
INCLUDE = f"\ninclude_if_exists = '{CONFIGURATION}'\n"


def check_folder(folder: Path, account: Account | None, major: int) -> bool:
    """Tell whether there is a data folder for this major version.

    False when there is nothing yet; ServerError, in one sentence, when something else is there.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        msg = f"{folder} is a file, but PostgreSQL's data folder belongs there."
        raise ServerError(msg)
    _check_rights(folder, account)
    names = sorted(path.name for path in folder.iterdir())
    if not names:
        return False
    if "PG_VERSION" not in names:
        msg = f"{folder} holds other files ({', '.join(names[:3])}), but no PostgreSQL data."
        raise ServerError(msg)
    _check_version(folder, major)
    return True


def _check_rights(folder: Path, account: Account | None) -> None:
    facts = folder.stat()
    expected = account.uid if account else os.geteuid()
    if facts.st_uid != expected:
        owner = account.name if account else "the current user"
        msg = f"{folder} does not belong to {owner}, who PostgreSQL runs as."
        raise ServerError(msg)
    if any(folder.iterdir()) and facts.st_mode & 0o027:
        msg = f"{folder} is open to others (mode {facts.st_mode & 0o777:o}); PostgreSQL asks for 700."
        raise ServerError(msg)


def _check_version(folder: Path, major: int) -> None:
    content = (folder / "PG_VERSION").read_text(errors="replace").strip()
    if not content.isdigit() or not (folder / "global" / "pg_control").exists():
        msg = f"{folder} is damaged: its PG_VERSION or pg_control is not PostgreSQL's."
        raise ServerError(msg)
    if int(content) != major:
        msg = (
            f"{folder} was made by PostgreSQL {content}, but the programs are of {major}: "
            "set STEWARD_PG_BIN to the right ones."
        )
        raise ServerError(msg)


def initialise(folder: Path, bin_folder: Path, account: Account | None, password: str) -> None:
    """Run initdb; the folder appears only when it is whole, so a killed start leaves no half."""
    unfinished = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_private_folder(unfinished, account)
    secret = folder.with_name(f"{folder.name}.pw")
    write_private(secret, password + "\n", account)
    command = [
        os.fspath(bin_folder / "initdb"),
        *("-D", os.fspath(unfinished), "-U", "postgres", "-E", "UTF8"),
        *("--auth=scram-sha-256", f"--pwfile={secret}", "--data-checksums"),
    ]
    try:
        _initdb(command, unfinished, account, bin_folder)
    finally:
        secret.unlink(missing_ok=True)
    with (unfinished / "postgresql.conf").open("a") as configuration:
        configuration.write(INCLUDE)
    if folder.exists():
        folder.rmdir()
    unfinished.rename(folder)


def _initdb(command: list[str], folder: Path, account: Account | None, bin_folder: Path) -> None:
    try:
        run_tool([*command, *locale_options(major_version(bin_folder))], folder.parent, account)
    except ServerError as error:
        if "locale" not in str(error):
            raise
        # A system without C.UTF-8 still works, only letters outside ASCII have no case.
        shutil.rmtree(folder, ignore_errors=True)
        make_private_folder(folder, account)
        run_tool([*command, "--locale=C"], folder.parent, account)


def locale_options(major: int) -> list[str]:
    """Return initdb's options for byte order (quick, the same everywhere) with Unicode's case."""
    if major < BUILTIN_LOCALE_MAJOR:
        return ["--lc-collate=C", "--lc-ctype=C.UTF-8", "--lc-messages=C"]
    builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [*builtin, "--lc-collate=C", "--lc-ctype=C.UTF-8", "--lc-messages=C"]


def write_configuration(folder: Path, account: Account | None, settings: Mapping[str, str]) -> None:
    """Write our settings file; values are quoted."""
    lines = [f"{name} = {_quoted(value)}" for name, value in sorted(settings.items())]
    write_private(folder / CONFIGURATION, "\n".join(lines) + "\n", account)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def make_private_folder(folder: Path, account: Account | None) -> None:
    """Create a folder only its account may enter."""
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    folder.chmod(OWNER_ONLY)
    if account:
        account.own(folder)


def write_private(path: Path, text: str, account: Account | None) -> None:
    """Write a file that nobody but its account can read, at no moment."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    if account:
        account.own(unfinished)
    unfinished.replace(path)
