"""Rules about columns and constraints: what reads or writes a whole table under a lock."""

from collections.abc import Iterator

from dashboard.schema_migrations.linting.effects import Effect
from dashboard.schema_migrations.linting.findings import Finding, Plan, Statement
from dashboard.schema_migrations.linting.grammar import Work
from dashboard.schema_migrations.linting.tokens import has_words
from dashboard.schema_migrations.linting.type_changes import keeps_rows

NEW_COLUMN_RECIPE = (
    "Add {column}_new of the new type, let the release write both, fill it in batches (migrations/data/),"
    " read {column}_new from the next release on and drop {column} in the one after."
)


def not_null_at_once(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """NOT NULL needs every row read, or there is no value for the rows that are there."""
    table, column = effect.table, effect.column
    if plan.is_empty(table):
        return
    is_new_column = effect.kind == "add column" and has_words(effect.rest, "NOT", "NULL")
    if is_new_column and not {"DEFAULT", "GENERATED"} & {token.key for token in effect.rest}:
        message = f"{table}.{column} is added NOT NULL without a value for the rows that are there: it fails"
        yield seen.finding("not-null-at-once", "danger", message, _fill_recipe(table, column, is_new=True))
    if effect.kind == "set not null" and not plan.is_filled(table, column, seen.step.number):
        message = f"SET NOT NULL on {table}.{column} reads the whole table while reads and writes wait"
        yield seen.finding("not-null-at-once", plan.level(table), message, _fill_recipe(table, column))


def _fill_recipe(table: str, column: str, *, is_new: bool = False) -> str:
    check = f"ck_{table}_{column}_filled"
    first = f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID"
    add = f"add the column without NOT NULL (or with a constant DEFAULT), then {first}" if is_new else first
    return (
        f"In two phases. This revision: {add}; fill the rows in batches (migrations/data/)."
        f" Next revision: ALTER TABLE {table} VALIDATE CONSTRAINT {check}; the one after: ALTER TABLE {table}"
        f" ALTER COLUMN {column} SET NOT NULL, which trusts the check and reads nothing, and drop the check."
    )


def constraint_at_once(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """A check or foreign key that is verified while it is added."""
    if effect.kind not in {"add check", "add foreign key"} or effect.work is not Work.SCAN:
        return
    if plan.is_empty(effect.table):
        return
    name, table = effect.name or "…", effect.table
    kind = "foreign key" if effect.kind == "add foreign key" else "check"
    held = "writes wait on both tables" if kind == "foreign key" else "reads and writes wait"
    yield seen.finding(
        "constraint-at-once",
        plan.level(table),
        f"The {kind} {name} is verified against every row of {table} while {held}",
        f"Write NOT VALID after it here; in the next revision ALTER TABLE {table} VALIDATE CONSTRAINT {name},"
        " which lets reads and writes go on.",
    )


def validate_at_once(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """VALIDATE in the transaction that still holds the lock of adding the constraint."""
    added = plan.unchecked.get((effect.table, effect.name))
    if effect.kind == "validate" and added == seen.step.number:
        yield seen.finding(
            "validate-at-once",
            plan.level(effect.table),
            f"{effect.name} is validated in the transaction that added it: its strong lock is held meanwhile",
            f"Move ALTER TABLE {effect.table} VALIDATE CONSTRAINT {effect.name} into the next revision.",
        )


def unique_at_once(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """A unique or primary key constraint that builds its index under the strongest lock."""
    is_built = effect.kind in {"add unique", "add exclusion", "add column"} and effect.work is Work.INDEX
    if not is_built or plan.is_empty(effect.table):
        return
    name, table = effect.name or f"uq_{effect.table}_…", effect.table
    yield seen.finding(
        "unique-at-once",
        plan.level(table),
        f"{name} builds its index while reads and writes of {table} wait",
        f"One revision: CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} (…) in op.get_context()."
        f"autocommit_block(); the next: ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}.",
    )


def rewriting_type(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """A change of type that writes every row anew."""
    if effect.kind != "change type" or effect.work is not Work.REWRITE or plan.is_empty(effect.table):
        return
    before = plan.column_type(effect.table, effect.column)
    was = f" (now {before})" if before else " (its type now is not known)"
    yield seen.finding(
        "rewriting-type",
        plan.level(effect.table),
        f"Changing the type of {effect.table}.{effect.column}{was} writes the table and its indexes anew"
        " while reads and writes wait",
        NEW_COLUMN_RECIPE.format(column=effect.column),
    )


def is_kept(effect: Effect, plan: Plan) -> bool:
    """Whether a change of type changes the catalog only."""
    if effect.kind != "change type" or has_words(effect.rest, "USING"):
        return False
    after = " ".join(token.text for token in effect.rest if token.key != "COLLATE").replace(" ,", ",")
    return keeps_rows(
        plan.column_type(effect.table, effect.column), after.replace("( ", "(").replace(" )", ")")
    )


def volatile_default(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """A new column whose value has to be computed row by row."""
    if effect.kind != "add column" or effect.work is not Work.REWRITE or plan.is_empty(effect.table):
        return
    table, column = effect.table, effect.column
    yield seen.finding(
        "volatile-default",
        plan.level(table),
        f"The value of {table}.{column} is computed for every row, which writes the table anew under the"
        " strongest lock",
        f"Add {column} without a default, ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT … for new"
        " rows and fill the old ones in batches (migrations/data/).",
    )


def rewriting_table(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """VACUUM FULL, CLUSTER, and moving a table."""
    rules = {
        "vacuum full": (
            "vacuum-full",
            "Plain VACUUM frees room for new rows; pg_repack shrinks without holding up.",
        ),
        "cluster": (
            "cluster",
            "pg_repack orders a table without holding up; or leave the order to an index.",
        ),
        "set tablespace": ("moved-table", "Move it in a maintenance window, or with pg_repack."),
        "set logged": ("moved-table", "Choose LOGGED or UNLOGGED when the table is made."),
        "set access method": ("moved-table", "Copy into a new table in batches and swap the names."),
    }
    if effect.kind in rules and not plan.is_new(effect.table):
        rule, advice = rules[effect.kind]
        message = (
            f"{effect.kind.upper()} writes {effect.table or 'every table'} anew while reads and writes wait"
        )
        yield seen.finding(rule, "danger", message, advice)
