"""EXPLAIN on the real server: a plan for every text that has one, and nothing changed by it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from dashboard.audit.models import Operation
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.statements import explaining, planning, plans
from dashboard.health.statements.explaining import NotExplainedError
from dashboard.health.statements.models import StatementPlan, StatementText
from dashboard.jobs.models import JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import TenantRef

Login = Callable[..., FlaskClient]
TEXT = "SELECT * FROM product WHERE id = $1 ORDER BY name LIMIT $2"


def test_a_normalised_text_gets_a_plan_in_the_tenants_scope(settings: Settings, acme: TenantRef) -> None:
    found = plans.read(explaining.generic(settings.database_url, TEXT, acme.role, acme.schema))
    assert any("product" in step.title for step in found.steps)
    assert found.execution_ms is None
    assert sum(step.share for step in found.steps) == pytest.approx(1, abs=0.01)


def test_an_older_server_gets_it_from_a_prepared_statement(
    settings: Settings, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "WITH_GENERIC_PLAN", 10**9)
    found = plans.read(explaining.generic(settings.database_url, TEXT, acme.role, acme.schema))
    assert any("product" in step.title for step in found.steps)


@pytest.mark.parametrize(
    "writing",
    [
        "DELETE FROM product WHERE id > $1",
        "UPDATE product SET name = $1",
        "INSERT INTO product (id) VALUES ($1)",
        "WITH gone AS (DELETE FROM product RETURNING id) SELECT * FROM gone",
    ],
    ids=["delete", "update", "insert", "with"],
)
def test_explaining_what_writes_changes_nothing_and_running_it_is_refused(
    settings: Settings, acme: TenantRef, tenant: Session, writing: str
) -> None:
    count = text("SELECT count(*), max(xmin::text::bigint) FROM product")
    before = tenant.execute(count).one()
    assert explaining.generic(settings.database_url, writing, acme.role, acme.schema)["Plan"]
    with pytest.raises(NotExplainedError, match="Only a SELECT"):
        explaining.with_values(settings.database_url, writing, acme.role, acme.schema, ["1"], run=True)
    assert tenant.execute(count).one() == before


def test_running_measures_each_step_for_given_values(settings: Settings, acme: TenantRef) -> None:
    found = plans.read(
        explaining.with_values(settings.database_url, TEXT, acme.role, acme.schema, ["1", "5"], run=True)
    )
    assert found.execution_ms is not None
    assert found.steps[0].actual_rows is not None
    planned = explaining.with_values(settings.database_url, TEXT, acme.role, acme.schema, ["1"], run=False)
    assert plans.read(planned).execution_ms is None


@pytest.mark.parametrize(
    ("hostile", "words"),
    [
        ("SELECT 1; DELETE FROM product", "one whole statement"),
        ("SELECT set_config('role', 'steward_app', true)", "permission denied"),
        ("SELECT nextval('product_id_seq')", "read-only"),
        ("SELECT * FROM public.tenant", "permission denied"),
        ("SELECT pg_sleep(60)", "longer than"),
    ],
    ids=["second statement", "other role", "sequence", "registry", "forever"],
)
def test_a_hostile_text_gets_nowhere(
    settings: Settings, acme: TenantRef, monkeypatch: pytest.MonkeyPatch, hostile: str, words: str
) -> None:
    monkeypatch.setattr(explaining, "LIMIT_MS", 300)
    if words == "longer than":
        words = "longer|took"
    with pytest.raises(NotExplainedError, match=words):
        explaining.with_values(settings.database_url, hostile, acme.role, acme.schema, [], run=True)


def test_what_is_wrong_with_a_plan_is_said() -> None:
    node = {
        "Node Type": "Sort",
        "Total Cost": 100.0,
        "Plan Rows": 5,
        "Actual Rows": 9000,
        "Actual Loops": 1,
        "Actual Total Time": 50.0,
        "Sort Space Type": "Disk",
        "Sort Space Used": 2048,
        "Sort Key": ["name", "id"],
        "Plans": [
            {
                "Node Type": "Seq Scan",
                "Relation Name": "product",
                "Alias": "p",
                "Total Cost": 90.0,
                "Plan Rows": 9000,
                "Actual Rows": 9000,
                "Actual Loops": 1,
                "Actual Total Time": 40.0,
                "Filter": "(a = 1)",
            },
            {"Node Type": "Hash", "Hash Batches": 4, "Original Hash Batches": 1, "Plan Rows": 1},
        ],
    }
    found = plans.read({"Plan": node, "Relations": {"product": [500_000.0, 1.0]}})
    words = " ".join(found.warnings)
    assert "went to disk" in words
    assert "1,800 times more rows" in words
    assert "all 500,000 rows of the table; an index" in words
    assert "4 batches" in words
    assert [step.depth for step in found.steps] == [0, 1, 1]
    assert found.steps[1].title == "Seq Scan on product p"
    assert found.steps[1].share == pytest.approx(0.8)


@pytest.fixture
def known(app: Flask) -> Iterator[str]:
    """A text as the snapshot would have stored it, really committed; and all that came of it removed."""
    name = "test-plan"
    now = datetime.now(UTC)
    with app.app_context():
        with control_transaction() as session:
            session.add(StatementText(fingerprint=name, text=TEXT, first_seen_at=now, last_seen_at=now))
        yield name
        db.session.remove()
        with control_transaction() as session:
            session.execute(delete(StatementText).where(StatementText.fingerprint == name))
            session.execute(delete(JobRun).where(JobRun.job.like("statements.%")))


@pytest.mark.commits
def test_a_plan_is_asked_for_on_the_page_made_by_a_job_and_drawn(known: str, login: Login) -> None:
    browser = login("dba")
    for how, words in (("generic", "nothing was run"), ("analyze", "time the steps took")):
        values = {"value-1": "1", "value-2": "", "null": "2"}
        answer = browser.post(
            f"/database/queries/{known}/explain", data={"how": how, "tenant": "acme", **values}
        )
        assert answer.status_code == 302, answer.text
        waiting = browser.get(answer.location).text
        assert "PostgreSQL is asked" in waiting
        plan = db.session.scalar(select(StatementPlan).order_by(StatementPlan.id.desc()).limit(1))
        assert plan is not None
        perform(str(plan.run_id))
        html = browser.get(answer.location).text
        assert words in html
        assert "on product" in html
        assert "data-finished" in browser.get(f"{answer.location}/live").text
    told = db.session.scalars(select(Operation.action).where(Operation.target == known)).all()
    assert {"query.explain", "query.analyze"} <= set(told)
    assert "Measured" in browser.get(f"/database/queries/{known}").text


def test_a_text_that_is_cut_or_has_no_plan_is_refused(app: Flask, control: Session) -> None:
    now = datetime.now(UTC)
    for name, written, is_cut in (
        ("cut", "SELECT 1", True),
        ("set", "SET a = $1", False),
        ("del", "DELETE FROM a", False),
    ):
        control.add(
            StatementText(fingerprint=name, text=written, is_cut=is_cut, first_seen_at=now, last_seen_at=now)
        )
    control.flush()
    for name, run, words in (
        ("cut", False, "too long"),
        ("set", False, "has no plan"),
        ("del", True, "Only a SELECT"),
    ):
        with pytest.raises(Exception, match=words):
            planning.ask(name, "", actor="x", run=run)
