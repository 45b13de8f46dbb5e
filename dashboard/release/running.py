"""A release from its first step to its last; it stops at the first that fails, with the way back in words."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util.exc import CommandError
from psycopg2 import Error as PostgresError
from sqlalchemy.exc import SQLAlchemyError

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.core.filters import duration
from dashboard.release import migrating, restarting, smoke
from dashboard.release.pending import Pending, read_pending
from dashboard.release.way_back import way_back
from dashboard.release.wishes import Done, ReleaseStoppedError, Say, Wishes
from dashboard.schema_migrations.histories import History
from dashboard.tenants.maintenance import service as maintenance

STOPS = (DashboardError, SQLAlchemyError, PostgresError, CommandError, OSError, KeyboardInterrupt)


def release(settings: Settings, wishes: Wishes, say: Say) -> Done:
    """Release the code on this disk. Raises ReleaseStoppedError."""
    course = _Course(settings, wishes, say)
    course.run()
    return course.done


class _Course:
    """A release under way."""

    def __init__(self, settings: Settings, wishes: Wishes, say: Say) -> None:
        self.settings, self.wishes, self.say = settings, wishes, say
        self.done = Done()
        self.begun = time.monotonic()

    def run(self) -> None:
        """Do every step in order."""
        with self._step("Look at what is pending"):
            pending = self._look()
        if pending.control:
            with self._step("Migrate the control database"):
                self.done.control = migrating.migrate(History.CONTROL, self.say)
        if self.wishes.announce:
            with self._step("Announce maintenance"):
                self._announce()
        if pending.touches_erp:
            self._change(pending)
        if self.wishes.restarts:
            with self._step("Restart workers, scheduler and web"):
                restarting.restart(self.settings, self.say)
                self.done.restarted = True
                smoke.wait_alive(self.wishes.base_url or self.settings.url)
        with self._step("Smoke tests"):
            smoke.run_all(self.settings, self.say, actor=self.wishes.actor, base_url=self.wishes.base_url)
        if self.done.announcement is not None:
            with self._step("End the announcement"):
                maintenance.end(self.done.announcement, actor=self.wishes.actor)
        self._note("release.done")
        self.say(f"Released in {duration(time.monotonic() - self.begun)}.")

    def _look(self) -> Pending:
        db.session.expire_all()
        pending = read_pending()
        self.say(f"  {pending.words()}")
        if self.wishes.restarts:
            restarting.check_way(self.settings)
        migrating.check_not_ahead(pending)
        migrating.check_no_run(pending)
        return pending

    def _announce(self) -> None:
        self.done.announcement = maintenance.announce(
            self.wishes.announce, read_only=self.wishes.read_only, actor=self.wishes.actor
        )
        db.session.commit()
        if self.wishes.read_only:  # every process knows of it by then
            time.sleep(maintenance.IN_FORCE_AFTER_SECONDS)

    def _change(self, pending: Pending) -> None:
        """Change the ERP: the backup comes first, then what all tenants share, then each of them."""
        with self._step("Back up"):
            migrating.back_up(self.settings, self.wishes, self.done, self.say)
        if pending.shared:
            with self._step("Migrate the shared tables"):
                self.done.shared = migrating.migrate(History.SHARED, self.say)
        with self._step("Plan the change of the tenants"):
            plan = migrating.plan_and_approve(self.wishes, self.say)
        if plan is not None:
            with self._step("Change the tenants"):
                migrating.run_fleet(plan, self.settings, self.wishes, self.done, self.say)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Print a step with the time it took; an error ends the release there."""
        self.say(f"{name} …")
        begun = time.monotonic()
        try:
            yield
        except STOPS as error:
            db.session.rollback()
            self._note("release.stopped", step=name)
            raise ReleaseStoppedError(name, words_of(error), way_back(self.done)) from error
        self.say(f"  done in {duration(time.monotonic() - begun)}")

    def _note(self, action: str, **detail: str) -> None:
        """Write it into the operations log, as far as the control database takes it."""
        detail["backup"] = self.done.backup_id
        try:
            record_operation(action, "release", actor=self.wishes.actor, **detail)
            db.session.commit()
        except SQLAlchemyError:
            db.session.rollback()


def words_of(error: BaseException) -> str:
    """Return an error as people read it, in one paragraph."""
    if isinstance(error, DashboardError):
        return f"{error.message} {error.fix}".strip()
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted by hand."
    told = getattr(error, "orig", None) or error
    return " ".join(str(told).split()) or type(error).__name__
