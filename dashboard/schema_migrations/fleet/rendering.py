"""Renders revisions of the tenants' history once to SQL that is the same for every schema.

Alembic runs the revisions offline and every statement it would write is taken as it comes, so that nothing
has to be cut out of a text again. The search_path chooses the schema; the version is the runner's business.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import Any

from alembic.ddl.postgresql import PostgresqlImpl
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import Connection, Executable, TextClause, text
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import ExecutableDDLElement

from dashboard.core.errors import DashboardError
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.histories import History, settings_of

BASE = "base"
NOTHING: Mapping[str, Any] = MappingProxyType({})
# A revision without a statement still moves the version.
EMPTY = "SELECT 1"
# Named parameters: a % stays a %.
DIALECT: Dialect = PGDialect_psycopg2(paramstyle="named")  # type: ignore[no-untyped-call]
# `alembic.op` is one for the whole process: revisions run one at a time.
OPERATIONS = Lock()


class RenderingError(DashboardError):
    """These revisions cannot become a plan."""


class _DataNeededError(Exception):
    """The revision asks the database something, so it has to be run by Alembic schema by schema."""


@dataclass
class _Part:
    """Statements that run together, in a transaction or outside of one."""

    transactional: bool
    statements: list[str] = field(default_factory=list)


class _Recorder(PostgresqlImpl):
    """Takes statements instead of sending them, exactly as they would be sent."""

    def __init__(self, context: MigrationContext) -> None:
        super().__init__(context.dialect, context.connection, True, True, None, context.opts)  # noqa: FBT003
        self.parts = [_Part(transactional=True)]

    @property
    def bind(self) -> Connection | None:
        """Refuse: there is no database here to read from."""
        raise _DataNeededError

    def _exec(
        self,
        construct: Executable | str,
        execution_options: Mapping[str, Any] | None = None,  # noqa: ARG002  # of the overridden method
        multiparams: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] = NOTHING,
    ) -> None:
        if multiparams or params:
            raise _DataNeededError
        statement: Any = text(construct) if isinstance(construct, str) else construct
        if isinstance(statement, TextClause):
            _demand_values(statement)
        literal = {} if isinstance(statement, ExecutableDDLElement) else {"literal_binds": True}
        compiled = str(statement.compile(dialect=self.dialect, compile_kwargs=literal))
        self.parts[-1].statements.append(compiled.strip().rstrip(";").rstrip())

    def emit_commit(self) -> None:
        """Begin what Alembic runs outside of a transaction."""
        self.parts.append(_Part(transactional=False))

    def emit_begin(self) -> None:
        """Go on in a transaction."""
        self.parts.append(_Part(transactional=True))

    def static_output(self, text: str) -> None:
        """Leave out what is only for readers."""


def render(scripts: ScriptDirectory, start: str | None, to: str) -> list[Step]:
    """Render what leads from `start` (None: before the first revision) to `to`, forward or backward.

    Raises RenderingError for unknown revisions, branches, and revisions that fail while being rendered.
    """
    target = _resolved(scripts, to)
    upward = _lineage(scripts, target)
    if start in (None, BASE) or any(script.revision == start for script in upward):
        chosen = [(script, True) for script in _after(upward, start)]
    else:
        chosen = [(script, False) for script in reversed(_after(_lineage(scripts, start), target))]
    steps: list[Step] = []
    for script, is_up in chosen:
        steps += _steps_of(script, is_up=is_up, first=len(steps))
    return steps


def is_upward(steps: Sequence[Step]) -> bool:
    """Tell whether steps lead forward."""
    return not steps or steps[-1].reaches == steps[-1].revision


def start_of(scripts: ScriptDirectory, steps: Sequence[Step]) -> str | None:
    """Return the revision a schema stands at before the first of the steps, None before all."""
    if not steps:
        return None
    first = steps[0].revision
    return _parent(_found(scripts, first)) if is_upward(steps) else first


def first_step(steps: Sequence[Step], start: str | None, revision: str | None) -> int | None:
    """Return the number of the first step for a schema at a revision; None where the plan does not pass.

    A schema that is where the plan leads has no step left: the number is that of all steps.
    """
    if revision == start:
        return 0
    return next((step.number + 1 for step in steps if step.reaches == (revision or BASE)), None)


@contextmanager
def operations(context: MigrationContext) -> Iterator[None]:
    """Let `alembic.op` of the revisions mean this context; one at a time in a process."""
    with OPERATIONS, Operations.context(context):
        yield


def _resolved(scripts: ScriptDirectory, to: str) -> str | None:
    if to == BASE:
        return None
    if to in {"head", "heads"}:
        heads = scripts.get_heads()
        if len(heads) > 1:
            raise RenderingError(
                f"The history has several heads: {', '.join(heads)}.", fix="Merge them: flask db merge heads."
            )
        return heads[0] if heads else None
    return _found(scripts, to).revision


def _found(scripts: ScriptDirectory, revision: str | None) -> Script:
    try:
        script = scripts.revision_map.get_revision(revision)
    except ResolutionError:
        script = None
    if not isinstance(script, Script):
        raise RenderingError(
            f"Revision {revision!r} is not in this code.", fix="Use the release that wrote it."
        )
    return script


def _parent(script: Script) -> str | None:
    parents = script.down_revision
    if (parents is not None and not isinstance(parents, str)) or script.dependencies:
        raise RenderingError(
            f"Revision {script.revision} has more than one before it; a plan needs a line.",
            fix="Squash the branch and its merge into revisions that follow each other.",
        )
    return parents


def _lineage(scripts: ScriptDirectory, revision: str | None) -> list[Script]:
    """Return the revisions up to one, the oldest first."""
    found: list[Script] = []
    while revision is not None:
        script = _found(scripts, revision)
        found.append(script)
        revision = _parent(script)
    return found[::-1]


def _after(lineage: list[Script], revision: str | None) -> list[Script]:
    """Return what comes after a revision of a line."""
    if revision in (None, BASE):
        return lineage
    names = [script.revision for script in lineage]
    if revision not in names:
        raise RenderingError(
            f"Nothing leads from {names[-1]} to {revision}.", fix="Choose a revision of its line."
        )
    return lineage[names.index(revision) + 1 :]


def _steps_of(script: Script, *, is_up: bool, first: int) -> list[Step]:
    module: Any = script.module
    reaches = script.revision if is_up else _parent(script) or BASE
    parts = _recorded(script.revision, module.upgrade if is_up else module.downgrade)
    if parts is None:
        return [Step(first, script.revision, transactional=True, statements=(), reaches=reaches)]
    pieces = [piece for part in parts for piece in _pieces(part)] or [(True, (EMPTY,))]
    return [
        Step(
            number=first + at,
            revision=script.revision,
            transactional=transactional,
            statements=statements,
            reaches=reaches if at == len(pieces) - 1 else None,
        )
        for at, (transactional, statements) in enumerate(pieces)
    ]


def _demand_values(statement: TextClause) -> None:
    """Refuse `:name` without a value, which would be rendered as NULL or as it stands."""
    compiled: Any = statement.compile(dialect=DIALECT)
    if open_ones := [name for name, bind in compiled.binds.items() if bind.required]:
        raise RenderingError(
            f"`:{open_ones[0]}` is a parameter without a value.",
            fix=f"For a colon in SQL write `\\\\:{open_ones[0]}`.",
        )


def _pieces(part: _Part) -> list[tuple[bool, tuple[str, ...]]]:
    """Return a part as steps: statements outside of a transaction stand alone."""
    if part.transactional:
        return [(True, tuple(part.statements))] if part.statements else []
    return [(False, (statement,)) for statement in part.statements]


def _recorded(revision: str, migrate: Callable[[], None]) -> list[_Part] | None:
    """Run a revision into a recorder; None when it needs data."""
    options = settings_of(History.TENANT, "") | {"as_sql": True, "version_table_schema": None}
    context = MigrationContext.configure(dialect=DIALECT, opts=options)
    context.impl = recorder = _Recorder(context)
    failure: Exception | None = None
    with operations(context):
        try:
            migrate()
        except Exception as error:  # noqa: BLE001  # told below; Alembic's proxy is to be put away first
            failure = error
    if isinstance(failure, _DataNeededError | CompileError):
        return None
    if failure:
        raise RenderingError(
            f"Revision {revision} cannot be rendered: {failure}",
            fix=getattr(failure, "fix", "") or "It must run without a database, or read from op.get_bind().",
        ) from failure
    return recorder.parts
