"""Job: take a large change set back."""

from dashboard.changes import service
from dashboard.core.db import db
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "changes.undo",
    title="Undo a change",
    queue="records",
    permission="records.change_set.edit",
    lock="changes:{tenant}:{change_set}",
    timeout=3600,
    resumable=True,
)
def undo(run: Run, *, change_set: int) -> dict[str, object]:
    """Undo a change set in one transaction; the log names the rows that stay."""
    result = service.UndoResult()
    with run.step("undo") as step:
        if step.is_new:
            run.progress(0, 1, "Undoing")
            result = service.undo(db.session(), change_set, actor=run.actor, run_id=str(run.id))
    for table, record_id, reason in result.skipped:
        run.log(f"left as it is: {table.replace('_', ' ')} {record_id}: {reason}")
    run.progress(1, 1, "Undone")
    return {"restored": result.restored, "skipped": result.skipped_count}
