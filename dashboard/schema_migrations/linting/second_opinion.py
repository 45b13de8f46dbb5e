"""Squawk's findings about a plan, without those our own rules judge with the tables' sizes at hand."""

from collections import Counter
from collections.abc import Iterator, Sequence

from dashboard.schema_migrations.linting.findings import NOTE, WARNING, Finding, Plan, Statement
from dashboard.schema_migrations.linting.squawk import NotLintedError, Remark, ask

# squawk's rule -> the rule of ours that says the same, and knows more: which tables are new, empty or proven.
COVERED = {
    "adding-required-field": "not-null-at-once",
    "adding-not-nullable-field": "not-null-at-once",
    "constraint-missing-not-valid": "constraint-at-once",
    "adding-foreign-key-constraint": "constraint-at-once",
    "disallowed-unique-constraint": "unique-at-once",
    "adding-primary-key-constraint": "unique-at-once",
    "changing-column-type": "rewriting-type",
    "ban-drop-column": "drop-column",
    "ban-drop-table": "drop-table",
    "ban-drop-not-null": "",
    "renaming-column": "rename",
    "renaming-table": "rename",
    "renaming-object": "rename",  # names of constraints and indexes are not in the code
    "require-concurrent-index-creation": "plain-index",
    "ban-concurrent-index-creation-in-transaction": "concurrent-in-transaction",
    "adding-field-with-default": "volatile-default",
    "transaction-nesting": "own-transaction",
}


def opinions(statements: Sequence[Statement], plan: Plan) -> Iterator[Finding]:
    """Yield squawk's remarks as findings; that it could not be asked is a finding, too."""
    if not statements:
        return
    text, lines = _text(statements)
    try:
        remarks = ask(text)
    except NotLintedError as error:
        yield _not_linted(statements[0], f"Not linted by squawk: {error}")
        return
    counts = Counter(remark.rule for remark in remarks)
    told = set()
    for remark in remarks:
        seen = _statement_at(lines, remark.line)
        if remark.level == NOTE:  # taste is told once
            if remark.rule not in told:
                told.add(remark.rule)
                message = f"{remark.message} (places in this plan: {counts[remark.rule]})"
                yield seen.finding(remark.rule, NOTE, message, remark.advice)
        elif remark.rule == "syntax-error":
            yield _not_linted(seen, f"squawk cannot read this statement: {remark.message}")
        elif not _is_covered(remark, seen, plan):
            yield seen.finding(remark.rule, remark.level, remark.message, remark.advice)


def _text(statements: Sequence[Statement]) -> tuple[str, list[tuple[int, Statement]]]:
    """The plan as one script with its transactions, and the line each statement begins at."""
    written: list[str] = []
    lines: list[tuple[int, Statement]] = []
    for index, seen in enumerate(statements):
        is_first = index == 0 or statements[index - 1].step.number != seen.step.number
        is_last = index + 1 == len(statements) or statements[index + 1].step.number != seen.step.number
        lines.append((len(written), seen))
        sql = seen.step.statements[seen.place].strip().removesuffix(";") + "\n;"
        begin, commit = ("BEGIN;", "COMMIT;") if seen.step.transactional else ("", "")
        whole = f"{begin if is_first else ''}\n{sql}\n{commit if is_last else ''}"
        written.extend(whole.split("\n"))
    return "\n".join(written) + "\n", lines


def _statement_at(lines: Sequence[tuple[int, Statement]], line: int) -> Statement:
    return next((seen for start, seen in reversed(lines) if start <= line), lines[0][1])


def _is_covered(remark: Remark, seen: Statement, plan: Plan) -> bool:
    """A rule of ours speaks for it, unless we could not read the statement; new tables hold nobody up."""
    is_known = all(effect.is_known for effect in seen.effects)
    tables = {effect.table for effect in seen.effects if effect.table}
    is_new = bool(tables) and all(plan.is_new(table) for table in tables)
    return is_known and (remark.rule in COVERED or is_new)


def _not_linted(seen: Statement, message: str) -> Finding:
    advice = (
        "Our own rules have judged it all the same. Install requirements.txt again; squawk comes with it."
    )
    return seen.finding("not-linted", WARNING, message, advice)
