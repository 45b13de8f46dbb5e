"""Switching the synchronous copy on, off, away and back."""

from collections.abc import Callable

from dashboard.core.config import get_settings
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.replication import service, settings_review
from dashboard.replication.models import Restore
from dashboard.replication.synchronous import steering
from dashboard.replication.synchronous.configuring import ConfiguringError

EDIT = "database.replication.edit"
# Behind nothing: people's commits are waiting.
QUEUE = "urgent"


@job(
    "replication.set_synchronous",
    title="Apply the setting of the synchronous copy",
    queue=QUEUE,
    permission=EDIT,
    lock=steering.LOCK,
    timeout=60,
)
def set_synchronous(run: Run) -> dict[str, object]:
    """Make the primary wait for a copy, or not, as the settings say."""
    return _steered(run, lambda: steering.apply_wanted(get_settings(), actor=run.actor))


@job(
    "replication.degrade",
    title="Go on without the synchronous copy",
    queue=QUEUE,
    permission=EDIT,
    lock=steering.LOCK,
    timeout=60,
)
def degrade(run: Run, *, reason: str, restore: str = Restore.AUTOMATIC) -> dict[str, object]:
    """Let frozen commits go on with one copy, and keep since when and why."""
    return _steered(
        run,
        lambda: steering.degrade(get_settings(), actor=run.actor, reason=reason, restore=Restore(restore)),
    )


@job(
    "replication.restore_synchronous",
    title="Wait for the synchronous copy again",
    queue=QUEUE,
    permission=EDIT,
    lock=steering.LOCK,
    timeout=60,
)
def restore_synchronous(run: Run) -> dict[str, object]:
    """Let commits wait for the copy again, once it has caught up."""
    return _steered(run, lambda: steering.restore(get_settings(), actor=run.actor))


def _steered(run: Run, act: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Act, and read everything anew, so that the page shows at once what holds."""
    try:
        done = act()
    except ConfiguringError as error:
        raise steering.explain(error, settings_review.login_of(get_settings())) from error
    run.log(f"synchronous_standby_names was '{done['before']}' and is '{done['after']}' now.")
    service.refresh(get_settings())
    return done
