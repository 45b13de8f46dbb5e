"""Work that follows from a data change: both or neither, and exactly once."""

import threading
from typing import NoReturn

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.jobs import outbox, queries, service
from dashboard.jobs.models import JobRun
from dashboard.jobs.relay import relay_once
from dashboard.jobs.runner import perform
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.users.service import create_operator
from tests.jobs.conftest import read

pytestmark = pytest.mark.commits
ACTOR = "clerk@example.com"


def write(tenant: TenantRef, *, commit: bool = True, number: int = 1) -> None:
    with use_tenant(tenant, actor=ACTOR) as session:
        service.enqueue_with_change("test.from_outbox", {"number": number}, actor=ACTOR)
        if commit:
            session.commit()


def away(*_arguments: object) -> NoReturn:
    raise OperationalError("SELECT 1", {}, Exception("connection refused"))


def runs() -> list[JobRun]:
    return list(queries.list_runs(queries.RunFilter(actor=ACTOR)).runs)


def rows_left() -> int:
    with db.engines["owner"].connect() as erp:
        return int(erp.execute(text("SELECT count(*) FROM public.outbox")).scalar_one())


def test_a_committed_row_becomes_one_run_of_its_tenant(jobs: Flask, acme: TenantRef) -> None:
    create_operator(ACTOR, "Clerk", "correct horse battery staple", [("staff", "acme")])
    db.session.commit()
    write(acme, number=7)
    assert relay_once().from_outbox == 1
    assert relay_once().from_outbox == 0
    (run,) = runs()
    perform(str(run.id))
    with db.engines["control"].begin() as control:
        control.execute(text("DELETE FROM operator WHERE email = :actor"), {"actor": ACTOR})
    assert read(run).result == {"role": acme.role, "number": 7}
    assert rows_left() == 0


def test_a_rolled_back_change_leaves_no_work(jobs: Flask, acme: TenantRef) -> None:
    write(acme, commit=False)
    assert relay_once().from_outbox == 0


def test_a_crash_between_run_and_row_does_not_repeat_the_run(
    jobs: Flask, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(acme)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "delete", away)
        relay_once()
    assert (len(runs()), rows_left()) == (1, 1)
    relay_once()
    assert (len(runs()), rows_left()) == (1, 0)


def test_many_relays_at_once_move_each_row_once(jobs: Flask, acme: TenantRef) -> None:
    for number in range(20):
        write(acme, number=number)

    def relay() -> None:
        with jobs.app_context():
            outbox.move()

    threads = [threading.Thread(target=relay) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    relay_once()
    assert sorted(run.args["number"] for run in runs()) == list(range(20))


def test_a_tenant_can_neither_read_the_outbox_nor_write_in_anothers_name(
    jobs: Flask, acme: TenantRef
) -> None:
    for statement in (
        "SELECT * FROM public.outbox",
        "DELETE FROM public.outbox",
        "INSERT INTO public.outbox (job, actor, role_name) VALUES ('test.from_outbox', 'x', 'tenant_globex')",
        "SELECT * FROM public.job_step",
    ):
        with (
            use_tenant(acme, actor=ACTOR) as session,
            pytest.raises(ProgrammingError, match="permission denied"),
        ):
            session.execute(text(statement))


def test_rows_that_may_not_run_are_kept_as_failed_runs(jobs: Flask, acme: TenantRef) -> None:
    rows = """INSERT INTO public.outbox (job, args, actor) VALUES (:job, '{"number": 1}', :actor)"""
    with use_tenant(acme, actor=ACTOR) as session:
        for job in ("jobs.prune", "test.gone"):
            session.execute(text(rows), {"job": job, "actor": ACTOR})
        session.commit()
    with db.engines["owner"].begin() as erp:
        erp.execute(text(rows), {"job": "test.from_outbox", "actor": ACTOR})
    relay_once()
    errors = " | ".join(sorted(run.error for run in runs()))
    assert "cannot be asked for through the outbox" in errors
    assert "no job called test.gone" in errors
    assert "steward_owner, which is no tenant's role" in errors
    assert {run.status for run in runs()} == {"failed"}


def test_the_name_of_the_schedule_cannot_be_borrowed(jobs: Flask, acme: TenantRef) -> None:
    with use_tenant(acme, actor=ACTOR) as session:
        service.enqueue_with_change("test.from_outbox", {"number": 1}, actor="schedule")
        session.commit()
    relay_once()
    (run,) = queries.list_runs(queries.RunFilter(actor="schedule")).runs
    perform(str(run.id))
    assert "schedule may not run Follow a change" in read(run).error


def test_only_jobs_declared_for_it_go_through_the_outbox(jobs: Flask) -> None:
    with pytest.raises(InvalidInputError, match="not declared for the outbox"):
        service.enqueue_with_change("test.add", {"a": 1, "b": 1}, actor=ACTOR)


def test_without_the_erp_the_rest_of_the_relay_goes_on(jobs: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "move", away)
    with monkeypatch.context() as patch:
        patch.setattr(service, "dispatch", lambda _run: False)
        service.enqueue("test.add", {"a": 1, "b": 1}, actor="schedule")
    assert relay_once().pushed == 1
