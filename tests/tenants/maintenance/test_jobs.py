"""Jobs of a tenant that is read-only: what can be taken up again waits, the rest says what to do."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.jobs import runner
from dashboard.jobs.models import SYSTEM_ACTOR, JobRun, RunStatus
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.maintenance import service as maintenance


@job("test.write_again", title="Write", permission="admin.tenants.edit", resumable=True)
def write_again(_run: Run) -> None:
    """Change something, whenever it is possible."""
    db.session.execute(text("UPDATE organization SET name = name"))


@job("test.write_once", title="Write", permission="admin.tenants.edit")
def write_once(_run: Run) -> None:
    """Change something, now."""
    db.session.execute(text("UPDATE organization SET name = name"))


@pytest.fixture(autouse=True)
def read_only(acme: TenantRef) -> Iterator[None]:
    """Acme is read-only, and is not afterwards."""
    maintenance.announce("Moving house", tenant=acme, read_only=True)
    yield
    with db.engines["owner"].begin() as connection:
        connection.execute(text("DELETE FROM public.maintenance"))
    tenancy.forget()


def attempt(name: str) -> runner.Outcome:
    """Run a job for acme as a worker does."""
    row = JobRun(id=uuid4(), job=name, tenant="acme", actor=SYSTEM_ACTOR, args={}, attempt=1, max_attempts=1)
    return runner._attempt(Run(row), row)


def test_what_can_be_taken_up_again_waits_without_losing_an_attempt() -> None:
    outcome = attempt("test.write_again")
    assert (outcome.status, outcome.counts) == (RunStatus.QUEUED, False)
    assert outcome.retry_in
    assert "read-only during maintenance" in outcome.error


def test_what_cannot_fails_and_says_what_to_do() -> None:
    outcome = attempt("test.write_once")
    assert (outcome.status, outcome.retry_in) == (RunStatus.FAILED, None)
    assert "Retry it when the maintenance is over." in outcome.error
