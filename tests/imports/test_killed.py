"""A load whose process is killed with -9 in the middle: nothing of it stays, and it is taken up again."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
import sqlalchemy as sa
from flask import Flask

from dashboard.changes.models import ChangeSet
from dashboard.core.db import db
from dashboard.erp import models
from dashboard.imports import service
from dashboard.imports.models import ImportRun
from dashboard.imports.targets import targets
from dashboard.jobs import service as job_service
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.users.service import create_operator
from tests.conftest import Servers
from tests.factories import OrganizationFactory
from tests.jobs.conftest import (
    StartWorker,
    jobs,
    kill_tree,
    read,
    start_worker,
    wait_for,
    wait_until,
)

pytestmark = [pytest.mark.commits, pytest.mark.slow]
__all__ = ["jobs", "start_worker"]
ACTOR = "importer@example.com"
ROWS, FAULTY = 20_000, 200
TABLES = ("supplier", "import_row", "import_run", "change_set", "organization", "row_history")
INSERTING = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'INSERT INTO supplier (%'"


@pytest.fixture
def operator(jobs: Flask, acme: TenantRef, servers: Servers) -> Iterator[str]:
    """Somebody who may import into a tenant with one organization; whatever they wrote goes at the end."""
    create_operator(ACTOR, "Importer", "correct horse battery staple", [("staff", "acme")])
    db.session.commit()
    with use_tenant(acme, actor=ACTOR) as session:
        OrganizationFactory(name="Only Ltd")
        session.commit()
    yield ACTOR
    db.session.remove()
    with db.engines["control"].begin() as control:
        control.execute(sa.text("DELETE FROM operator WHERE email = :actor"), {"actor": ACTOR})
    deletes = "; ".join(f"DELETE FROM {acme.schema}.{table}" for table in TABLES)
    ask(servers, f"SET session_replication_role TO replica; {deletes}; SELECT 1")


def ask(servers: Servers, query: str) -> list[tuple[int, ...]]:
    """What the database answers its superuser, who sees all sessions."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link, link.cursor() as at:
        at.execute(query)
        return at.fetchall()


def suppliers_file() -> bytes:
    rows = (f"{number},{'' if number % 100 == 0 else f'Supplier {number}'}" for number in range(1, ROWS + 1))
    return ("\n".join(["external_key,name", *rows]) + "\n").encode()


def kept(tenant: TenantRef) -> tuple[int, int, int]:
    """Suppliers, change sets and entries of the history of suppliers."""
    history = sa.text("SELECT count(*) FROM row_history WHERE table_name = 'supplier'")
    with use_tenant(tenant, actor=ACTOR) as session:
        counts = [session.scalar(sa.select(sa.func.count(each.id))) for each in (models.Supplier, ChangeSet)]
        found = (counts[0] or 0, counts[1] or 0, session.scalar(history) or 0)
        session.rollback()
    return found


def test_a_load_killed_while_it_writes_leaves_nothing_and_is_taken_up_again(
    operator: str, acme: TenantRef, servers: Servers, start_worker: StartWorker
) -> None:
    with use_tenant(acme, actor=operator) as session:
        import_id = service.keep(session, targets()["supplier"], "suppliers.csv", suppliers_file()).id
        session.commit()
    before = kept(acme)
    worker = start_worker("records")
    run = job_service.enqueue("imports.load", {"import_run": import_id}, actor=operator, tenant="acme")
    wait_for(lambda: ask(servers, INSERTING), "the load writes")
    kill_tree(worker.pid)
    assert read(run).status == "running"
    wait_for(lambda: not ask(servers, INSERTING), "the database notices")
    assert kept(acme) == before
    start_worker("records")
    assert wait_until(run, "succeeded", "failed").attempt == 2
    good = ROWS - FAULTY
    assert kept(acme) == (before[0] + good, before[1] + 1, before[2] + good)
    with use_tenant(acme, actor=operator) as session:
        stored = session.get_one(ImportRun, import_id)
        assert (stored.status, stored.created, stored.refused) == ("loaded", good, FAULTY)
