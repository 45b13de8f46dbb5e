"""Short read-only connections for probes: a dead or frozen server is noticed, never waited for."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection

CONNECT_SECONDS = 2  # libpq takes no less
STATEMENT_MS = 2_000
Row = TypeVar("Row")
Bound = Mapping[str, object]


class ProbeLink(connection):
    """A connection that remembers what each .sql file took, in milliseconds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.costs: dict[str, float] = {}


class ProbeError(Exception):
    """A server did not answer a probe; the message is one line for people."""


@contextmanager
def probe_connection(url: str, *, statement_ms: int = STATEMENT_MS) -> Iterator[connection]:
    """Yield one read-only transaction with short limits. Raises ProbeError when the server is away.

    `url` may carry SQLAlchemy's driver name. The limits are SET LOCAL, so that a transaction pooler does
    not hand them on.
    """
    try:
        link = psycopg2.connect(
            libpq_url(url),
            connection_factory=ProbeLink,
            connect_timeout=CONNECT_SECONDS,
            application_name="steward_probe",
            # Milliseconds: a host that vanished keeps a connection open for minutes otherwise.
            tcp_user_timeout=2 * statement_ms,
        )
        with closing(link):
            link.set_session(readonly=True)
            with link.cursor() as at:
                at.execute(f"SET LOCAL statement_timeout = {int(statement_ms)}; SET LOCAL lock_timeout = 500")
            yield link
            link.commit()  # a rollback would count as one of the application's
    except psycopg2.Error as error:
        raise ProbeError(one_line(error)) from error


def libpq_url(url: str) -> str:
    """Return the URL without SQLAlchemy's driver name."""
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


def one_line(error: Exception) -> str:
    """Return the first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def fetch(
    link: connection,
    path: Path,
    kind: type[Row],
    bound: Bound | None = None,
    names: Mapping[str, str] | None = None,
) -> list[Row]:
    """Run a .sql file and return its rows as `kind`, a dataclass with the columns' names.

    `bound` are values; `names` are identifiers put into `{name}` places.
    """
    statement: sql.Composable = sql.SQL(path.read_text(encoding="utf-8"))
    if names:
        quoted = {key: sql.Identifier(name) for key, name in names.items()}
        statement = sql.SQL(path.read_text(encoding="utf-8")).format(**quoted)
    wanted = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass, see above
    began = perf_counter()
    with link.cursor() as at:
        at.execute(statement, bound)
        columns = [column.name for column in at.description or ()]
        found = [kind(**_pick(wanted, columns, row)) for row in at.fetchall()]
    _note_cost(link, path.stem, 1000 * (perf_counter() - began))
    return found


def _note_cost(link: connection, name: str, milliseconds: float) -> None:
    if isinstance(link, ProbeLink):
        link.costs[name] = round(link.costs.get(name, 0) + milliseconds, 2)


def costs_of(link: connection) -> dict[str, float]:
    """Return what each .sql file took so far, in milliseconds with the way there and back."""
    return dict(link.costs) if isinstance(link, ProbeLink) else {}


def _pick(wanted: list[str], columns: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(columns, row, strict=True))
    return {name: found[name] for name in wanted if name in found}  # the rest has defaults


def fetch_one(
    link: connection, path: Path, kind: type[Row], names: Mapping[str, str] | None = None
) -> Row | None:
    """Return the first row of a .sql file, if any."""
    return next(iter(fetch(link, path, kind, names=names)), None)
