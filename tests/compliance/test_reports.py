"""Reports: the PDF, the chain behind it, and everything somebody could do to either."""

import json
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import ProgrammingError

from dashboard.compliance import brought, checking, printing, reports
from dashboard.compliance.chain import FIRST, canonical, digest
from dashboard.compliance.models import PromiseReport
from dashboard.core.errors import NotFoundError, UnavailableError
from tests.compliance.other_cases import WELL, replication
from tests.compliance.world import World

OPEN = "ALTER TABLE promise_report DISABLE TRIGGER refuse_change"
ACTOR = "dba@example.com"


@pytest.fixture
def three(world: World) -> list[PromiseReport]:
    """Three reports, one after the other."""
    return [reports.make(world.settings, actor=ACTOR) for _ in range(3)]


def tamper(world: World, *statements: str) -> str:
    """Do what only the owner of the control database could; return what the check says of reports."""
    world.sql(OPEN, *statements)
    finding = checking.check_chains()[0]
    assert not finding.is_well
    return finding.text


def test_report_holds_every_promise_with_value_state_evidence_and_owner(world: World) -> None:
    replication(world, *WELL)
    row = reports.make(world.settings, actor=ACTOR)
    content = json.loads(row.content)
    by_key = {one["key"]: one for one in content["promises"]}
    assert len(by_key) >= 25
    assert by_key["standbys.dr"]["state"] == "kept"
    assert by_key["standbys.dr"]["value"] == "dr in far, not behind"
    assert by_key["standbys.dr"]["evidence"] == "The reading of replication"
    assert by_key["standbys.dr"]["evidence_at"]
    assert by_key["security.at_rest"]["state"] == "unknown"
    assert content["counts"]["kept"] >= 1
    assert row.sha256 == digest(row.content)


def test_pdf_carries_its_hash_and_what_it_was_made_of_and_is_the_same_each_time(world: World) -> None:
    row = reports.make(world.settings, actor=ACTOR)
    assert row.pdf.startswith(b"%PDF-")
    assert f"sha256:{row.sha256}".encode() in row.pdf
    assert brought.content_in(row.pdf) == row.content
    assert printing.print_report(row.content, row.sha256) == row.pdf
    assert row.pdf_bytes == len(row.pdf) > 10_000


def test_each_report_names_the_one_before_and_its_file(three: list[PromiseReport]) -> None:
    first, second, third = three
    assert [row.number for row in three] == [first.number, first.number + 1, first.number + 2]
    assert first.previous_sha256 == FIRST
    content = json.loads(third.content)
    assert content["previous_sha256"] == second.sha256
    assert content["previous_pdf_sha256"] == second.pdf_sha256
    assert all(finding.is_well for finding in checking.check_chains())
    assert reports.list_reports()[0].number == third.number


def test_database_refuses_to_change_or_remove_a_report(world: World, three: list[PromiseReport]) -> None:
    for statement in (
        "UPDATE promise_report SET created_by = 'x'",
        "DELETE FROM promise_report",
        "TRUNCATE promise_report",
    ):
        with (
            pytest.raises(ProgrammingError, match="append-only"),
            world.control.begin_nested(),
        ):
            world.sql(statement)


SWAP = "UPDATE promise_report SET number = {} WHERE number = {}"
TAMPERED: dict[str, tuple[list[str], str]] = {
    "changed": (
        ["UPDATE promise_report SET content = replace(content, 'unknown', 'kept') WHERE number = 2"],
        "Report 2: Its content is not what was sealed: it was changed afterwards.",
    ),
    "other file": (
        ["UPDATE promise_report SET pdf = pdf || '\\x00' WHERE number = 2"],
        "Report 2: Its content is not what was sealed",
    ),
    "taken out": (["DELETE FROM promise_report WHERE number = 2"], "Report 3: Number 2 is missing"),
    "first taken out": (["DELETE FROM promise_report WHERE number = 1"], "Report 2: Number 1 is missing"),
    "end cut off": (["DELETE FROM promise_report WHERE number = 3"], "Report 3: It is missing"),
    "exchanged": (
        [SWAP.format(99, 2), SWAP.format(2, 3), SWAP.format(3, 99)],
        "Report 2: It does not follow the one before: one of the two was replaced or put elsewhere.",
    ),
}


def test_whatever_is_done_to_the_chain_the_first_broken_link_is_named(
    world: World, three: list[PromiseReport]
) -> None:
    for name, (statements, words) in TAMPERED.items():
        undo = world.control.begin_nested()
        found = tamper(world, *statements)
        undo.rollback()
        world.control.expire_all()
        assert found.startswith(words), f"{name}: {found}"
    assert checking.check_chains()[0].is_well


def test_file_is_recognised_byte_for_byte(world: World, three: list[PromiseReport]) -> None:
    finding = checking.check_file(three[1].pdf)
    assert finding.is_well
    assert "is report 2, byte for byte" in finding.text
    assert checking.check_file(three[1].content.encode()).text == "The content is that of report 2."


def test_changed_files_are_told_apart(world: World, three: list[PromiseReport]) -> None:
    finding = checking.check_file(three[1].pdf + b"\n")
    assert not finding.is_well
    assert "the file itself was changed" in finding.text
    content = json.loads(three[1].content)
    content["promises"][0]["state"] = "kept"
    other = printing.print_report(canonical(content), digest(canonical(content)))
    assert "content differs from what was sealed" in checking.check_file(other).text
    content["number"] = 77
    assert "report 77, which is not here" in checking.check_file(canonical(content).encode()).text


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"hello", "neither a PDF nor JSON"), (b"{}", "no report"), (b"%PDF-1.7 nothing", "no report")],
    ids=["text", "json", "pdf"],
)
def test_file_of_something_else_is_said(world: World, data: bytes, words: str) -> None:
    finding = checking.check_file(data)
    assert not finding.is_well
    assert words in finding.text


def test_nothing_is_kept_when_the_pdf_cannot_be_set(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(printing, "FONTS", tmp_path / "none")
    with pytest.raises(UnavailableError):
        reports.make(world.settings, actor=ACTOR)
    assert not reports.list_reports()
    monkeypatch.undo()
    monkeypatch.setattr(printing, "TEMPLATES", tmp_path)
    with pytest.raises(UnavailableError, match="could not be set"):
        reports.make(world.settings, actor=ACTOR)
    (tmp_path / "report.typ").write_text("Nothing is attached to this page.")
    with pytest.raises(UnavailableError, match="is missing in its file"):
        reports.make(world.settings, actor=ACTOR)
    with pytest.raises(NotFoundError):
        reports.get_report(1)


def test_command_follows_the_chain_checks_a_file_and_names_the_first_broken_link(
    app: Flask, world: World, three: list[PromiseReport], tmp_path: Path
) -> None:
    runner, path = app.test_cli_runner(), tmp_path / "report.pdf"
    path.write_bytes(three[2].pdf)
    well = runner.invoke(args=["promises", "verify", "--file", str(path)])
    assert well.exit_code == 0, well.output
    assert "3 reports, unbroken" in well.output
    assert "is report 3, byte for byte" in well.output
    tamper(world, "DELETE FROM promise_report WHERE number = 1")
    wrong = runner.invoke(args=["promises", "verify"])
    assert wrong.exit_code == 1
    assert "BROKEN  Report 2: Number 1 is missing before it" in wrong.output


def test_commands_list_promises_and_write_a_report(app: Flask, world: World, tmp_path: Path) -> None:
    runner, path = app.test_cli_runner(), tmp_path / "out.pdf"
    listed = runner.invoke(args=["promises", "list"])
    assert listed.exit_code == 1  # on an empty stack something is broken
    assert "No place for copies is set" in listed.output
    made = runner.invoke(args=["promises", "report", "--output", str(path)])
    assert made.exit_code == 0, made.output
    assert path.read_bytes().startswith(b"%PDF-")
