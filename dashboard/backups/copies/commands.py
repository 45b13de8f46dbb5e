"""`flask --app wsgi backups …`: what one needs when pages are not there to press a button on."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click
from flask.cli import AppGroup

from dashboard.backups.copies import broker, dumps, manifest, uploads
from dashboard.backups.copies.archives import ArchiveError
from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.backups.copies.place import CopyPlace, place_of
from dashboard.backups.copies.setup import workshop
from dashboard.core.config import get_settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.files.setup import current_setup
from dashboard.files.store import FileStore

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
SHOWN = 20
backups = AppGroup("backups", help="Bring copies back.")


def plainly(command: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Tell an expected error in a sentence instead of a stack trace."""

    @functools.wraps(command)
    def run(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        try:
            return command(*args, **kwargs)
        except (DashboardError, ArchiveError) as error:
            words = [str(error), getattr(error, "fix", "")]
            raise click.ClickException(" ".join(filter(None, words))) from error

    return run


@backups.command("restore-files")
@click.option("--prefix", default="", help="One tenant's part only, for instance tenant_acme.")
@click.option("--manifest", "key", default="", help="The copy as of then (see list-files); else the newest.")
@click.option("--to", "target", default="", help="Another folder or bucket; else the configured file store.")
@click.option("--compare", is_flag=True, help="Also replace files whose bytes differ.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@plainly
def restore_files(prefix: str, key: str, target: str, *, compare: bool, dry_run: bool) -> None:
    """Put uploaded files back that the store lacks; each copy is compared with its SHA-256 first."""
    store = FileStore(target) if target else current_setup().store
    place = _place()
    found = uploads.bring_back(place, store, key=key, prefix=prefix, compare=compare, dry_run=dry_run)
    done = "would be restored" if dry_run else "restored"
    click.echo(f"{found.restored} files {done} ({found.restored_bytes} bytes), {found.present} were there")
    for name in found.broken[:SHOWN]:
        click.echo(f"broken copy, left out: {name}")
    if found.broken:
        raise click.ClickException(f"{len(found.broken)} copies are broken; try an older --manifest.")


@backups.command("list-files")
@plainly
def list_files() -> None:
    """List the copies of the uploaded files, the oldest first."""
    for key in manifest.list_keys(_place()):
        click.echo(key)


@backups.command("restore-broker")
@click.argument("copy_id", type=int)
@click.argument("folder", type=click.Path(path_type=Path))
@plainly
def restore_broker(copy_id: int, folder: Path) -> None:
    """Lay a copy of the broker out as a data folder, which must not exist yet."""
    copy = db.session.get(BackupCopy, copy_id)
    if copy is None or copy.kind != CopyKind.BROKER:
        raise click.ClickException("There is no such copy of the broker; the copies page lists them.")
    if folder.exists():
        raise click.ClickException(f"{folder} exists; name a folder that does not.")
    with workshop(get_settings()) as work:
        dumps.fetch(dumps.stored_of(copy), _place(), work / "rdb")
        broker.lay_out(work / "rdb", folder, None)
    click.echo(f"{folder} is ready: start the server with --appendonly yes --dir {folder}")


def _place() -> CopyPlace:
    return place_of(get_settings())
