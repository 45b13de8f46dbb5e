"""Whether a plan can be taken back by its downgrade, and if not, why."""

from collections.abc import Iterable, Iterator

from dashboard.schema_migrations.linting.findings import Plan, Statement
from dashboard.schema_migrations.linting.grammar import Work

LOSES = {
    "drop column": "drops {table}.{column}, whose values are gone",
    "drop table": "drops {table}, whose rows are gone",
    "truncate": "empties {table}",
    "delete": "deletes rows of {table}",
    "update": "overwrites values of {table}",
    "change type": "changes the type of {table}.{column}: converting back may lose what the new type held",
}


def reasons_against(statements: Iterable[Statement], plan: Plan) -> Iterator[str]:
    """Yield why the plan cannot be undone, revision by revision, each reason once."""
    seen = set()
    for statement in statements:
        for reason in _of_statement(statement, plan):
            line = f"{statement.step.revision} {reason}"
            if line not in seen:
                seen.add(line)
                yield line


def _of_statement(statement: Statement, plan: Plan) -> Iterator[str]:
    for effect in statement.effects:
        is_kept = plan.is_new(effect.table) or (effect.kind == "change type" and effect.work is Work.NONE)
        if effect.kind in LOSES and not is_kept:
            yield LOSES[effect.kind].format(table=effect.table, column=effect.column)
