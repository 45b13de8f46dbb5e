"""Says, for each place a release can stop at, what is so now and which way leads on or back."""

from dashboard.release.wishes import Done

OLD_CODE = (
    "The old code goes on running, on the new tables too, as long as the migrations only add (expand): "
    "nobody has to be sent home while you look."
)
NEW_CODE = (
    "The new code is running and did not pass. Start the code of the release before again: "
    "it works on the new tables as long as the migrations only added (expand)."
)
AGAIN = "Fix forward: correct the cause, then start the release again; what is done is not done twice."
RUN = (
    "Fix forward: `flask fleet status {run}` names the schemas. Correct the cause, then "
    "`flask fleet retry {run}`, or leave one out with `flask fleet skip`; when the run is done, start the "
    "release again: it goes on with what is left."
)
RESTORE = (
    "Back in time: restore the backup {backup}{point} (Backups → Restore, docs/runbooks/restore.md). What "
    "was written since then is lost; one tenant alone can be brought back beside the others "
    "(docs/runbooks/tenant-restore.md)."
)
NO_BACKUP = "There is no backup of before this release: it was left out, for the reason on record."
DOWNGRADE = (
    "Downgrade only if nothing else helps: `flask fleet plan --to REVISION` shows what it drops, and what "
    "people wrote into that is gone."
)
ANNOUNCED = (
    "The announcement {number} still stands; end it on Administration → Maintenance or with "
    "`flask release end-announcement {number}`."
)


def way_back(done: Done) -> list[str]:
    """Return sentences, the safest way first."""
    announced = [] if done.announcement is None else [ANNOUNCED.format(number=done.announcement)]
    if not done.changed_erp:
        return [*_unchanged(done), *announced]
    here = NEW_CODE if done.restarted else OLD_CODE
    is_halted = done.run_id is not None and done.tenants is None
    forward = RUN.format(run=done.run_id) if is_halted else AGAIN
    return [here, forward, _restore(done), DOWNGRADE, *announced]


def _unchanged(done: Done) -> list[str]:
    lines = ["Nothing of the ERP was changed. Correct what is wrong, then start the release again."]
    if done.restarted:
        lines.append("The new code is running already: start the code of the release before if it must go.")
    elif done.control:
        lines.append("The control database is migrated already; the old code goes on with it.")
    return lines


def _restore(done: Done) -> str:
    if not done.backup_id:
        return NO_BACKUP
    point = f" to the restore point {done.restore_point}" if done.restore_point else ""
    return RESTORE.format(backup=done.backup_id, point=point)
