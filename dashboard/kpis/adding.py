"""Writes facts and what they add up to: all of a family, or the difference some records make.

Sums are exact numerics, so adding a difference gives what adding all up again would. One thing it cannot
tell: whether the last fact with a measure went, or facts with zeros stay. That is what the counts are for:
a sum without any record behind it is "no data" (sums.value_of).

`kpi_sum` holds under the family's name one row of all sums per bucket (bin -1), and under `<family>:bins`
how many facts each bin has, so that reading a sum does not walk over the bins. Both are held once more for
all regions together, under `<name>:whole`, and for all categories and regions, under `<name>:all`: most
pages do not tell them apart, and there are many. `kpi_subject_sum` holds one row per subject and bucket,
and under `<family>:all` one per subject and month; beside that, under `<family>:weights`, how many of its
observations lie in each category, those of 64 categories in one number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from dashboard.kpis import bins, squares
from dashboard.kpis.asking import KEYS, Terms, fact_columns, select_facts
from dashboard.kpis.families import Family
from dashboard.kpis.models import measure_columns

SUMS = measure_columns("s")
FACTS = measure_columns("m")
COLUMNS = ("org_id", "month", "category_id", "region")
BUCKET = ", ".join(COLUMNS)
NONE = {"category_id": "0::bigint AS category_id", "region": "''::text AS region"}
WHOLE, REGIONS, ALL = (
    frozenset(together) for together in ({"region"}, {"category_id"}, {"category_id", "region"})
)


@dataclass(frozen=True)
class Kept:
    """One kind of sums: its table, the name its rows have, of which kind it is added up, and by what."""

    table: str
    name: str
    source: str = ""
    """The name of the kind that it is added up of; '' for the facts."""
    together: frozenset[str] = frozenset()
    """Columns of the bucket whose values are not told apart."""
    is_counted: bool = False
    """How many facts each bin has, packed into the first sum; `bin` is then the chunk of bins."""
    weighed: tuple[int, ...] = ()
    """Places of measures that are packed into its sums, by category; `category_id` is then the chunk."""

    @property
    def key(self) -> str:
        """What its rows are told apart by, beside the bucket."""
        return "subject_id" if self.table == "kpi_subject_sum" else "bin"

    @property
    def bucket(self) -> str:
        """SQL of its bucket, over rows that have them all."""
        return ", ".join(self._column(name) for name in COLUMNS)

    @property
    def sums(self) -> list[str]:
        """The columns of sums its rows fill."""
        return SUMS[: len(self.weighed)] or (SUMS[:1] if self.is_counted else SUMS)

    def group(self, *, facts: bool) -> str:
        """What is the same in all the facts, or sums, that come together in one of its rows."""
        names = [self._key(name) for name in COLUMNS if name not in self.together]
        return ", ".join([*names, self.key_of(facts=facts)] if self.has_key else names)

    def key_of(self, *, facts: bool) -> str:
        """SQL of the key, over facts or over sums."""
        if not self.has_key:
            return "-1"
        return bins.chunk_of("bin") if self.is_counted and facts else self.key

    def added(self, times: str = "", *, facts: bool = True) -> list[str]:
        """SQL of its sums, over facts or over the sums it is added up of."""
        if self.is_counted and facts:
            return [f"sum({times}{bins.one_of('bin')})"]
        names = FACTS if facts else SUMS
        if self.weighed:
            return [f"sum({names[place]} * {bins.one_of('category_id')})" for place in self.weighed]
        return [f"sum({name})" for name in names[: len(self.sums)]]

    @property
    def has_key(self) -> bool:
        """Whether its rows are told apart by more than the bucket."""
        return self.key == "subject_id" or self.is_counted

    def _key(self, name: str) -> str:
        """SQL of what is the same of a column in the facts, or sums, of one row."""
        return bins.chunk_of(name) if self.weighed and name == "category_id" else name

    def _column(self, name: str) -> str:
        if name in self.together:
            return NONE[name]
        key = self._key(name)
        return key if key == name else f"{key} AS {name}"


def bins_of(family: str) -> str:
    """Name the rows of kpi_sum that count a family's bins."""
    return f"{family}:bins"


def whole_of(name: str) -> str:
    """Name the rows of kpi_sum that hold all regions together, of sums or of bins."""
    return f"{name}:whole"


def regions_of(name: str) -> str:
    """Name the rows that hold all categories together, of sums or of bins."""
    return f"{name}:regions"


def all_of(name: str) -> str:
    """Name the rows that hold all categories and regions together, of sums, of bins or of a subject."""
    return f"{name}:all"


def weights_of(name: str) -> str:
    """Name the rows of kpi_subject_sum that tell how a subject's observations are spread over categories."""
    return f"{name}:weights"


def kinds(family: Family) -> tuple[Kept, ...]:
    """Every kind of sums of a family; each is added up of one before it."""
    name, counts = family.name, bins_of(family.name)
    places = tuple(family.measures.index(measure) for measure in family.weighed)
    weights = (Kept("kpi_subject_sum", weights_of(name), name, WHOLE, weighed=places),) * bool(places)
    return (
        Kept("kpi_subject_sum", name),
        Kept("kpi_subject_sum", all_of(name), name, ALL),
        *weights,
        Kept("kpi_sum", name),
        Kept("kpi_sum", whole_of(name), name, WHOLE),
        Kept("kpi_sum", regions_of(name), name, REGIONS),
        Kept("kpi_sum", all_of(name), whole_of(name), ALL),
        Kept("kpi_sum", counts, is_counted=True),
        Kept("kpi_sum", whole_of(counts), counts, WHOLE, is_counted=True),
        Kept("kpi_sum", regions_of(counts), counts, REGIONS, is_counted=True),
        Kept("kpi_sum", all_of(counts), whole_of(counts), ALL, is_counted=True),
    )


def names_of(family: Family) -> list[str]:
    """Every name a family's rows in the tables of sums have."""
    every = [kept.name for kept in kinds(family)] + [kind.name for kind in squares.kinds(family)]
    return list(dict.fromkeys(every))


def count(session: Session, family: Family) -> int:
    """How many facts a family has."""
    ask = session.connection().exec_driver_sql
    asked = "SELECT coalesce(sum(n), 0) FROM kpi_sum WHERE family = %(family)s"
    return int(ask(asked, {"family": all_of(family.name)}).scalar_one())


def compute_all(session: Session, family: Family, terms: Terms) -> int:
    """Replace all facts of a family and their sums; returns the number of facts."""
    ask = session.connection().exec_driver_sql
    binds = {"family": family.name, "names": names_of(family)}
    for table in ("kpi_fact", "kpi_subject_sum", "kpi_sum"):
        ask(f"DELETE FROM {table} WHERE family = ANY(%(names)s)", binds)  # noqa: S608
    chosen = f"SELECT %(family)s, f.* FROM ({select_facts(family)}) AS f"  # noqa: S608
    made = ask(f"INSERT INTO kpi_fact (family, {fact_columns()}) {chosen}", binds | terms.binds())
    for kept in kinds(family):
        ask(_computed(kept), binds | {"name": kept.name, "source": kept.source or family.name})
    for squared in squares.kinds(family):
        ask(f"INSERT INTO kpi_sum ({squares.COLUMNS}) {squares.computed(squared)}")
    return made.rowcount


def replace(session: Session, family: Family, terms: Terms, records: Sequence[int]) -> None:
    """Compute the facts of some records anew and add what that changes to the sums."""
    binds = {"family": family.name, "records": list(records)}
    ask = session.connection().exec_driver_sql
    empty = ask(_replacing(family), binds | terms.binds()).fetchall()
    for table, key in (("kpi_subject_sum", "subject_id"), ("kpi_sum", "bin")):
        gone = [tuple(row[1:]) for row in empty if row[0] == table]
        if gone:
            ask(
                f"DELETE FROM {table} WHERE n = 0 AND (family, {BUCKET}, {key}) IN %(gone)s",  # noqa: S608
                {"gone": tuple(gone)},
            )


def _computed(kept: Kept) -> str:
    """Return the INSERT of all sums of a kind. What pages read at once lies together."""
    facts = not kept.source
    table, counted = ("kpi_fact", "count(*)") if facts else (kept.table, "sum(n)")
    added = kept.added(facts=facts)
    columns = ", ".join(["family", BUCKET, kept.key, "n", *kept.sums])
    values = ", ".join(["%(name)s", kept.bucket, kept.key_of(facts=facts), counted, *added])
    having = " AND bin >= 0" if kept.is_counted else ""
    order = "subject_id, month" if kept.key == "subject_id" else "org_id, month, category_id, region"
    return (
        f"INSERT INTO {kept.table} ({columns}) SELECT {values} FROM {table}"  # noqa: S608
        f" WHERE family = %(source)s{having} GROUP BY {kept.group(facts=facts)} ORDER BY {order}"
    )


def _replacing(family: Family) -> str:
    """One statement: facts before and after, what differs written, and added to the sums of every kind.

    It returns the keys of sums that no fact stands behind any more.
    """
    columns = fact_columns()
    updated = ", ".join(f"{name} = excluded.{name}" for name in (*KEYS[1:], *FACTS))
    signed = ", ".join(f"sum(sign * {name}) AS {name}" for name in FACTS)
    every = list(enumerate(kinds(family)))
    squared = [squares.added(kind) for kind in squares.kinds(family)]
    upserts = [_added(kept) for _, kept in every] + squared
    added = ",\n".join(f"added_{place} AS ({upsert})" for place, upsert in enumerate(upserts))
    gone = "\nUNION ALL ".join(
        f"SELECT '{kept.table}', family, {BUCKET}, {kept.key} FROM added_{place} WHERE n = 0"  # noqa: S608
        for place, kept in every
    )
    return f"""
WITH fresh ({columns}) AS MATERIALIZED ({select_facts(family, "f.record_id = ANY(%(records)s::bigint[])")}),
stale AS MATERIALIZED (
    SELECT {columns} FROM kpi_fact WHERE family = %(family)s AND record_id = ANY(%(records)s::bigint[])
),
lost AS MATERIALIZED (SELECT * FROM stale EXCEPT ALL SELECT * FROM fresh),
gained AS MATERIALIZED (SELECT * FROM fresh EXCEPT ALL SELECT * FROM stale),
removed AS (
    DELETE FROM kpi_fact WHERE family = %(family)s
        AND record_id IN (SELECT record_id FROM lost EXCEPT SELECT record_id FROM gained)
),
written AS (
    INSERT INTO kpi_fact (family, {columns}) SELECT %(family)s, {columns} FROM gained
    ON CONFLICT (family, record_id) DO UPDATE SET {updated}
),
difference AS MATERIALIZED (
    SELECT {BUCKET}, subject_id, bin, sum(sign) AS n, {signed}
    FROM (SELECT -1 AS sign, * FROM lost UNION ALL SELECT 1, * FROM gained) AS d
    GROUP BY {BUCKET}, subject_id, bin
),
{added}
{gone}
"""  # noqa: S608  # text of our own files


def _added(kept: Kept) -> str:
    """Return an upsert that adds the difference to one kind of sums."""
    columns = ", ".join(["family", BUCKET, kept.key, "n", *kept.sums])
    values = ", ".join(
        [f"'{kept.name}'", kept.bucket, kept.key_of(facts=True), "sum(n)", *kept.added("n * ")]
    )
    together = "".join(
        f", {name} = CASE WHEN t.{name} IS NULL THEN excluded.{name}"
        f" ELSE t.{name} + coalesce(excluded.{name}, 0) END"
        for name in kept.sums
    )
    counted = "WHERE bin >= 0 " if kept.is_counted else ""
    return (
        f"INSERT INTO {kept.table} AS t ({columns}) SELECT {values} FROM difference {counted}"  # noqa: S608
        f"GROUP BY {kept.group(facts=True)} ON CONFLICT (family, {BUCKET}, {kept.key})"
        f" DO UPDATE SET n = t.n + excluded.n{together}"
        f" RETURNING t.family, t.org_id, t.month, t.category_id, t.region, t.{kept.key}, t.n"
    )
