"""Imports: keep an upload, decide what its columns mean, try it, load it as one change set."""

from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.changes import service as changes
from dashboard.changes.models import ChangeKind
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.imports import files, loading, mapping, reading, staging
from dashboard.imports.checking import Rows
from dashboard.imports.models import ImportRow, ImportRun, ImportStatus
from dashboard.imports.reading import FileInvalidError, Format
from dashboard.imports.staging import Plan
from dashboard.imports.targets import Target

# Up to here the dry run also tries the writing itself, so that refusals of triggers show before the load.
MAX_TRIED = 5000
KEPT_CREATED = 200
MANY = 1000
Say = Callable[[int], None]


def nobody(_count: int) -> None:
    """Tell nobody."""


def keep(session: Session, target: Target, name: str, content: bytes) -> ImportRun:
    """Keep an upload and guess how it is read and what it means. Raises InvalidInputError when empty."""
    if not content.strip():
        raise InvalidInputError("The file is empty.", fields={"file": "The file is empty."})
    clean = name.replace("\x00", "").strip()[-200:] or "pasted.csv"
    run = ImportRun(entity=target.entity, file_name=clean, content=content, options={}, mapping={})
    session.add(run)
    session.flush()
    with files.opened(session, run.id) as path:
        style = reading.detect(path, clean)
        run.options = {"format": style.plain(), "defaults": {}}
        try:
            _guess(session, target, run, path, style)
        except FileInvalidError:
            session.flush()
    session.flush()
    return run


def _guess(session: Session, target: Target, run: ImportRun, path: Path, style: Format) -> None:
    headings = reading.headings(path, style)
    run.signature = mapping.signature(headings)
    before = mapping.remembered(session, run)
    if before:
        run.mapping, run.match_on = before.mapping, before.match_on
        stored = dict(before.options.get("format", {}))
        kept = {key: stored[key] for key in ("decimal", "dates") if key in stored}
        run.options = {**before.options, "format": style.changed(kept).plain()}
        return
    samples = [cell for row in sample(path, style) for cell in row]
    style = style.changed({"decimal": reading.guess_decimal(samples), "dates": reading.guess_dates(samples)})
    run.mapping = mapping.suggest(target, headings)
    run.options = {"format": style.plain(), "defaults": _defaults(session, target)}


def _defaults(session: Session, target: Target) -> dict[str, str]:
    """The only organization, where there is but one."""
    reference = target.columns["org_id"].reference if "org_id" in target.columns else None
    if reference is None:
        return {}
    table: sa.Table = reference.model.__table__
    names = list(session.scalars(sa.select(table.c.name).where(table.c.deleted_at.is_(None)).limit(2)))
    return {"org_id": names[0]} if len(names) == 1 else {}


def sample(path: Path, style: Format, count: int = 50) -> list[list[str]]:
    """The first rows below the heading."""
    found = reading.rows(path, style)
    next(found, None)
    return [cells for _, (_, cells) in zip(range(count), found, strict=False)]


def map_columns(run: ImportRun, target: Target, form: Mapping[str, str], width: int) -> None:
    """Store what a person chose. Raises InvalidInputError when it cannot work; it is stored all the same."""
    style = load_format(run).changed(form)
    chosen = mapping.read_choice(target, form, width)
    defaults = mapping.read_defaults(target, form)
    run.mapping, run.match_on = chosen, mapping.read_match(target, form)
    run.options = {"format": style.plain(), "defaults": defaults}
    run.status = ImportStatus.UPLOADED
    mapping.check(target, chosen, defaults, run.match_on)


def load_format(run: ImportRun) -> Format:
    """How the run's file is read."""
    return reading.load_format(run.options.get("format", {}))


def refuse_busy(run: ImportRun) -> None:
    """Raise ConflictError for a run that was loaded."""
    if run.status in {ImportStatus.LOADED, ImportStatus.UNDONE}:
        raise ConflictError("This file was imported already.", fix="Upload it again to import it once more.")


def try_out(session: Session, run: ImportRun, target: Target, say: Say = nobody) -> None:
    """Find out what importing would do; nothing of the entity changes. Raises InvalidInputError."""
    with files.opened(session, run.id) as path:
        rows = _checked(session, run, target, path, say)
        if run.total <= MAX_TRIED:
            _try_writing(session, rows)
        _count(session, run)
        _forget_created(session, run)
    run.status, run.error = ImportStatus.CHECKED, None
    session.flush()


def _forget_created(session: Session, run: ImportRun) -> None:
    """Keep the first rows that would be created, to be shown."""
    created = (ImportRow.run_id == run.id, ImportRow.outcome == "create")
    first = sa.select(ImportRow.line).where(*created).order_by(ImportRow.line).limit(KEPT_CREATED)
    session.execute(
        sa.delete(ImportRow)
        .where(*created, ImportRow.line.not_in(first))
        .execution_options(synchronize_session=False)
    )


def _try_writing(session: Session, rows: Rows) -> None:
    """Write within a savepoint and take it back: triggers have their say too."""
    work = loading.Loading(rows)
    attempt = session.begin_nested()
    try:
        work.write()
    finally:
        attempt.rollback()
    work.keep_refusals()


def load(session: Session, run: ImportRun, target: Target, *, job_run: str | None, say: Say = nobody) -> None:
    """Write all good rows as one change set in the caller's transaction. Raises InvalidInputError."""
    refuse_busy(run)
    title = f"Import of {target.nouns} from {run.file_name}"
    change = changes.begin(session, ChangeKind.IMPORT, target.entity, title, job_run)
    with files.opened(session, run.id) as path:
        rows = _checked(session, run, target, path, say)
        work = loading.Loading(rows)
        created, changed = work.write()
        work.keep_refusals()
    _count(session, run)
    run.created, run.changed = created, changed
    session.execute(
        sa.delete(ImportRow)
        .where(ImportRow.run_id == run.id, ImportRow.outcome == "create")
        .execution_options(synchronize_session=False)
    )
    changes.finish(session, change, created + changed)
    run.change_set_id, run.status, run.error = change.id, ImportStatus.LOADED, None
    session.flush()


def _checked(session: Session, run: ImportRun, target: Target, path: Path, say: Say) -> Rows:
    session.execute(
        sa.delete(ImportRow).where(ImportRow.run_id == run.id).execution_options(synchronize_session=False)
    )
    plan = make_plan(session, run, target, path)
    staging.stage(session, plan, say)
    rows = Rows(session, plan)
    run.total = session.scalar(sa.select(sa.func.count()).where(ImportRow.run_id == run.id)) or 0
    if not run.total:
        raise FileInvalidError("The file has a heading and no rows.", fix="Choose a file with rows.")
    _plan_for_many(session, run.total)
    if run.match_on:
        rows.match(run.match_on.split(","))
    rows.check_rules()
    rows.check_unique()
    run.same = rows.compare() if run.match_on else 0
    loading.refuse_locked(rows)
    return rows


def _plan_for_many(session: Session, count: int) -> None:
    """Nothing is known yet of rows staged a moment ago: the planner would take thousands for one."""
    if count > MANY:
        session.execute(sa.text("SET LOCAL enable_nestloop = off"))


def make_plan(session: Session, run: ImportRun, target: Target, path: Path) -> Plan:
    """Read the stored choices. Raises InvalidInputError."""
    style = load_format(run)
    defaults = {
        key: str(text) for key, text in run.options.get("defaults", {}).items() if key in target.columns
    }
    mapping.check(target, run.mapping, defaults, run.match_on)
    rules = mapping.rules(target, run.mapping, style)
    plan = Plan(run.id, target, path, style, rules, reading.headings(path, style))
    staging.fix_values(session, plan, defaults)
    return plan


def _count(session: Session, run: ImportRun) -> None:
    counted = sa.select(ImportRow.outcome, sa.func.count()).where(ImportRow.run_id == run.id)
    found: dict[str, int] = dict(session.execute(counted.group_by(ImportRow.outcome)).all())
    run.created, run.changed, run.refused = (found.get(key, 0) for key in ("create", "change", "refuse"))
