"""Rules about indexes, data, names, settings and what the running release still needs."""

from collections.abc import Iterator

from dashboard.schema_migrations.linting.effects import Effect, find_names
from dashboard.schema_migrations.linting.findings import SMALL_ROWS, Finding, Plan, Statement
from dashboard.schema_migrations.linting.grammar import TENANT_SCHEMAS
from dashboard.schema_migrations.linting.partitions import recipe
from dashboard.schema_migrations.linting.tokens import Token, Tokens, has_words

BLOCK = (
    "with op.get_context().autocommit_block():"
    " op.create_index({name!r}, {table!r}, […], postgresql_concurrently=True)"
)


def plain_index(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """An index built while writes wait."""
    is_divided = plan.is_partitioned(effect.table)
    if is_divided and "ONLY" in effect.flags:
        return  # of the partitions nothing is read, and of itself it has no rows
    if effect.kind in {"create index", "reindex"} and not plan.is_empty(effect.table):
        name = effect.name or f"ix_{effect.table}_…"
        advice = f"Alone in its revision: {BLOCK.format(name=name, table=effect.table)}"
        if is_divided:
            advice = recipe(effect.table, effect.name)
        if effect.kind == "reindex":
            advice = f"Write CONCURRENTLY: REINDEX TABLE CONCURRENTLY {effect.table}"
        message = (
            f"The index {effect.name or 'of ' + effect.table} is built while writes to {effect.table} wait"
        )
        yield seen.finding("plain-index", plan.level(effect.table), message, advice)


def concurrent_index(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """One concurrent index per revision, outside a transaction, and never IF NOT EXISTS."""
    if "concurrently" not in effect.kind or "index" not in effect.kind:
        return
    name, table = effect.name or "…", effect.table
    if seen.step.transactional:
        message = f"CONCURRENTLY cannot run inside a transaction: {name} would fail"
        yield seen.finding(
            "concurrent-in-transaction", "danger", message, BLOCK.format(name=name, table=table)
        )
    if "IF NOT EXISTS" in effect.flags:
        message = (
            f"IF NOT EXISTS keeps {name} when an attempt that failed left it invalid: the index is never used"
        )
        advice = f"Leave IF NOT EXISTS out; the runner drops an invalid {name} itself before it tries again."
        yield seen.finding("concurrent-if-not-exists", "danger", message, advice)
    if effect.kind.startswith("create") and plan.concurrent[seen.step.revision] > 1:
        message = f"{name} is not the only concurrent index of revision {seen.step.revision}"
        advice = "One per revision: a failure is then about one index, and resuming starts at that one."
        yield seen.finding("one-concurrent-index", "danger", message, advice)


def unbatched_change(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """An UPDATE or DELETE over a whole table in one transaction."""
    if effect.kind not in {"update", "delete"} or plan.is_new(effect.table) or is_bounded(effect.rest):
        return
    known = plan.facts.tables.get(effect.table)
    level = "warning" if known and known.rows <= SMALL_ROWS else "danger"
    yield seen.finding(
        f"unbatched-{effect.kind}",
        level,
        f"{effect.kind.upper()} of {effect.table} locks every row it changes until the transaction ends",
        "Declare it as a data change: a file in migrations/data/ with WHERE id > :after AND id <= :upto; it"
        f" runs in small batches over {effect.table} of every tenant and can be stopped and resumed.",
    )


def is_bounded(tokens: Tokens) -> bool:
    """Whether the rows are named by their key: id = 5, id IN (…), id BETWEEN …, or id > … AND id <= …."""
    signs = set()
    for place, token in enumerate(tokens[:-2]):
        if token.name != "id":
            continue
        sign, value = tokens[place + 1].key, tokens[place + 2]
        is_literal = value.kind in {"number", "string"}
        if sign == "BETWEEN" or (sign == "=" and is_literal):
            return True
        if sign == "IN" and place + 3 < len(tokens) and tokens[place + 3].kind in {"number", "string"}:
            return True
        signs.add(sign)
    return {"<", ">"} <= signs


def lost_data(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """DROP of what the release that is still running reads; TRUNCATE."""
    if plan.is_new(effect.table):
        return
    if effect.kind in {"drop column", "drop table"}:
        what = f"{effect.table}.{effect.column}" if effect.kind == "drop column" else effect.table
        yield seen.finding(
            effect.kind.replace(" ", "-"),
            "danger",
            f"The running release still reads {what}: it fails until the new one serves; its data is lost",
            f"First release code that does not name {what} any more (a column may have to allow NULL);"
            " drop it in a later revision, after a backup that is kept.",
        )
    if effect.kind == "truncate":
        message = f"TRUNCATE empties {effect.table} in every tenant while reads and writes wait"
        advice = "Delete in batches by a data change (migrations/data/), after a backup that is kept."
        yield seen.finding("truncate", "danger", message, advice)


def renamed(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """A name the running release still uses."""
    if effect.kind == "rename" and not plan.is_new(effect.table):
        what = f"{effect.table}.{effect.column}" if effect.column else effect.table
        yield seen.finding(
            "rename",
            "danger",
            f"{what} has another name from one moment to the next: the running release fails",
            "Keep the name in the database and change it in the model only; or add the new column, write"
            " both, fill it in batches, and drop the old one two releases later.",
        )


def explicit_lock(seen: Statement, _plan: Plan, effect: Effect) -> Iterator[Finding]:
    """LOCK TABLE."""
    if effect.kind == "lock table" and effect.lock:
        message = f"LOCK TABLE {effect.table} is held until the step is committed: {effect.lock.holds_up}"
        advice = "Leave it out: each statement takes the lock it needs, and the runner keeps the wait short."
        yield seen.finding("lock-table", "danger", message, advice)


def settings(seen: Statement, _plan: Plan, effect: Effect) -> Iterator[Finding]:
    """Settings that are the runner's: where it is, and how long it waits."""
    if effect.kind not in {"set", "select"}:
        return
    words = {token.name for token in seen.tokens} | {token.inside.lower() for token in seen.tokens}
    is_setting = effect.kind == "set" or "set_config" in words
    if is_setting and "search_path" in words:
        message = "The migration chooses the schema itself: it would change one tenant again and again"
        advice = "Leave the search_path alone; the runner sets it to each tenant's schema."
        yield seen.finding("search-path", "danger", message, advice)
    for name in sorted(words & {"lock_timeout", "statement_timeout"} if is_setting else set()):
        message = f"{name} is the runner's: set here, it would wait longer for a lock than people are patient"
        advice = f"Leave {name} out; the runner begins with 0.1 s and tries again, longer each time."
        yield seen.finding("timeout-set", "danger", message, advice)


def own_transaction(seen: Statement, _plan: Plan, effect: Effect) -> Iterator[Finding]:
    """What begins or ends the transaction, which is the runner's, or takes back a part of it."""
    if effect.kind == "transaction":
        word = seen.tokens[0].key
        message = f"{word} is the runner's: set here, the change would be kept or lost without its version"
        advice = f"Take {word} out: the runner begins and commits, each step with its version and ledger."
        yield seen.finding("own-transaction", "danger", message, advice)


def qualified_names(seen: Statement) -> Iterator[Finding]:
    """A name with a schema means the same table for every tenant."""
    schemas = {effect.schema: effect for effect in seen.effects if effect.schema and effect.kind != "read"}
    named = {name.schema for name in find_names(seen.tokens, {"FROM", "JOIN", "REFERENCES"})}
    literal = {
        token.name
        for token in seen.tokens
        if token.name.startswith(TENANT_SCHEMAS) and _is_schema(token, seen)
    }
    foreign = {schema for schema in schemas if schema != "pg_catalog"} | literal
    foreign |= {
        schema for schema in named if schema not in {"", "public", "pg_catalog", "information_schema"}
    }
    references = {effect.schema for effect in seen.effects if effect.kind == "is referenced"}
    for schema in sorted(foreign - (references & {"public"})):
        advice = "Leave the schema out. Shared tables belong into migrations/shared, which runs once."
        message = (
            f"A name is bound to the schema {schema}: the statement means the same table for every tenant"
        )
        yield seen.finding("qualified-name", "danger", message, advice)


def _is_schema(token: Token, seen: Statement) -> bool:
    place = seen.tokens.index(token)
    return place + 1 < len(seen.tokens) and seen.tokens[place + 1].text == "."


def unknown_lock(seen: Statement) -> Iterator[Finding]:
    """What the text does not tell."""
    if all(effect.is_known for effect in seen.effects):
        return
    is_cascade = has_words(seen.tokens, "CASCADE")
    why = (
        "CASCADE drops what depends on it, which the text does not name"
        if is_cascade
        else "its text does not say it"
    )
    message = f"What this statement locks is unknown: {why}"
    advice = "Let the rehearsal show it: it runs the plan on a restored backup and reports the locks it saw."
    yield seen.finding("unknown-lock", "warning", message, advice)
