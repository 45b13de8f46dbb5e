"""Groups, comparisons, advice and the graph: no database needed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from dashboard.schema_migrations.drift.advice import advise
from dashboard.schema_migrations.drift.comparing import EXTRA, MISSING, OTHER, compare
from dashboard.schema_migrations.drift.groups import Group, group
from dashboard.schema_migrations.graph import LANE, lay_out
from dashboard.schema_migrations.ledger import Standing
from dashboard.schema_migrations.revisions import Revision, read_revisions

NOW = str(datetime.now(UTC))


def row(
    schema: str, fingerprint: str | None, *, kind: str = "tenant", revision: str | None = "2"
) -> Standing:
    return Standing(schema, kind, schema, schema, "active", schema, revision, NOW, fingerprint, NOW)


def test_most_schemas_are_the_reference_and_others_differ() -> None:
    rows = [row("a", "x"), row("b", "x"), row("c", "y"), row("d", None), row("e", "z", revision="1")]
    newest, oldest = group([*rows, row("f", "x", revision=None)])
    assert (newest.revision, newest.reference.schemas, newest.count, newest.unread) == ("2", ["a", "b"], 3, 1)
    assert [other.schemas for other in newest.others] == [["c"]]
    assert newest.differing == 1
    assert newest.find("y") == newest.others[0]
    assert newest.find("gone") is None
    assert (oldest.reference.schemas, oldest.others) == (["e"], ())


def test_of_two_equal_groups_the_templates_is_the_reference() -> None:
    rows = [row("a", "x"), row("template_1", "b", kind="template")]
    assert group(rows)[0].reference.schemas == ["template_1"]


def test_what_nobody_has_read_is_no_group() -> None:
    assert group([row("a", None)]) == []


def test_definitions_are_compared_object_by_object() -> None:
    here = [["column", "unit.name", "text, not null"], ["index", "ix_a", "a"], ["table", "t", "owner a"]]
    there = [["column", "unit.name", "text, not null, default 'x'"], ["function", "f()", "a\nb"], here[2]]
    changes = compare(here, there)
    assert [(change.kind, change.name, change.what) for change in changes] == [
        ("column", "unit.name", OTHER),
        ("index", "ix_a", EXTRA),
        ("function", "f()", MISSING),
    ]
    assert [(line.text, line.is_changed) for line in changes[0].there] == [
        ("text", False),
        ("not null", False),
        ("default 'x'", True),
    ]
    assert [line.text for line in changes[2].there] == ["a", "b"]
    assert changes[2].here == ()


def test_each_right_is_compared_by_itself() -> None:
    change = compare(
        [["table", "t", "owner o, rights a=r/o b=w/o"]], [["table", "t", "owner o, rights a=r/o"]]
    )[0]
    assert [line.text for line in change.here if line.is_changed] == ["rights b=w/o"]
    assert not any(line.is_changed for line in change.there)


def test_columns_of_an_index_and_texts_with_commas_stay_together() -> None:
    index = "CREATE INDEX i ON t USING btree (region, lower(name), id), NOT VALID"
    assert [line.text for line in compare([["index", "i", index]], [])[0].here] == [
        "CREATE INDEX i ON t USING btree (region, lower(name), id)",
        "NOT VALID",
    ]
    column = "text, default 'one, (two'::text, not null"
    assert [line.text for line in compare([["column", "t.a", column]], [])[0].here] == [
        "text",
        "default 'one, (two'::text",
        "not null",
    ]


def test_owner_and_rights_below_a_function_are_compared_one_by_one() -> None:
    body = "CREATE FUNCTION f(a text, b text)\nSELECT 1, 2\nowner o, rights =X/o"
    change = compare([["function", "f()", f"{body} a=X/o"]], [["function", "f()", body]])[0]
    assert [line.text for line in change.here if line.is_changed] == ["rights a=X/o"]
    assert [line.text for line in change.there][:2] == ["CREATE FUNCTION f(a text, b text)", "SELECT 1, 2"]


def test_advice_speaks_of_rights_only_where_they_differ() -> None:
    rights = "owner o, rights =X/o"
    other_body = compare([["function", "f()", f"a\n{rights}"]], [["function", "f()", f"b\n{rights}"]])
    other_rights = compare([["function", "f()", f"a\n{rights} a=X/o"]], [["function", "f()", f"a\n{rights}"]])
    group = Group("x", (row("tenant_a", "x"),))
    assert "Rights" not in " ".join(advise(group, other_body))
    assert advise(group, other_rights)[0].startswith("Rights or owners differ")
    assert any("SET search_path TO tenant_a, public" in said for said in advise(group, other_body))


def test_objects_of_one_name_stand_below_each_other() -> None:
    twice = [["trigger", "t.of a constraint", "off"], ["trigger", "t.of a constraint", "on"]]
    assert [line.text for line in compare(twice, twice[:1])[0].here] == ["off", "on"]


def test_advice_fits_what_differs_and_whose_it_is() -> None:
    bad = compare(
        [["index", "i", "CREATE INDEX i, NOT VALID"], ["table", "t", "owner x"]], [["table", "t", "y"]]
    )
    spare = Group("x", (row("spare_1", "x", kind="spare"), row("template_1", "x", kind="template")))
    words = " ".join(advise(spare, bad))
    for said in (
        "template is among them",
        "Spares are among them",
        "CONCURRENTLY",
        "Rights or owners",
        "by hand",
    ):
        assert said in words
    plain = advise(Group("x", (row("a", "x"),)), compare([], [["column", "c", "text"]]))
    assert plain[0].startswith("What is missing here is created")


def revisions(*lines: tuple[str, tuple[str, ...], bool]) -> list[Revision]:
    return [Revision(name, parents, "", is_head) for name, parents, is_head in lines]


def test_line_of_revisions_is_one_lane_with_a_share_for_each() -> None:
    nodes = lay_out(revisions(("2", ("1",), True), ("1", (), False)), {"2": 3, "1": 1, "lost": 4})
    assert [(node.count, node.share) for node in nodes] == [(3, 3 / 8), (1, 1 / 8)]
    assert {node.width for node in nodes} == {LANE}
    assert [len(node.strokes) for node in nodes] == [1, 1]
    assert not any(node.is_conflicting for node in nodes)


def test_two_heads_are_marked_and_meet_where_they_part() -> None:
    nodes = lay_out(revisions(("b", ("1",), True), ("a", ("1",), True), ("1", (), False)), {})
    assert [node.is_conflicting for node in nodes] == [True, True, False]
    assert [node.x for node in nodes] == [LANE // 2, LANE // 2 + LANE, LANE // 2]
    assert nodes[1].strokes[-1].x2 == nodes[0].x


def test_merged_branches_are_one_head() -> None:
    merged = (("m", ("a", "b"), True), ("b", ("1",), False), ("a", ("1",), False), ("1", (), False))
    nodes = lay_out(revisions(*merged), {"m": 1})
    assert not any(node.is_conflicting for node in nodes)
    assert {node.width for node in nodes} == {2 * LANE}
    assert len(nodes[0].strokes) == 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "versions").mkdir()
    (tmp_path / "env.py").write_text("")
    for name, parent in (("1", None), ("2", "1"), ("3", "1")):
        (tmp_path / "versions" / f"{name}.py").write_text(
            f'"""Do {name}.\n\nAuthor: Ada\nCreate Date: 2026-01-0{name}\n"""\n'
            f"revision = {name!r}\ndown_revision = {parent!r}\n"
        )
    return tmp_path


def test_revisions_are_read_from_files_with_who_wrote_them(folder: Path) -> None:
    found = read_revisions(ScriptDirectory(str(folder)))
    assert {one.id for one in found if one.is_head} == {"2", "3"}
    assert (found[-1].title, found[-1].written) == ("Do 1.", "Ada, 2026-01-01")
