"""Owns families of facts: one SQL file each, whose rows several KPIs are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from dashboard.kpis.models import MEASURES

SQL = Path(__file__).with_name("sql")
Subject = Literal["supplier", "customer", "product", ""]


@dataclass(frozen=True)
class Family:
    """Facts about one kind of record.

    `sql/<name>.sql` is a SELECT of one row per record with the columns

    record_id, org_id, month (first day, the organization's calendar), subject_id, category_id, region (0, 0
    and '' where it has none), bin (int or NULL), due_at (timestamptz or NULL), each of `measures` (numeric;
    NULL: does not count), and for each KPI `<code>_why`: '' when the record counts, else 'excluded: reason'
    or 'pending: reason'.

    Its binds: `as_of` (timestamptz), `currency` (display currency), `parameters` (JSON: a list of objects
    with org_id and the parameters of the family's KPIs, `<code>_<parameter>`). It must let `record_id =
    ANY(…)`, org_id, month and subject_id be pushed into it: no window functions, aggregates in LATERAL.

    `sources`: for each table of the ERP a SELECT of record_ids whose facts a change of its rows touches,
    over `changed` (record_id, operation, old, new: the rows of the history). `entity`: whose pages a fact's
    record has; `bin_unit`: what a bin counts (hours). `stock` facts and the like may leave measures out.
    """

    name: str
    title: str
    entity: str
    measures: tuple[str, ...]
    sources: Mapping[str, str]
    subject: Subject = ""
    bin_unit: str = ""
    squared: str = ""
    """A measure whose sums by subject are wanted in squares: how few subjects it lies with."""
    weighed: tuple[str, ...] = ()
    """Measures that count observations, of which it is wanted how a subject's are spread over categories."""
    is_monthly: bool = False
    """Records appear as months begin, although nobody changes anything: all facts are then computed anew."""
    record_sql: str = field(default="")
    """SELECT id, title and the id of the record to open, for the proof's list, over the bind `records`."""

    def __post_init__(self) -> None:
        if len(self.measures) > MEASURES:
            raise ValueError(f"{self.name} has more than {MEASURES} measures")

    @property
    def sql(self) -> str:
        """The SELECT."""
        return _read(self.name)

    def column(self, measure: str, prefix: str = "s") -> str:
        """Name the column a measure is kept in: s1 of the sums, m1 of the facts."""
        return f"{prefix}{self.measures.index(measure) + 1}"


FAMILIES: dict[str, Family] = {}


def register(family: Family) -> Family:
    """Make a family known; its name is its key in every table."""
    if family.name in FAMILIES:
        raise ValueError(f"there are two families {family.name}")
    FAMILIES[family.name] = family
    return family


@cache
def _read(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").rstrip().rstrip(";")
