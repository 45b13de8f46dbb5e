"""Isolation is PostgreSQL's: the role of one tenant is refused everything of another."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import TenantMixError, bind_session, use_tenant

TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema ORDER BY 1")


def refused(session: Session, statement: str) -> bool:
    """Whether PostgreSQL refuses the statement with 'permission denied'."""
    with session.begin_nested() as savepoint:
        try:
            session.execute(text(statement)).fetchall()
        except ProgrammingError as error:
            savepoint.rollback()
            return "permission denied" in str(error.orig)
    return False


def test_each_table_of_another_tenant_is_refused(acme: TenantRef, globex: TenantRef, tenant: Session) -> None:
    tables = tenant.scalars(TABLES, {"schema": globex.schema}).all()
    assert tables
    allowed = [name for name in tables if not refused(tenant, f'SELECT * FROM {globex.schema}."{name}"')]
    assert allowed == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM public.tenant",
        "SELECT * FROM public.domain",
        "SELECT set_config('search_path', 'tenant_globex', true)",
        "SELECT query_to_xml('select 1', true, true, '')",
        "SELECT public.attach_history('x')",
        "CREATE TABLE public.mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "DELETE FROM row_history",
        "INSERT INTO row_history (table_name) VALUES ('x')",
        "TRUNCATE row_history",
        "SELECT pg_read_file('postgresql.conf')",
        "UPDATE alembic_version SET version_num = 'x'",
    ],
)
def test_ways_out_of_a_tenant_are_refused(tenant: Session, statement: str) -> None:
    assert refused(tenant, statement)


def test_without_a_tenant_no_business_table_is_found(app: object) -> None:
    with pytest.raises(ProgrammingError, match="does not exist"):
        db.session.execute(text("SELECT * FROM row_history"))


def test_the_app_login_alone_may_not_read_a_tenant(app: object, acme: TenantRef) -> None:
    assert refused(db.session(), f"SELECT * FROM {acme.schema}.row_history")


def test_a_session_serves_one_tenant_for_its_whole_life(acme: TenantRef, globex: TenantRef) -> None:
    with use_tenant(acme, actor="tester") as session, pytest.raises(TenantMixError):
        bind_session(session, globex, actor="tester", request_id="")


def test_the_role_of_a_tenant_owns_nothing_and_cannot_log_in(acme: TenantRef) -> None:
    row = db.session.execute(
        text(
            "SELECT rolcanlogin, rolsuper, rolcreaterole, rolbypassrls,"
            " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) FROM pg_roles r WHERE rolname = :role"
        ),
        {"role": acme.role},
    ).one()
    assert tuple(row) == (False, False, False, False, 0)


def test_role_and_path_end_with_the_transaction(acme: TenantRef) -> None:
    with use_tenant(acme, actor="tester") as session:
        assert session.scalar(text("SELECT current_user")) == acme.role
    assert db.session.scalar(text("SELECT current_user")) == "steward_app"
