"""Joins two revisions that were written on the same one: with two heads nothing can be migrated."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.service import MigrationError


def advise(history: History, heads: tuple[str, ...]) -> str:
    """Say what to type when a history has more than one head; empty when it has one."""
    if len(heads) <= 1:
        return ""
    newest = max(heads)
    return (
        f"migrations/{history.value} has {len(heads)} heads ({', '.join(heads)}): two people built on one"
        f" revision. Not released yet: give {newest} the other one as its down_revision, and the next number."
        f" Released: type  flask --app wsgi migrations merge {history.value}  and commit the file it writes."
    )


def merge_heads(history: History, folder: Path | None = None) -> str:
    """Write the revision that joins the heads; returns its path. Raises MigrationError where there is one."""
    directory = str(folder or history.directory)
    scripts = ScriptDirectory(directory)
    heads = tuple(sorted(scripts.get_heads()))
    if len(heads) <= 1:
        raise MigrationError(f"migrations/{history.value} has one head; there is nothing to merge.")
    config = Config()
    config.set_main_option("script_location", directory)
    config.set_main_option("path_separator", "os")
    number = len(list(scripts.walk_revisions())) + 1
    message = f"Merge {' and '.join(heads)}"
    script = command.merge(config, list(heads), message=message, rev_id=f"{number:04}")
    return str(script.path) if isinstance(script, Script) else ""
