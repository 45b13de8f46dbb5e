"""Reads the data changes that are declared in migrations/data, one file each; its README tells the format."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from dashboard.core.errors import DashboardError, NotFoundError
from dashboard.schema_migrations.histories import FOLDER
from dashboard.schema_migrations.linting.effects import read_effects
from dashboard.schema_migrations.linting.facts import Facts
from dashboard.schema_migrations.linting.grammar import TENANT_SCHEMAS
from dashboard.schema_migrations.linting.tokens import read_tokens

DATA = FOLDER / "data"
HEADER = re.compile(r"^--\s*(title|table|needs|key|batch|only):\s*(.+?)\s*$")
PLACE = re.compile(r"(?<![:\w]):(after|upto)\b")
NAME = re.compile(r"[a-z][a-z0-9_]*")
BATCH, LARGEST = 1_000, 50_000
CHANGES = {"insert", "update", "delete"}


class DeclarationError(DashboardError):
    """A file of a data change cannot be used."""


@dataclass(frozen=True)
class DataChange:
    """One data change. `statement` has %(after)s and %(upto)s for the bounds of a batch by `key`."""

    name: str
    title: str
    table: str
    needs: str
    key: str
    batch: int
    only: str
    sql: str

    @property
    def statement(self) -> str:
        """The statement as psycopg2 binds it."""
        return PLACE.sub(r"%(\1)s", self.sql.replace("%", "%%"))


@lru_cache(maxsize=1)
def list_changes() -> tuple[DataChange, ...]:
    """Return the declared data changes by name. The code of a process does not change."""
    return read_folder(DATA)


def get_change(name: str) -> DataChange:
    """Return one. Raises NotFoundError."""
    found = next((change for change in list_changes() if change.name == name), None)
    if found is None:
        raise NotFoundError(f"There is no data change {name!r} in migrations/data.")
    return found


def read_folder(folder: Path) -> tuple[DataChange, ...]:
    """Return the data changes of a folder. Raises DeclarationError."""
    return tuple(read_file(path) for path in sorted(folder.glob("*.sql")))


def read_file(path: Path) -> DataChange:
    """Return the data change of a file. Raises DeclarationError with what to write."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = {found[1]: found[2] for line in lines if (found := HEADER.match(line))}
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    missing = [word for word in ("title", "table", "needs") if word not in header]
    if missing:
        raise _error(path, f"lacks {', '.join(missing)}", f"Begin it with -- {missing[0]}: …")
    change = DataChange(
        name=path.stem,
        title=header["title"],
        table=header["table"],
        needs=header["needs"],
        key=header.get("key", "id"),
        batch=_batch(path, header),
        only=header.get("only", ""),
        sql=sql,
    )
    _check(path, change)
    return change


def _batch(path: Path, header: Mapping[str, str]) -> int:
    written = header.get("batch", str(BATCH))
    if not written.isdigit() or not 0 < int(written) <= LARGEST:
        raise _error(path, f"has a batch of {written!r}", f"Write a number from 1 to {LARGEST}.")
    return int(written)


def _check(path: Path, change: DataChange) -> None:
    for word, name in (("name", change.name), ("table", change.table), ("key", change.key)):
        if not NAME.fullmatch(name):
            raise _error(path, f"has the {word} {name!r}", "Use lower-case letters, digits and _.")
    if {place[1] for place in PLACE.finditer(change.sql)} != {"after", "upto"}:
        fix = f"Write WHERE {change.key} > :after AND {change.key} <= :upto."
        raise _error(path, "is not bounded by its key", fix)
    tokens = read_tokens(change.sql)
    if any(token.text == ";" for token in tokens):
        raise _error(path, "has more than one statement", "Write one file for each.")
    if read_effects(tokens, Facts())[0].kind not in CHANGES:
        raise _error(path, "is no INSERT, UPDATE or DELETE", "A change of the schema is a revision.")
    if any(token.name.startswith(TENANT_SCHEMAS) and dot.text == "." for token, dot in pairwise(tokens)):
        raise _error(path, "names a tenant's schema", "Leave it out: the search_path is the tenant's.")


def _error(path: Path, problem: str, fix: str) -> DeclarationError:
    return DeclarationError(f"migrations/data/{path.name} {problem}.", fix=fix)
