"""Each rule catches its danger by name and lets the safe way pass without a word."""

from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.linting import second_opinion, squawk
from dashboard.schema_migrations.linting.facts import Facts, TableFacts
from dashboard.schema_migrations.linting.review import Review, review

COLUMNS = {
    "id": "bigint",
    "code": "character varying(20)",
    "price": "numeric(10,2)",
    "note": "text",
    "due": "date",
}
BIG = TableFacts("tenant_acme", 2_000_000, 400_000_000, 100_000_000, COLUMNS)
SMALL = TableFacts("tenant_acme", 20, 16_384, 16_384, COLUMNS)
FACTS = Facts(
    tables={
        "item": BIG,
        "unit": SMALL,
        "hollow": TableFacts("tenant_acme", 0, 8192, 8192),
        "move": replace(BIG, partitioned=1),
    },
    index_tables={"ix_item_code": "item", "ix_move_due": "move"},
    references={("item", "fk_item_unit_id"): "unit"},
)
CHECK = "ALTER TABLE item ADD CONSTRAINT ck_item_note_filled CHECK (note IS NOT NULL) NOT VALID"
VALIDATE = "ALTER TABLE item VALIDATE CONSTRAINT ck_item_note_filled"
SET_NOT_NULL = "ALTER TABLE item ALTER COLUMN note SET NOT NULL"
INDEX = "CREATE INDEX CONCURRENTLY ix_item_note ON item (note)"
FOREIGN_KEY = "ALTER TABLE item ADD CONSTRAINT fk_item_unit FOREIGN KEY (unit_id) REFERENCES unit (id)"
UNIQUE = "ALTER TABLE item ADD CONSTRAINT uq_item_code UNIQUE"

# rule -> the dangerous statements and the safe ones, each line a step; ! marks one outside a transaction.
EXAMPLES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "unbatched-update": (("UPDATE item SET note = ''",), ("UPDATE item SET note = '' WHERE id IN (1, 2)",)),
    "unbatched-delete": (
        ("DELETE FROM item WHERE due < now()",),
        ("DELETE FROM item WHERE id > 5 AND id <= 9",),
    ),
    "vacuum-full": (("!VACUUM FULL item",), ("!VACUUM (ANALYZE) item",)),
    "cluster": (("CLUSTER item USING ix_item_code",), ("ANALYZE item",)),
    "moved-table": (("ALTER TABLE item SET UNLOGGED",), ("ALTER TABLE item SET (fillfactor = 90)",)),
    "qualified-name": (
        ("ALTER TABLE tenant_acme.item ADD COLUMN size text",),
        ("ALTER TABLE item ADD COLUMN size text",),
    ),
    "search-path": (("SET search_path TO tenant_acme",), ("COMMENT ON TABLE item IS 'search_path'",)),
    "timeout-set": (("SET LOCAL lock_timeout = '1min'",), ("SET LOCAL work_mem = '64MB'",)),
    "one-concurrent-index": (
        (f"!{INDEX}", "!CREATE INDEX CONCURRENTLY ix_item_due ON item (due)"),
        (f"!{INDEX}",),
    ),
    "concurrent-if-not-exists": ((f"!{INDEX.replace('Y ix', 'Y IF NOT EXISTS ix')}",), (f"!{INDEX}",)),
    "concurrent-in-transaction": ((INDEX,), (f"!{INDEX}",)),
    "plain-index": (
        ("CREATE INDEX ix_item_note ON item (note)",),
        ("CREATE INDEX ix_hollow ON hollow (id)",),
    ),
    "concurrent-on-partitions": (
        ("!CREATE INDEX CONCURRENTLY ix_move_note ON move (note)",),
        (
            "CREATE INDEX ix_move_note ON ONLY move (note)",
            "!CREATE INDEX CONCURRENTLY ix_move_note_p ON move_p (note)",
            "ALTER INDEX ix_move_note ATTACH PARTITION ix_move_note_p",
        ),
    ),
    "not-null-at-once": ((SET_NOT_NULL,), (CHECK, VALIDATE, SET_NOT_NULL)),
    "constraint-at-once": ((FOREIGN_KEY,), (f"{FOREIGN_KEY} NOT VALID",)),
    "validate-at-once": ((f"{CHECK}; {VALIDATE}",), (CHECK, VALIDATE)),
    "unique-at-once": ((f"{UNIQUE} (code)",), (f"{UNIQUE} USING INDEX uq_item_code",)),
    "rewriting-type": (
        ("ALTER TABLE item ALTER COLUMN price TYPE numeric(12, 4)",),
        ("ALTER TABLE item ALTER COLUMN price TYPE numeric(12, 2)",),
    ),
    "volatile-default": (
        ("ALTER TABLE item ADD COLUMN key uuid DEFAULT gen_random_uuid()",),
        ("ALTER TABLE item ADD COLUMN since timestamptz DEFAULT now()",),
    ),
    "drop-column": (
        ("ALTER TABLE item DROP COLUMN note",),
        ("ALTER TABLE item ALTER COLUMN note DROP NOT NULL",),
    ),
    "drop-table": (("DROP TABLE item",), ("CREATE TABLE draft (id bigint); DROP TABLE draft",)),
    "rename": (
        ("ALTER TABLE item RENAME COLUMN note TO remark",),
        ("ALTER TABLE item RENAME CONSTRAINT uq_a TO uq_b",),
    ),
    "lock-table": (("LOCK TABLE item",), ("SELECT count(*) FROM item",)),
    "truncate": (("TRUNCATE item",), ("CREATE TABLE draft (id bigint); TRUNCATE draft",)),
    "own-transaction": (("COMMIT",), ("COMMENT ON TABLE item IS 'BEGIN;COMMIT;'",)),
    "unknown-lock": (("DO $$ BEGIN PERFORM 1; END $$",), ("SELECT public.attach_history('item')",)),
}


def judge(*lines: str, facts: Facts = FACTS) -> Review:
    """Review steps written as lines."""
    return review(
        [
            Step(number, "0008", not line.startswith("!"), tuple(line.removeprefix("!").split("; ")))
            for number, line in enumerate(lines)
        ],
        facts,
    )


def rules_of(reviewed: Review) -> list[str]:
    """Which rules were broken."""
    return [finding["rule"] for finding in reviewed.findings]


@pytest.mark.parametrize("rule", EXAMPLES)
def test_a_danger_is_caught_by_its_name(rule: str) -> None:
    reviewed = judge(*EXAMPLES[rule][0])
    finding = next(finding for finding in reviewed.findings if finding["rule"] == rule)
    assert finding["level"] in {"danger", "warning"}
    assert len(finding["message"]) > 20
    assert len(finding["advice"]) > 20


@pytest.mark.parametrize("rule", EXAMPLES)
def test_the_safe_way_passes_without_a_word(rule: str) -> None:
    assert judge(*EXAMPLES[rule][1]).findings == []


def review_text(sql: str) -> Review:
    """Review a text as one statement of a step."""
    return review([Step(0, "0008", transactional=True, statements=(sql,))], FACTS)


ADDS = "ALTER TABLE item ADD COLUMN size text"
ATOMIC = (
    "CREATE FUNCTION f() RETURNS void LANGUAGE sql"
    " BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; DELETE FROM item; END"
)


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        (f"{ADDS}; DROP TABLE item", "drop-table"),
        (f"{ADDS};; UPDATE item SET note = '';", "unbatched-update"),
        (f"{ADDS}; DELETE FROM item", "unbatched-delete"),
        (f"{ADDS}; {SET_NOT_NULL}; ANALYZE item", "not-null-at-once"),
        (f"{CHECK}; {VALIDATE}", "validate-at-once"),
        ("DROP TABLE item; CREATE TABLE item (id bigint)", "drop-table"),
        (f"{ADDS}; COMMIT", "own-transaction"),
        (f"{ATOMIC}; DROP TABLE item", "drop-table"),
        ("COMMENT ON TABLE item IS 'a;b'; /* ; */ TRUNCATE item", "truncate"),
    ],
)
def test_every_statement_of_a_text_is_reviewed(sql: str, rule: str) -> None:
    assert rules_of(review_text(sql)) == [rule]


def test_every_statement_of_a_text_has_its_locks_and_time() -> None:
    both = review_text(f"{ADDS}; {VALIDATE}; DROP TABLE unit")
    assert [(row["table"], row["lock"]) for row in both.locks] == [
        ("item", "ACCESS EXCLUSIVE"),
        ("item", "SHARE UPDATE EXCLUSIVE"),
        ("unit", "ACCESS EXCLUSIVE"),
    ]
    assert both.estimate_ms == sum(row["estimate_ms"] for row in both.locks) > 1000
    assert both.irreversible_reason == "0008 drops unit, whose rows are gone"


@pytest.mark.parametrize(
    "sql", [ADDS, SET_NOT_NULL, ATOMIC, "CREATE RULE r AS ON UPDATE TO item DO (SELECT 1; SELECT 2)"]
)
def test_a_semicolon_that_parts_nothing_changes_nothing(sql: str) -> None:
    assert review_text(f"{sql};") == review_text(sql)
    assert len(review_text(sql).locks) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "BEGIN",
        "START TRANSACTION",
        "COMMIT AND CHAIN",
        "END",
        "ROLLBACK",
        "ABORT",
        "SAVEPOINT a",
        "RELEASE a",
    ],
)
def test_a_transaction_of_its_own_is_a_danger(sql: str) -> None:
    [finding] = [one for one in review_text(sql).findings if one["rule"] != "not-linted"]
    assert (finding["rule"], finding["level"]) == ("own-transaction", "danger")
    assert finding["advice"].startswith(f"Take {sql.split(maxsplit=1)[0]} out: the runner begins and commits")


def test_a_column_that_nothing_can_fill_is_refused() -> None:
    assert rules_of(judge("ALTER TABLE item ADD COLUMN size bigint NOT NULL")) == ["not-null-at-once"]
    assert rules_of(judge("ALTER TABLE item ADD COLUMN size bigint NOT NULL DEFAULT 0")) == []


def test_the_advice_names_the_table_and_the_column() -> None:
    advice = judge(SET_NOT_NULL).findings[0]["advice"]
    assert CHECK in advice
    assert VALIDATE in advice


def test_a_check_that_holds_already_saves_reading_the_table() -> None:
    checked = TableFacts("tenant_acme", 10, 400_000_000, 0, COLUMNS, frozenset({"note"}))
    reviewed = judge(SET_NOT_NULL, facts=Facts({"item": checked}))
    assert reviewed.findings == []
    assert reviewed.locks[0]["estimate_ms"] < 10


def test_a_small_table_is_a_warning_and_one_nobody_measured_a_danger() -> None:
    sql = "ALTER TABLE {} ADD CONSTRAINT ck CHECK (id > 0)"
    levels = {name: judge(sql.format(name)).findings[0]["level"] for name in ("item", "unit", "never_seen")}
    assert levels == {"item": "danger", "unit": "warning", "never_seen": "danger"}


@pytest.mark.parametrize(
    ("sql", "level"),
    [
        ("!CREATE INDEX CONCURRENTLY ix_a ON row_history (at)", "warning"),
        ("!CREATE UNIQUE INDEX CONCURRENTLY ix_a ON stock_move (at)", "warning"),
        ("!CREATE INDEX CONCURRENTLY ix_a ON move (due)", "danger"),
        ("!DROP INDEX CONCURRENTLY ix_move_due", "danger"),
    ],
    ids=["may grow", "may grow too", "has grown", "drop"],
)
def test_what_is_or_may_be_partitioned_gets_no_index_concurrently(sql: str, level: str) -> None:
    [finding] = judge(sql).findings
    assert (finding["rule"], finding["level"]) == ("concurrent-on-partitions", level)


def test_an_index_of_a_partitioned_table_is_advised_by_partition() -> None:
    [finding] = judge("CREATE INDEX ix_move_note ON move (note)").findings
    assert finding["rule"] == "plain-index"
    assert "ALTER INDEX ix_move_note ATTACH PARTITION" in finding["advice"]


def test_new_tables_may_be_locked_as_long_as_it_takes() -> None:
    assert judge("CREATE TABLE draft (id bigint)", "CREATE INDEX ix_draft ON draft (id)").findings == []


def test_time_comes_from_the_largest_tenant_and_says_its_rate() -> None:
    row = judge("ALTER TABLE item ADD CONSTRAINT ck CHECK (id > 0)").locks[0]
    assert (row["rows"], row["bytes"]) == (2_000_000, 400_000_000)
    assert row["estimate_ms"] > 100
    assert "400.0 MB at" in row["reason"]


def test_what_nobody_knows_has_no_time() -> None:
    assert judge("ALTER TABLE never_seen ADD CONSTRAINT ck CHECK (id > 0)").locks[0]["estimate_ms"] is None


def test_words_in_strings_and_comments_are_no_statements() -> None:
    assert judge("COMMENT ON TABLE item IS 'DROP TABLE item' -- TRUNCATE item").findings == []


def test_a_shared_function_may_be_named_and_a_shared_table_not() -> None:
    named = "CREATE TRIGGER t BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION public.refuse_change()"
    assert judge(named).findings == []
    assert "qualified-name" in rules_of(judge("ALTER TABLE public.tenant ADD COLUMN size text"))


def test_squawk_speaks_for_what_our_rules_do_not_cover() -> None:
    assert "require-concurrent-index-deletion" in rules_of(judge("DROP INDEX ix_item_code"))


def test_a_remark_of_squawk_belongs_to_its_statement() -> None:
    finding = judge("ANALYZE item", "SELECT 1; DROP INDEX ix_item_code").findings[0]
    assert (finding["step"], finding["statement"]) == (1, 1)


@pytest.mark.parametrize("kind", ["missing", "crashes", "talks nonsense"])
def test_without_squawk_the_plan_says_that_it_was_not_linted(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "squawk"
    if kind != "missing":
        program.write_text("#!/bin/sh\ncat >/dev/null\n" + ("exit 7" if kind == "crashes" else "echo '{'"))
        program.chmod(0o755)
    monkeypatch.setattr(second_opinion, "ask", lambda sql: squawk.ask(sql, program))
    assert rules_of(judge("ALTER TABLE item ADD COLUMN size text")) == ["not-linted"]


def test_a_statement_squawk_cannot_read_is_said_to_be_not_linted() -> None:
    assert "not-linted" in rules_of(judge("ALTER TABLE item FROBNICATE note"))


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("ALTER TABLE item DROP COLUMN note", "0008 drops item.note, whose values are gone"),
        ("DROP TABLE item", "0008 drops item, whose rows are gone"),
        ("UPDATE item SET note = '' WHERE id = 1", "0008 overwrites values of item"),
        (
            "ALTER TABLE item ALTER COLUMN note TYPE jsonb USING note::jsonb",
            "0008 changes the type of item.note",
        ),
    ],
    ids=["column", "table", "update", "type"],
)
def test_a_plan_that_loses_data_has_no_way_back(sql: str, reason: str) -> None:
    reviewed = judge(sql)
    assert not reviewed.is_reversible
    assert reviewed.irreversible_reason.startswith(reason)


def test_a_plan_that_only_adds_can_be_taken_back() -> None:
    assert judge("ALTER TABLE item ADD COLUMN size text", f"!{INDEX}").is_reversible


def test_a_revision_without_downgrade_has_no_way_back() -> None:
    reviewed = judge("ANALYZE item", facts=Facts(without_downgrade=frozenset({"0008"})))
    assert reviewed.irreversible_reason == "0008 has no downgrade"


def test_a_revision_run_by_alembic_is_said_to_be_unreviewed() -> None:
    reviewed = review([Step(0, "0008", True, (), "0008")], FACTS)
    assert rules_of(reviewed) == ["by-alembic"]
    assert not reviewed.is_reversible
    assert reviewed.estimate_ms is None
