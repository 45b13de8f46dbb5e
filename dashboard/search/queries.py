"""Finds records of every entity by words, numbers and ids, with one query.

Each table gives a few candidates from its trigram index: those whose number or code is the text, those that
begin with it, those that contain every word. Only the candidates are ranked, so that a common word costs as
little as a rare one. Where nothing contains the words, names that sound alike are offered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from dashboard.records.filters import like
from dashboard.records.values import clean
from dashboard.search.sources import Source

MAX_TEXT = 100
MAX_WORDS = 6
TRIGRAM = 3
EXACT, BEGINS, CONTAINS = 8, 24, 32
NO_SCANS = "SET LOCAL enable_seqscan TO off; SET LOCAL enable_indexscan TO off"
EXACT_ID, EXACT_NAME, PREFIX_ID, PREFIX_NAME, WORD, INSIDE, ALIKE = range(7)
_ID = re.compile(r"#\s?(\d{1,18})")
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Wanted:
    """What was asked for: the text, its words, and the id where one was given as #12."""

    text: str
    words: tuple[str, ...]
    record_id: int | None = None

    @property
    def is_short(self) -> bool:
        """Whether there is no trigram in it: only beginnings are looked up."""
        return len(self.text) < TRIGRAM

    @property
    def is_code(self) -> bool:
        """Whether it looks like a number, a code or an address: hundreds of others may begin with it."""
        return "@" in self.text or any(letter.isdigit() for letter in self.text)


@dataclass(frozen=True)
class Hit:
    """A record found. `texts` are its searched columns by name; `status` may be empty."""

    source: str
    entity: str
    record_id: int
    label: str
    texts: dict[str, str]
    status: str
    partner: str
    rank: int
    score: float


def read(text: str) -> Wanted:
    """Make a question of what was typed; what no database can hold is left out."""
    text = " ".join(_SURROGATES.sub("", clean(text)).split())[:MAX_TEXT].strip()
    found = _ID.fullmatch(text)
    if found:
        return Wanted(text, (), int(found[1]))
    return Wanted(text, tuple(dict.fromkeys(text.split()))[:MAX_WORDS])


def find(session: Session, sources: Sequence[Source], wanted: Wanted, limit: int) -> list[Hit]:
    """Up to `limit` records of each source, the best first. One query; a second where nothing is found."""
    if not wanted.text or not sources:
        return []
    # Only the first few rows are wanted, so a table would be read from its start: far slower than its index.
    session.connection().exec_driver_sql(f"{NO_SCANS}; SET LOCAL jit TO off")
    if wanted.record_id is not None:
        return _hits(session, sources, _by_id(tuple(sources)), {"id": wanted.record_id})
    words = 0 if wanted.is_short else len(wanted.words)
    statement = _by_words(tuple(sources), words, limit, exact=wanted.is_code)
    found = _hits(session, sources, statement, _values(wanted))
    named = tuple(source for source in sources if source.label.key == "name")
    if found or not words or not named:
        return found
    return _hits(session, sources, _by_sound(named, limit), {"text": wanted.text})


def _hits(session: Session, sources: Sequence[Source], statement: Any, values: dict[str, Any]) -> list[Hit]:
    parts = {source.key: source for source in sources}
    return [_hit(parts[row.source], row) for row in session.execute(statement, values)]


def _hit(source: Source, row: Any) -> Hit:
    texts = {column.key: text for column, text in zip(source.columns, row.texts, strict=True) if text}
    return Hit(
        source.key,
        source.entity,
        row.id,
        row.label or "",
        texts,
        row.status or "",
        row.partner or "",
        row.rank,
        row.score,
    )


def _values(wanted: Wanted) -> dict[str, Any]:
    text = like(wanted.text)
    words = {f"word{index}": f"%{like(word)}%" for index, word in enumerate(wanted.words)}
    return {"text": wanted.text, "exact": text, "begins": f"{text}%", "within": f"% {text}%"} | (
        {} if wanted.is_short else words
    )


@lru_cache(maxsize=512)
def _by_id(sources: tuple[Source, ...]) -> sa.CompoundSelect[Any]:
    wanted = sa.bindparam("id", type_=sa.BigInteger)
    return sa.union_all(
        *(
            _shown(source, _rows(source).where(source.opens == wanted).subquery(), sa.literal(EXACT_ID), 1)
            for source in sources
            if source.key == source.entity
        )
    )


@lru_cache(maxsize=512)
def _by_words(sources: tuple[Source, ...], words: int, limit: int, *, exact: bool) -> sa.CompoundSelect[Any]:
    """The statement for so many words; they are bound when it runs. No words: beginnings only."""
    searched = [source for source in sources if words or source.short]  # prose alone has no beginnings
    return sa.union_all(*(_ranked(source, words, limit, exact=exact) for source in searched))


@lru_cache(maxsize=512)
def _by_sound(sources: tuple[Source, ...], limit: int) -> sa.CompoundSelect[Any]:
    return sa.union_all(*(sa.select(_alike(source, limit).subquery()) for source in sources))


def _rows(source: Source) -> sa.Select[Any]:
    """What is read of a row; prose is cut to where it matches later, in Python."""
    columns = [
        source.table.c.id.label("own_id"),
        source.opens.label("id"),
        source.label.label("label"),
        *(column.label(f"text_{index}") for index, column in enumerate(source.columns)),
    ]
    status = source.table.c.get("status")
    columns.append((sa.null() if status is None else status).label("status"))
    columns.append((sa.null() if source.partner is None else source.partner).label("partner_id"))
    return sa.select(*columns).where(source.live)


def _ranked(source: Source, words: int, limit: int, *, exact: bool) -> sa.Select[Any]:
    same, begins = (sa.bindparam(name, type_=sa.Text) for name in ("exact", "begins"))
    parts = []
    if exact and source.identifiers:
        parts.append(_rows(source).where(_any(source.identifiers, same)).limit(EXACT))
    every = [_any(source.columns, sa.bindparam(f"word{index}", type_=sa.Text)) for index in range(words)]
    first = _any(source.short, begins) if source.short else None
    if words and first is not None and len(source.short) == len(source.columns):
        # What begins with the text contains its words too: one scan gives both, where the rows are short.
        parts.append(_rows(source).where(*every).order_by(first.desc().nulls_last()).limit(CONTAINS))
    else:
        parts += [_rows(source).where(first).limit(BEGINS)] if first is not None else []
        parts += [_rows(source).where(*every).limit(CONTAINS)] if words else []
    found = sa.union(*(sa.select(part.subquery()) for part in parts)).subquery()
    rank = _rank(source, found)
    text = sa.bindparam("text", type_=sa.Text)
    score = sa.func.similarity(sa.func.coalesce(found.c.label, ""), text)
    shown = _shown(source, found, rank, score).order_by(rank, score.desc(), found.c.own_id.desc())
    return sa.select(shown.limit(limit).subquery())


def _alike(source: Source, limit: int) -> sa.Select[Any]:
    """Names that share most trigrams with the text."""
    name = source.label
    text = sa.bindparam("text", type_=sa.Text)
    found = _rows(source).where(name.op("%", is_comparison=True)(text)).limit(CONTAINS).subquery()
    score = sa.func.similarity(found.c.label, text)
    return _shown(source, found, sa.literal(ALIKE), score).order_by(score.desc()).limit(limit)


def _shown(source: Source, found: sa.Subquery, rank: Any, score: Any) -> sa.Select[Any]:
    partner: Any = sa.null()
    if source.partner_table is not None:
        other = source.partner_table.alias()
        partner = sa.select(other.c.name).where(other.c.id == found.c.partner_id).scalar_subquery()
    texts = [sa.func.left(found.c[f"text_{index}"], 20_000) for index in range(len(source.columns))]
    return sa.select(
        sa.literal(source.key, sa.Text).label("source"),
        found.c.id.label("id"),
        sa.cast(found.c.label, sa.Text).label("label"),
        sa.cast(array(texts), sa.ARRAY(sa.Text)).label("texts"),
        sa.cast(found.c.status, sa.Text).label("status"),
        sa.cast(partner, sa.Text).label("partner"),
        sa.cast(rank, sa.Integer).label("rank"),
        sa.cast(score, sa.Float).label("score"),
    )


def _rank(source: Source, found: sa.Subquery) -> sa.ColumnElement[int]:
    exact, begins, within = (sa.bindparam(name, type_=sa.Text) for name in ("exact", "begins", "within"))
    position = {column.key: found.c[f"text_{index}"] for index, column in enumerate(source.columns)}
    ids = [position[column.key] for column in source.identifiers]
    names = [position[column.key] for column in source.short if column not in source.identifiers]
    cases = [
        *((_any(ids, exact), EXACT_ID) for _ in ids[:1]),
        *((_any(names, exact), EXACT_NAME) for _ in names[:1]),
        *((_any(ids, begins), PREFIX_ID) for _ in ids[:1]),
        *((_any(names, begins), PREFIX_NAME) for _ in names[:1]),
        *((_any(names, within), WORD) for _ in names[:1]),
    ]
    return sa.case(*cases, else_=sa.literal(INSIDE)) if cases else sa.literal(INSIDE)


def _any(columns: Sequence[Any], pattern: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*(column.ilike(pattern) for column in columns))
