"""Turns one statement into its effects: which lock on which table, and how much work under it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from dashboard.schema_migrations.linting.facts import Facts
from dashboard.schema_migrations.linting.grammar import (
    ACTIONS,
    FUNCTIONS,
    PLAIN_FUNCTIONS,
    STABLE,
    STATEMENTS,
    WITHOUT_TABLE,
    Work,
)
from dashboard.schema_migrations.linting.locks import Lock
from dashboard.schema_migrations.linting.patterns import Match, Name, match
from dashboard.schema_migrations.linting.tokens import Tokens, has_words, read_tokens, split_at_commas

READ_WORDS = {"FROM", "JOIN", "USING"}
WITH_OTHERS = {"create table", "insert", "update", "delete", "create view", "create materialized view"}
WRITTEN = {
    "insert": "INSERT INTO <table>",
    "update": "UPDATE ONLY? <table>",
    "delete": "DELETE FROM ONLY? <table>",
}
WITHOUT_LOCK = {"set", "comment", "transaction"}
ALIASED = {"REFERENCES", "INTO"}  # a bracket after their name lists columns
NO_TARGET = {
    "FOR",
    "DO",
    "OF",
    "DISTINCT",
    "BEFORE",
    "AFTER",
    "OR",
}  # FOR UPDATE, DO UPDATE, IS DISTINCT FROM


@dataclass(frozen=True)
class Effect:
    """One thing a statement does. `is_known` is False where the text does not say what is locked."""

    kind: str
    table: str = ""
    lock: Lock | None = None
    work: Work = Work.NONE
    is_known: bool = True
    schema: str = ""
    column: str = ""
    name: str = ""
    flags: frozenset[str] = frozenset()
    rest: Tokens = ()


def read_effects(tokens: Tokens, facts: Facts) -> tuple[Effect, ...]:
    """Return what one statement does; never empty."""
    tokens = _without_options(tokens)
    for shape in STATEMENTS:
        if taken := match(shape.pattern, tokens):
            effect = Effect(shape.kind, lock=shape.lock, work=shape.work, flags=taken.flags, rest=taken.rest)
            return tuple(_expand(effect, taken, tokens, facts))
    for pattern in WITHOUT_TABLE:
        if taken := match(pattern, tokens):
            is_known = "CASCADE" not in {token.key for token in tokens[-1:]}
            return (Effect(pattern.split()[0].lower(), is_known=is_known), *_of_body(tokens))
    return (Effect("unknown", work=Work.UNKNOWN, is_known=False),)


def _without_options(tokens: Tokens) -> Tokens:
    """`VACUUM (FULL, ANALYZE) t` as `VACUUM FULL ANALYZE t`; the same for ANALYZE, CLUSTER, REINDEX."""
    bracketed = {"VACUUM", "ANALYZE", "CLUSTER", "REINDEX"}
    if len(tokens) < 2 or tokens[0].key not in bracketed or tokens[1].text != "(":  # a word, a bracket
        return tokens
    end = next(place for place, token in enumerate(tokens) if token.text == ")")
    ordered = ("FULL", "FREEZE", "VERBOSE", "ANALYZE")
    options = {token.key: token for token in tokens[2:end]}
    return (tokens[0], *(options[word] for word in ordered if word in options), *tokens[end + 1 :])


def _expand(effect: Effect, taken: Match, tokens: Tokens, facts: Facts) -> Iterator[Effect]:
    """One effect per table, and the tables that are locked along with it."""
    if effect.kind == "alter table":
        yield from _of_actions(taken, facts)
        return
    if effect.kind == "select":
        yield from _of_query(tokens)
        return
    effect = replace(effect, lock=_asked_lock(taken.rest) if effect.kind == "lock table" else effect.lock)
    effect = replace(effect, name=taken.names["name"][0].last if "name" in taken.names else "")
    for name in _tables(taken, facts):
        yield replace(effect, table=name.last, schema=name.schema)
        yield from _locked_along(effect, name, facts)
    if not _tables(taken, facts):
        yield replace(effect, lock=None, is_known=effect.kind in WITHOUT_LOCK)
    if effect.kind in {
        "create table",
        "insert",
        "update",
        "delete",
        "create view",
        "create materialized view",
    }:
        yield from _others(effect, taken)


def _tables(taken: Match, facts: Facts) -> tuple[Name, ...]:
    if "indexes" in taken.names:
        owners = [facts.index_tables.get(name.last, "") for name in taken.names["indexes"]]
        return tuple(Name((owner,)) for owner in dict.fromkeys(owners) if owner)
    if column := taken.first("column"):
        return (Name(column.parts[:-1]),) if len(column.parts) > 1 else ()
    return taken.names.get("table") or taken.names.get("list") or ()


def _asked_lock(rest: Tokens) -> Lock:
    words = "_".join(token.key for token in rest if token.key not in {"IN", "MODE", "NOWAIT"})
    return Lock.__members__.get(words, Lock.ACCESS_EXCLUSIVE)


def _locked_along(effect: Effect, name: Name, facts: Facts) -> Iterator[Effect]:
    """Dropping a table locks those its foreign keys point to; with CASCADE and TRUNCATE also the others."""
    if effect.kind != "drop table":
        return
    for (table, _constraint), target in facts.references.items():
        if table == name.last != target:
            yield Effect("drop constraint", target, Lock.ACCESS_EXCLUSIVE)


def _others(effect: Effect, taken: Match) -> Iterator[Effect]:
    own = {name.last for name in taken.names.get("table", ())}
    for name in find_names(taken.rest, {"REFERENCES"}):
        if name.last not in own:
            yield Effect("is referenced", name.last, Lock.SHARE_ROW_EXCLUSIVE, schema=name.schema)
    for name in find_names(taken.rest, READ_WORDS):
        if effect.kind != "create table" and name.last not in own:
            yield Effect("read", name.last, Lock.ACCESS_SHARE, schema=name.schema)


def find_names(tokens: Tokens, words: set[str]) -> Iterator[Name]:
    """Yield the names that stand after one of the words and are no functions or names of WITH."""
    aliases = {token.name for token, following in pairwise(tokens) if following.key == "AS" and token.name}
    for place, token in enumerate(tokens):
        if token.key in words and (found := match("LATERAL? ONLY? <table>", tokens[place + 1 :])):
            name = found.names["table"][0]
            is_call = (
                bool(found.rest) and found.rest[0].text == "(" and token.key not in {"REFERENCES", "INTO"}
            )
            if name.last not in aliases and not is_call and token_before(tokens, place) != "DISTINCT":
                yield name


def token_before(tokens: Tokens, place: int) -> str:
    """The keyword before a place; empty at the beginning."""
    return tokens[place - 1].key if place else ""


def _of_query(tokens: Tokens) -> Iterator[Effect]:
    """A SELECT, perhaps with functions of which the text does not say what they do."""
    calls = list(_calls(tokens))
    known = [(name, argument) for name, argument in calls if name in FUNCTIONS and argument]
    for name, argument in known:
        yield Effect(f"call {name}", argument, FUNCTIONS[name])
    for kind, written in _written(tokens):
        work = Work.UNKNOWN if kind == "insert" else Work.ROWS
        yield Effect(kind, written.last, Lock.ROW_EXCLUSIVE, work, schema=written.schema, rest=tokens)
    for table in find_names(tokens, {"FROM", "JOIN"}):
        yield Effect("read", table.last, Lock.ACCESS_SHARE, Work.UNKNOWN, schema=table.schema)
    is_known = all(name in PLAIN_FUNCTIONS or name in FUNCTIONS for name, _ in calls)
    if not known or not is_known:
        yield Effect("select", is_known=is_known, work=Work.NONE if is_known else Work.UNKNOWN)


def _written(tokens: Tokens) -> Iterator[tuple[str, Name]]:
    """What INSERT, UPDATE and DELETE name, wherever they stand in a statement."""
    for place in range(len(tokens)):
        for kind, pattern in WRITTEN.items():
            taken = match(pattern, tokens[place:])
            if taken and token_before(tokens, place) not in NO_TARGET:
                yield kind, taken.names["table"][0]


def _calls(tokens: Tokens) -> Iterator[tuple[str, str]]:
    """Yield the functions a statement calls, with their first argument when that is a string."""
    for place, token in enumerate(tokens[:-1]):
        if token.name and tokens[place + 1].text == "(" and token_before(tokens, place) not in {"AS", "INTO"}:
            argument = tokens[place + 2] if place + 2 < len(tokens) else token
            yield token.name, argument.inside


def _of_body(tokens: Tokens) -> Iterator[Effect]:
    """The body of an SQL function is analysed when it is made, under light locks on what it names."""
    if tokens[0].key != "CREATE" or not has_words(tokens, "LANGUAGE", "SQL"):
        return
    body = next((read_tokens(token.inside) for token in tokens if token.kind in {"body", "string"}), tokens)
    written = {name.last for _, name in _written(body)}
    for table in sorted(written):
        yield Effect("is named", table, Lock.ROW_EXCLUSIVE)
    for table in sorted({name.last for name in find_names(body, {"FROM", "JOIN"})} - written):
        yield Effect("is named", table, Lock.ACCESS_SHARE)


def _of_actions(taken: Match, facts: Facts) -> Iterator[Effect]:
    table = taken.names["table"][0]
    for part in split_at_commas(taken.rest):
        base = Effect(
            "alter table", table.last, schema=table.schema, is_known=False, work=Work.UNKNOWN, rest=part
        )
        for shape in ACTIONS:
            if found := match(shape.pattern, part):
                column, name = found.first("column"), found.first("name")
                effect = replace(base, kind=shape.kind, lock=shape.lock, work=shape.work, rest=found.rest)
                effect = replace(
                    effect,
                    is_known=True,
                    column=column.last if column else "",
                    name=name.last if name else "",
                    flags=found.flags,
                )
                yield from _of_action(effect, found, facts)
                break
        else:
            yield replace(base, lock=Lock.ACCESS_EXCLUSIVE)


def _of_action(effect: Effect, found: Match, facts: Facts) -> Iterator[Effect]:
    if effect.kind == "add column":
        effect = replace(effect, work=_work_of_column(effect.rest))
    if has_words(effect.rest, "NOT", "VALID"):
        effect = replace(effect, work=Work.NONE)
    yield effect
    if effect.kind in {"add foreign key", "add column"}:
        for name in find_names(effect.rest, {"REFERENCES"}):
            if name.last != effect.table:
                yield Effect("is referenced", name.last, Lock.SHARE_ROW_EXCLUSIVE, schema=name.schema)
    target = facts.references.get((effect.table, effect.name))
    if target and target != effect.table and effect.kind in {"drop constraint", "validate"}:
        is_drop = effect.kind == "drop constraint"
        yield Effect("is referenced", target, Lock.ACCESS_EXCLUSIVE if is_drop else Lock.ROW_SHARE)
    if other := found.first("other"):
        yield Effect("attach partition", other.last, Lock.ACCESS_EXCLUSIVE, Work.SCAN, schema=other.schema)


def _work_of_column(rest: Tokens) -> Work:
    """A constant default is kept in the catalog; one computed row by row writes the table anew."""
    keys = [token.key for token in rest]
    if "STORED" in keys or "IDENTITY" in keys or any(key.endswith("SERIAL") for key in keys[:1]):
        return Work.REWRITE
    if "DEFAULT" in keys:
        after = rest[keys.index("DEFAULT") + 1 :]
        if any(name not in STABLE for name, _ in _calls(after)):
            return Work.REWRITE
    if {"UNIQUE", "PRIMARY"} & set(keys):
        return Work.INDEX
    return Work.SCAN if "CHECK" in keys else Work.NONE
