"""The pages of promises, from what is stored; the ERP is not asked."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, select

from dashboard.compliance import attested, history, reports
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import judge_all
from dashboard.compliance.models import Attestation, ChecklistTick
from dashboard.compliance.registry import list_promises
from dashboard.core.db import db
from dashboard.jobs.models import JobRun
from tests.compliance.backup_cases import drill
from tests.compliance.cases import CASES
from tests.compliance.other_cases import WELL, replication
from tests.compliance.world import World

PAGES = (
    "/database/promises/",
    "/database/promises/backups.rpo",
    "/database/promises/security.at_rest",
    "/database/promises/reports",
    "/database/promises/checklist",
)
Login = Callable[..., FlaskClient]


@pytest.mark.parametrize("page", PAGES)
def test_page_is_closed_to_staff_and_open_to_a_dba(page: str, world: World, login: Login) -> None:
    assert login("staff", tenant="acme").get(page).status_code == 403
    assert login("dba").get(page).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_page_asks_the_control_database_only(
    page: str, world: World, registry_kept: None, login: Login
) -> None:
    replication(world, *WELL)
    history.record(judge_all(Facts(world.settings, world.now)), world.now)
    browser, asked = login("dba"), []
    browser.get(page)

    def note(_conn: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    for name in (None, "owner", "monitor"):
        event.listen(db.engines[name], "before_cursor_execute", note)
    try:
        assert browser.get(page).status_code == 200
    finally:
        for name in (None, "owner", "monitor"):
            event.remove(db.engines[name], "before_cursor_execute", note)
    assert asked == []


def test_page_shows_every_promise_with_state_evidence_owner_and_what_to_do(
    world: World, login: Login
) -> None:
    made = drill(world)
    replication(world, *WELL)
    history.record(judge_all(Facts(world.settings, world.now)), world.now)
    html = login("dba").get("/database/promises/").text
    for promise in list_promises():
        assert f'id="{promise.key}"' in html
    assert f"/database/drills/{made.id}" in html
    assert "nobody named" in html
    assert "What to do now" in html
    assert "No place for copies is set" in html
    assert html.count('role="img"') >= 25  # the strips
    assert "Drill now" in html


def test_page_of_a_promise_tells_its_history_and_who_answers(world: World, login: Login) -> None:
    replication(world, *WELL)
    history.record(judge_all(Facts(world.settings, world.now)), world.now)
    html = login("admin").get("/database/promises/standbys.sync").text
    assert "az-b in zone b is in step" in html
    assert "at risk when older than" in html
    assert "not confirmed: it is only a default" in html
    assert "/admin/settings/promises.standbys.sync" in html
    assert login("dba").get("/database/promises/no.such").status_code == 404


def test_button_starts_the_real_job(world: World, login: Login) -> None:
    browser = login("dba")
    answer = browser.post("/database/promises/operations.evidence/prove")
    assert answer.status_code == 302
    run = world.control.scalars(select(JobRun).order_by(JobRun.enqueued_at.desc())).first()
    assert run is not None
    assert run.job == "compliance.follow"
    assert str(run.id) in answer.location
    assert f"/database/jobs/{run.id}" in browser.get("/database/promises/operations.evidence").text
    assert browser.post("/database/promises/migrations.safe/prove").status_code == 409
    assert login("manager", tenant="acme").post("/database/promises/backups.rpo/prove").status_code == 403


def test_export_makes_a_report_that_can_be_downloaded_again_byte_for_byte(world: World, login: Login) -> None:
    browser = login("dba")
    assert browser.post("/database/promises/reports").status_code == 302
    number = reports.list_reports()[0].number
    html = browser.get("/database/promises/reports").text
    assert f"/database/promises/reports/{number}.pdf" in html
    assert "1 report, unbroken" in html
    first = browser.get(f"/database/promises/reports/{number}.pdf")
    assert first.mimetype == "application/pdf"
    assert first.data.startswith(b"%PDF-")
    assert browser.get(f"/database/promises/reports/{number}.pdf").data == first.data
    as_json = browser.get(f"/database/promises/reports/{number}.json")
    assert (as_json.json or {})["number"] == number
    assert browser.get("/database/promises/reports/999.pdf").status_code == 404
    checked = browser.post(
        "/database/promises/reports/check", data={"file": (io.BytesIO(first.data), "report.pdf")}
    )
    assert f"is report {number}, byte for byte" in checked.text
    assert browser.post("/database/promises/reports/check").status_code == 422


def form(world: World, **change: object) -> dict[str, object]:
    today = world.now.date()
    return {
        "statement": "LUKS on all disks",
        "source": "Audit report 7",
        "stated_on": today.isoformat(),
        "expires_on": (today + timedelta(days=90)).isoformat(),
    } | change


def test_attesting_keeps_statement_and_file_under_the_persons_name(world: World, login: Login) -> None:
    browser = login("dba")
    data = form(world, document=(io.BytesIO(b"All disks are encrypted.\n"), "audit.txt"))
    answer = browser.post("/database/promises/security.at_rest/attest", data=data)
    assert answer.status_code == 302, answer.text
    row = attested.list_statements("security.at_rest")[0]
    assert row.actor == browser.email  # type: ignore[attr-defined]
    html = browser.get("/database/promises/security.at_rest").text
    assert "Attested" in html
    assert "audit.txt" in html
    document = browser.get(f"/database/promises/statements/{row.number}/document")
    assert document.data == b"All disks are encrypted.\n"
    assert "attachment" in document.headers["Content-Disposition"]
    assert browser.get("/database/promises/statements/999/document").status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"statement": ""}, "Write what is true."),
        ({"expires_on": "2001-01-01"}, "choose a later day"),
        ({"document": "exe"}, "was not kept"),
    ],
    ids=["empty", "expired", "program"],
)
def test_refused_statement_loses_nothing_typed(
    change: dict[str, object], words: str, world: World, login: Login
) -> None:
    if change.get("document"):
        change = {"document": (io.BytesIO(b"MZ\x90\x00\x03"), "tool.exe")}
    answer = login("dba").post("/database/promises/security.at_rest/attest", data=form(world, **change))
    assert answer.status_code == 422
    assert words in answer.text
    assert "Audit report 7" in answer.text
    assert not world.control.scalars(select(Attestation)).all()


def test_checklist_leads_a_new_dba_and_remembers_ticks(world: World, login: Login) -> None:
    browser = login("dba")
    html = browser.get("/database/promises/checklist").text
    assert "Next: " in html
    assert re.search(r"Steps done · \d+ of \d+", html)
    refused = browser.post("/database/promises/checklist/on_call", data={"is_done": "y", "note": ""})
    assert refused.status_code == 422
    assert "Say where it is written" in refused.text
    done = {"is_done": "y", "note": "Wiki, page On call"}
    assert browser.post("/database/promises/checklist/on_call", data=done).status_code == 302
    html = browser.get("/database/promises/checklist").text
    assert "Wiki, page On call" in html
    assert browser.email in html  # type: ignore[attr-defined]
    browser.post("/database/promises/checklist/on_call", data={})
    assert "Wiki, page On call" not in browser.get("/database/promises/checklist").text
    assert len(world.control.scalars(select(ChecklistTick)).all()) == 2
    live = browser.post("/database/promises/checklist/backup", data={"is_done": "y", "note": "x"})
    assert live.status_code == 409
    assert browser.post("/database/promises/checklist/nothing", data=done).status_code == 404


def test_checklist_step_is_done_when_its_promises_are_shown(world: World, login: Login) -> None:
    for key in ("restores.files", "restores.broker", "restores.control"):
        CASES[key]().keep(world)
    html = login("dba").get("/database/promises/checklist").text
    row = html[html.index('id="copies"') :]
    assert "Done" in row[: row.index("</tr>")]


def test_managers_of_one_tenant_do_not_see_the_promises(world: World, login: Login) -> None:
    assert login("manager", tenant="acme").get("/database/promises/").status_code == 403


def test_overview_has_the_card(world: World, login: Login) -> None:
    assert ">Promises</a>" in login("dba").get("/database/").text
