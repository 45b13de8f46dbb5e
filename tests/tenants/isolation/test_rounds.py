"""Rounds over all tenants: what is refused, what a hole made on purpose looks like, what is kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.alerts.registry import Unknown, Watch
from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.tenancy.models import TenantRef
from dashboard.tenants import alerting
from dashboard.tenants.isolation import queries, rounds
from dashboard.tenants.isolation.attempts import Attempt, Verdict
from dashboard.tenants.isolation.models import IsolationCheck


def nothing(_done: int, _total: int, _text: str) -> None:
    """Progress that nobody watches."""


def found() -> list[dict[str, str]]:
    """What a round finds that is not refused, said as `title`."""
    rounds.check_all(nothing, actor="tester")
    reading = queries.reading()
    assert reading is not None
    kept: list[dict[str, str]] = reading.data["found"]
    return kept


def fires() -> Any:
    """What the alert says of the last round."""
    return alerting.isolation_hole(Watch(now=db.session.scalar(select(func.now()))))  # type: ignore[arg-type]


@contextmanager
def made(statements: Sequence[str], undo: Sequence[str], servers: Any) -> Iterator[None]:
    """Open a hole as superuser, and close it whatever happens."""
    link = psycopg2.connect(servers.postgres.url("erp_test"))
    link.autocommit = True
    with link.cursor() as at:
        try:
            for statement in statements:
                at.execute(statement)
            yield
        finally:
            for statement in undo:
                at.execute(statement)
            link.close()


def test_every_attempt_is_refused_on_a_sound_server(control: Session, acme: TenantRef) -> None:
    assert found() == []
    counts = rounds.check_all(nothing, actor="tester")
    assert counts["tenants"] >= 2
    assert counts["attempts"] >= 30 * counts["tenants"]
    seen = queries.of_tenant(acme, {})
    verdicts = {entry["title"]: entry["verdict"] for entry in seen.attempts}
    assert {title for title, verdict in verdicts.items() if verdict != Verdict.REFUSED} == {
        "become another tenant"  # documented: the shared login belongs to all of them
    }
    assert all(entry["state"] and entry["answer"] for entry in seen.attempts if entry["verdict"] == "refused")
    assert seen.status == "ok"
    assert fires() == []


def test_what_is_open_around_a_suspended_tenant_is_told_though_nothing_is_tried_as_it(
    control: Session, acme: TenantRef
) -> None:
    entry = {"tenant": acme.slug, "other": "tenant_globex", "sort": "grant", "verdict": Verdict.ALLOWED.value}
    reading = {"tenants": {}, "answers": [], "found": [entry], "shared_login": False}
    assert queries.of_tenant(acme, {}).shared_login is None, "before the first round nobody knows"
    store_reading(rounds.READING, reading, every=900)
    store_reading(rounds.ANSWERS, {"tenants": {}}, every=900)
    seen = queries.of_tenant(acme, {})
    assert (seen.attempts, seen.found, seen.status) == ([], [entry], "critical")
    assert seen.shared_login is False


HOLES = {
    "a right on a table": (
        [
            "GRANT USAGE ON SCHEMA {b.schema} TO {a.role}",
            "GRANT SELECT ON {b.schema}.row_history TO {a.role}",
        ],
        [
            "REVOKE ALL ON {b.schema}.row_history FROM {a.role}",
            "REVOKE ALL ON SCHEMA {b.schema} FROM {a.role}",
        ],
        "SELECT on relation tenant_globex.row_history",
    ),
    "a right without the schema's": (
        ["GRANT SELECT ON {b.schema}.row_history TO {a.role}"],
        ["REVOKE ALL ON {b.schema}.row_history FROM {a.role}"],
        "tenant_acme: SELECT on relation tenant_globex.row_history",
    ),
    "membership of another's role": (
        ["GRANT {b.role} TO {a.role}"],
        ["REVOKE {b.role} FROM {a.role}"],
        "is a member of the role tenant_globex",
    ),
    "a right for everybody": (
        ["GRANT SELECT ON {b.schema}.row_history TO PUBLIC"],
        ["REVOKE ALL ON {b.schema}.row_history FROM PUBLIC"],
        "everybody (PUBLIC): SELECT on relation tenant_globex.row_history",
    ),
    "a right for the group of all tenants": (
        ["GRANT UPDATE (actor) ON {b.schema}.row_history TO steward_tenant"],
        ["REVOKE ALL (actor) ON {b.schema}.row_history FROM steward_tenant"],
        "steward_tenant: UPDATE on column tenant_globex.row_history.actor",
    ),
    "a right on what comes": (
        [
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE steward_owner IN SCHEMA {b.schema}"
                " GRANT SELECT ON TABLES TO {a.role}"
            )
        ],
        [
            (
                "ALTER DEFAULT PRIVILEGES FOR ROLE steward_owner IN SCHEMA {b.schema}"
                " REVOKE SELECT ON TABLES FROM {a.role}"
            )
        ],
        "SELECT on future tables tenant_globex",
    ),
    "ownership": (
        ["CREATE TABLE {b.schema}.theirs (id int)", "ALTER TABLE {b.schema}.theirs OWNER TO {a.role}"],
        ["DROP TABLE {b.schema}.theirs"],
        "owns 1 things",
    ),
    "a function that lends rights": (
        [
            (
                "CREATE FUNCTION {b.schema}.lend() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER"
                " AS 'BEGIN RETURN 1; END'"
            )
        ],
        ["DROP FUNCTION {b.schema}.lend()"],
        "lends its rights through tenant_globex.lend()",
    ),
    "a shared table": (
        ["GRANT SELECT ON public.tenant TO {a.role}"],
        ["REVOKE SELECT ON public.tenant FROM {a.role}"],
        "list the tenants",
    ),
    "a property of the role": (
        ["ALTER ROLE {a.role} CREATEROLE"],
        ["ALTER ROLE {a.role} NOCREATEROLE"],
        "may make roles",
    ),
    "a function for everybody": (
        ["GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {a.role}"],
        ["REVOKE EXECUTE ON FUNCTION pg_read_file(text) FROM {a.role}"],
        "read a file of the server",
    ),
}


@pytest.mark.breaks("tenants.isolation_hole")
@pytest.mark.parametrize("hole", HOLES)
def test_a_hole_made_on_purpose_is_found_and_alerted(
    control: Session, acme: TenantRef, globex: TenantRef, servers: Any, hole: str
) -> None:
    statements, undo, words = HOLES[hole]
    names = {"a": acme, "b": globex}
    opening, closing = ([line.format(**names) for line in lines] for lines in (statements, undo))
    with made(opening, closing, servers):
        titles = [entry["title"] for entry in found() if entry["verdict"] == Verdict.ALLOWED]
        assert any(words in title for title in titles), titles
        assert fires()
    assert found() == []
    assert fires() == []


def test_the_statement_that_is_shown_closes_the_hole(
    control: Session, acme: TenantRef, globex: TenantRef, servers: Any
) -> None:
    opening, undo, _words = HOLES["a right on a table"]
    everybody, undo_everybody, _words = HOLES["a right for everybody"]
    names = {"a": acme, "b": globex}
    statements, closing = (
        [line.format(**names) for line in lines]
        for lines in ([*opening, *everybody], [*undo, *undo_everybody])
    )
    with made(statements, closing, servers):
        shown = [entry["closing"] for entry in found() if entry["sort"] == "grant"]
        assert len(shown) == 3
        with made(shown, [], servers):
            assert found() == []


def unfolded(browser: FlaskClient, tenant: TenantRef) -> str:
    """The attempts on a tenant's page; '' while they are folded up, for nothing is to be seen among them."""
    page = browser.get(f"/admin/tenants/{tenant.slug}").text
    assert "Attempts to break out:" in page
    return "".join(re.findall(r'<details class="folded" open>(.*?)</details>', page, re.DOTALL))


def test_with_the_schema_open_the_attempt_itself_gets_in(
    control: Session, acme: TenantRef, globex: TenantRef, servers: Any, login: Callable[..., FlaskClient]
) -> None:
    browser = login("dba")
    opening = [
        f"GRANT USAGE ON SCHEMA {globex.schema} TO {acme.role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {globex.schema} TO {acme.role}",
    ]
    closing = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {globex.schema} FROM {acme.role}",
        f"REVOKE ALL ON SCHEMA {globex.schema} FROM {acme.role}",
    ]
    with made(opening, closing, servers):
        tried = {entry["title"] for entry in found() if entry["sort"] == "attempt"}
        assert "got out" in unfolded(browser, acme)
    found()
    assert unfolded(browser, acme) == ""
    assert tried >= {
        "read another tenant's table",
        "copy another tenant's table out",
        "move the search path and read",
    }


def test_what_could_not_be_tried_is_not_refused(control: Session) -> None:
    attempt = Attempt("x", "SELECT 1")
    assert attempt.judge("42501") is Verdict.REFUSED
    assert attempt.judge("57014") is Verdict.UNTRIED
    assert attempt.judge("23502") is Verdict.ALLOWED
    assert attempt.judge(None) is Verdict.ALLOWED
    entry = {"tenant": "acme", "title": "x", "verdict": Verdict.UNTRIED.value, "answer": "canceled"}
    store_reading(rounds.READING, {"found": [entry]}, every=900)
    assert isinstance(fires(), Unknown)


def test_each_tenant_tries_each_other_in_turn(acme: TenantRef) -> None:
    many = [acme.__class__(n, f"t{n}", "", f"s{n}", f"r{n}", "", "active") for n in range(5)]
    met = {(a.slug, b.slug) for turn in range(4) for a, b in rounds.pairs(many, turn) if b}
    assert len(met) == 5 * 4
    assert list(rounds.pairs(many[:1], 7)) == [(many[0], None)]


def test_rounds_are_kept_with_what_they_found(
    login: Callable[..., FlaskClient], control: Session, acme: TenantRef, globex: TenantRef, servers: Any
) -> None:
    browser = login("dba")
    assert "Nothing was tried yet" in browser.get("/admin/isolation/").get_data(as_text=True)
    opening = [f"GRANT SELECT ON {globex.schema}.row_history TO {acme.role}"]
    with made(opening, [f"REVOKE ALL ON {globex.schema}.row_history FROM {acme.role}"], servers):
        rounds.check_all(nothing, actor="tester")
    shown = browser.get("/admin/isolation/").get_data(as_text=True)
    assert "A tenant can reach another" in shown
    assert "1 open" in shown
    assert "ways between tenants are open" in browser.get("/database/").get_data(as_text=True)
    rounds.check_all(nothing, actor="tester")
    shown = browser.get("/admin/isolation/").get_data(as_text=True)
    assert "A tenant can reach another" not in shown
    assert "Rounds that found something" in shown
    assert control.scalar(select(func.count()).select_from(IsolationCheck)) == 2
