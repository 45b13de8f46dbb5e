"""Carries maintenance out, schema after schema; what was done stays done. Commits: it is a job's body."""

from datetime import UTC, datetime
from time import monotonic

import psycopg2
from psycopg2.extensions import connection
from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.actions import (
    commands,
    elsewhere,
    leftovers,
    queries,
    running,
    service,
    starting,
    targets,
)
from dashboard.health.actions.commands import NotDoneError, Thing
from dashboard.health.actions.models import ItemStatus, MaintenanceAction, MaintenanceItem, Status
from dashboard.health.actions.windows import opening
from dashboard.health.connection import one_line
from dashboard.jobs.run import Run

SLICE_SECONDS = 300.0  # then others of the queue get their turn
LOOK_SECONDS = 2.0
PAUSED, CANCELLED, CLOSED, SLICED = "paused", "cancelled", "its window closed", "others had their turn"


def perform(settings: Settings, run: Run, action_id: int) -> dict[str, object]:
    """Work on what is left of an action until it is done, paused, cancelled, or its time is over."""
    action = queries.get_action(action_id)
    if action.status not in (Status.QUEUED, Status.RUNNING):
        return {"outcome": f"It is {action.status}."}
    starting.stamp_start(action)
    db.session.commit()
    try:
        with running.maintenance_connection(
            settings.database_direct_url, commands.LOCK_MS[action.kind]
        ) as link:
            return Work(settings, run, action, link).do()
    except psycopg2.Error as error:
        db.session.rollback()
        service.finish(action, Status.FAILED, one_line(error))
        db.session.commit()
        return {"outcome": action.outcome}


class Work:
    """One run's share of an action."""

    def __init__(self, settings: Settings, run: Run, action: MaintenanceAction, link: connection) -> None:
        self.settings, self.run, self.action, self.link = settings, run, action, link
        self.began = monotonic()
        self.looked = 0.0
        window = queries.get_window(action.window_id) if action.window_id else None
        now = datetime.now(UTC)
        here = opening(window, now) if window else None
        # Started by hand outside of its window, it has no end.
        self.ends_at = here.ends_at if here and here.is_open(now) else None

    def do(self) -> dict[str, object]:
        """Go through the schemas that are left."""
        items = self._items()
        try:
            if self.action.kind == "drop_index":
                self._check_unused(items)
        except NotDoneError as error:
            return self._finish(Status.FAILED, str(error))
        left = [item for item in items if item.status in (ItemStatus.WAITING, ItemStatus.RUNNING)]
        for number, item in enumerate(left):
            if reason := self._reason_to_leave() or (SLICED if self._is_sliced(number) else ""):
                return self._leave(reason)
            self.run.progress(len(items) - len(left) + number, len(items), item.schema_name)
            if reason := self._one(item):
                return self._leave(reason)
        return self._conclude()

    def _items(self) -> list[MaintenanceItem]:
        """Return the schemas; they are found once, so that a later run goes on with the same."""
        found = queries.list_items(self.action.id)
        if found:
            return found
        target = self.action.target
        schemas = commands.find_schemas(
            self.link,
            targets.short_name(target),
            everywhere=self.action.everywhere,
            schema=target["schema"],
        )
        undone = self._definitions()
        rows = [
            {"action_id": self.action.id, "schema_name": name, "undo": undone.get(name, "")}
            | {"status": ItemStatus.WAITING, "detail": ""}
            for name in (undone or schemas)
        ]
        if rows:
            db.session.execute(insert(MaintenanceItem).values(rows).on_conflict_do_nothing())
        db.session.commit()
        return queries.list_items(self.action.id)

    def _definitions(self) -> dict[str, str]:
        if self.action.undo_of is None:
            return {}
        return {item.schema_name: item.undo for item in queries.list_items(self.action.undo_of) if item.undo}

    def _check_unused(self, items: list[MaintenanceItem]) -> None:
        """Look at the primary and every standby before the first index goes."""
        if any(item.status == ItemStatus.DONE for item in items):
            return
        things = [self._thing(item) for item in items]
        for thing in things:
            facts = commands.facts_of(self.link, thing)
            if facts:
                commands.check_droppable(facts, f"the primary ({thing.schema})")
        elsewhere.check_unused(self.settings, things)

    def _thing(self, item: MaintenanceItem) -> Thing:
        target = self.action.target
        return Thing(item.schema_name, target.get("table", ""), target.get("index", ""))

    def _one(self, item: MaintenanceItem) -> str:
        """Work on one schema; return why it was left in the middle, '' when it is over."""
        item.status, item.started_at = ItemStatus.RUNNING, func.clock_timestamp()
        item.bytes_before = commands.size_of(self.link, self._thing(item))
        db.session.commit()
        try:
            self._close(item, ItemStatus.DONE, self._do(item))
        except running.StoppedError as stopped:
            self._clean(item)
            item.status, item.detail = ItemStatus.WAITING, f"Stopped in the middle: {stopped}."
            db.session.commit()
            return str(stopped)
        except NotDoneError as error:
            self._close(item, ItemStatus.SKIPPED if error.is_skipped else ItemStatus.FAILED, str(error))
        except psycopg2.Error as error:
            self._clean(item)
            self._close(item, ItemStatus.FAILED, running.explain(error))
            if self.link.closed:
                raise
        except BaseException:  # cancelled, its worker stops, its time is over
            self._clean(item)
            raise
        return ""

    def _do(self, item: MaintenanceItem) -> str:
        thing, kind = self._thing(item), self.action.kind
        if item.bytes_before is None and kind != "create_index":
            raise NotDoneError("It is not there.", is_skipped=True)
        removed = commands.drop_leftovers(self.link, thing) if kind == "reindex" else []
        item.has_leftover = False
        if kind == "drop_index":
            self._keep_definition(item, thing)
        if kind == "create_index":
            commands.drop_half_made(self.link, thing)
        running.run(self.link, commands.statement(kind, thing, item.undo), self._watch)
        return f"Removed what a broken attempt left: {', '.join(removed)}." if removed else ""

    def _keep_definition(self, item: MaintenanceItem, thing: Thing) -> None:
        """Keep the way back before the index goes."""
        facts = commands.facts_of(self.link, thing)
        if facts is not None:
            commands.check_droppable(facts, "the primary")
            item.undo = facts.definition
            db.session.commit()

    def _clean(self, item: MaintenanceItem) -> None:
        """Leave no half-made index behind; what somebody holds just now is removed when he is gone."""
        item.has_leftover = leftovers.is_possible(self.action.kind) and not leftovers.remove(
            self.settings.database_direct_url, self.action.kind, self._thing(item)
        )
        if item.has_leftover:
            self.run.log(f"{item.schema_name}: a half-made index is held by others; it is removed later")

    def _close(self, item: MaintenanceItem, status: ItemStatus, detail: str) -> None:
        item.status, item.detail = status, detail.replace("\x00", "")
        item.bytes_after = None if self.link.closed else commands.size_of(self.link, self._thing(item))
        item.finished_at = func.clock_timestamp()
        db.session.commit()
        self.run.log(f"{item.schema_name}: {status}{'. ' if detail else ''}{detail}")

    def _watch(self) -> str:
        """Return why the running statement has to stop; show how far it is."""
        self.run.check_cancelled()
        if monotonic() - self.looked < LOOK_SECONDS:
            return ""
        self.looked = monotonic()
        text = running.read_progress(self.settings.database_monitor_url, self.link.info.backend_pid)
        if text:
            self.run.progress(0, 0, text)
        reason = self._reason_to_leave()
        return "" if reason == PAUSED else reason  # pausing lets the schema at hand be finished

    def _reason_to_leave(self) -> str:
        self.run.check_cancelled()
        status = queries.get_action(self.action.id).status
        db.session.commit()
        if status in (Status.PAUSED, Status.CANCELLED):
            return str(status)
        return CLOSED if self.ends_at and datetime.now(UTC) >= self.ends_at else ""

    def _is_sliced(self, number: int) -> bool:
        return number > 0 and monotonic() - self.began > SLICE_SECONDS

    def _leave(self, reason: str) -> dict[str, object]:
        """Stop with work left: what follows depends on why."""
        action = queries.get_action(self.action.id)
        if reason == CLOSED:
            action.status = Status.DEFERRED
            service.note(action, "window closed")
        if reason == CANCELLED:
            action.finished_at = func.clock_timestamp()
            rest = MaintenanceItem.status.in_((ItemStatus.WAITING, ItemStatus.RUNNING))
            db.session.execute(
                update(MaintenanceItem)
                .where(MaintenanceItem.action_id == action.id, rest)
                .values(status=ItemStatus.SKIPPED, detail="Cancelled before.")
            )
        if reason == SLICED:
            action.status = Status.QUEUED  # the next minute takes it up again
        db.session.commit()
        return {"left": reason}

    def _conclude(self) -> dict[str, object]:
        items = queries.list_items(self.action.id)
        counts = {status: sum(item.status == status for item in items) for status in ItemStatus}
        if not items:
            return self._finish(Status.FAILED, "No tenant has a table or an index of this name.")
        failed = [item for item in items if item.status == ItemStatus.FAILED]
        text = f"{counts[ItemStatus.DONE]} of {len(items)} schemas done"
        if counts[ItemStatus.SKIPPED]:
            text += f", {counts[ItemStatus.SKIPPED]} without it"
        if failed:
            text += f", {len(failed)} failed. {failed[0].schema_name}: {failed[0].detail}"
        return self._finish(Status.FAILED if failed else Status.DONE, f"{text}.".replace("..", "."))

    def _finish(self, status: Status, outcome: str) -> dict[str, object]:
        service.finish(queries.get_action(self.action.id), status, outcome)
        db.session.commit()
        return {"outcome": outcome}
