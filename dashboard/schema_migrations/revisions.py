"""The revisions in the code: what each does, which are heads, and how far behind them a schema is."""

import re
from dataclasses import dataclass
from functools import lru_cache

from alembic.script import Script, ScriptDirectory

from dashboard.schema_migrations.histories import History

PENDING, CURRENT, AHEAD, NEVER = "pending", "current", "unknown revision", "never migrated"
WRITTEN = re.compile(r"^(Author|Create Date):\s*(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Revision:
    """A revision in the code; `parents` are what it builds on, `written` by whom and when, if said."""

    id: str
    parents: tuple[str, ...]
    title: str
    is_head: bool
    written: str = ""


@lru_cache(maxsize=len(History))
def list_revisions(history: History) -> tuple[Revision, ...]:
    """Return the revisions of a history, newest first. The code of a process does not change."""
    return read_revisions(ScriptDirectory(history.directory))


def read_revisions(scripts: ScriptDirectory) -> tuple[Revision, ...]:
    """Return the revisions of a folder, newest first."""
    heads = set(scripts.get_heads())
    return tuple(_revision(script, heads) for script in scripts.walk_revisions())


def _revision(script: Script, heads: set[str]) -> Revision:
    parents = script.down_revision or ()
    return Revision(
        id=script.revision,
        parents=(parents,) if isinstance(parents, str) else tuple(parents),
        title=script.doc.splitlines()[0] if script.doc else "",
        is_head=script.revision in heads,
        written=", ".join(value.strip() for _word, value in WRITTEN.findall(script.longdoc or "")),
    )


def head_of(history: History) -> tuple[str, ...]:
    """Return the heads in the code."""
    return tuple(revision.id for revision in list_revisions(history) if revision.is_head)


def status_of(history: History, at: str | None) -> str:
    """Compare a revision with the code: current, pending, never migrated, or unknown to this code."""
    if at is None:
        return NEVER
    if at in head_of(history):
        return CURRENT
    return PENDING if at in {revision.id for revision in list_revisions(history)} else AHEAD


@lru_cache(maxsize=len(History))
def distances(history: History) -> dict[str | None, int]:
    """How many revisions are still to come at each; None stands for a schema that was never migrated."""
    ids = [revision.id for revision in list_revisions(history)]
    return {None: len(ids)} | {known: place for place, known in enumerate(ids)}


def behind(history: History, at: str | None) -> int | None:
    """Return how many revisions of a linear history are still to come; None when it cannot be said."""
    return distances(history).get(at)
