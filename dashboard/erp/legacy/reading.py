"""Engine: reads a file of the legacy sourcing agent, Django JSON or SQLite, told apart by content.

The file is a stranger's: nothing in it is run, it may not be large, and what it lacks gets a clear sentence.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SQLITE_MAGIC = b"SQLite format 3\x00"
MAX_BYTES = 10 * 1024 * 1024
MAX_ROWS = 200_000
# Virtual-machine steps between two looks at the budget, and how often it may look: seconds, not hours.
SQLITE_STEPS, SQLITE_LOOKS = 100_000, 2_000
ENTITIES = {
    "supplier": "name email phone category region reliability capabilities created_at",
    "rfq": "title description category quantity target_price status deadline created_at",
    "quote": "rfq_id supplier_id price currency lead_time status details created_at",
    "message": "supplier_id rfq_id sender content created_at",
    "kpi": "name value period created_at",
}
_JSON_TEXT = {"capabilities", "details"}


class LegacyFileError(Exception):
    """The file as a whole cannot be read; the message says why."""


@dataclass(frozen=True)
class RawRow:
    """One row as it stands in the file; `key` is its primary key there."""

    key: str
    fields: dict[str, Any]


@dataclass
class RawData:
    """The rows per entity, and how many rows of other tables were passed over."""

    rows: dict[str, list[RawRow]] = field(default_factory=lambda: {entity: [] for entity in ENTITIES})
    ignored: Counter[str] = field(default_factory=Counter)
    format: str = ""

    def add(self, entity: str, row: RawRow) -> None:
        """Add a row. Raises LegacyFileError above MAX_ROWS."""
        if sum(map(len, self.rows.values())) >= MAX_ROWS:
            raise LegacyFileError(f"The file has more than {MAX_ROWS:,} rows.")
        self.rows[entity].append(row)


def read(path: Path) -> RawData:
    """Read all rows of a file. Raises LegacyFileError when it is neither format, too large or broken."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise LegacyFileError(f"The file cannot be opened: {error.strerror}.") from error
    if size > MAX_BYTES:
        raise LegacyFileError(f"The file has {size:,} bytes; at most {MAX_BYTES:,} are read.")
    data = _read_sqlite(path) if start == SQLITE_MAGIC else _read_json(path)
    if not any(data.rows.values()):
        raise LegacyFileError("The file has no supplier, rfq, quote, message or kpi row.")
    return data


def _read_json(path: Path) -> RawData:
    try:
        items = json.loads(path.read_text("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise LegacyFileError(
            f"The file is neither a SQLite database nor JSON that can be read ({type(error).__name__})."
        ) from error
    if not isinstance(items, list):
        raise LegacyFileError("The JSON is no list of records, as Django's dumpdata writes it.")
    data = RawData(format="JSON")
    for position, item in enumerate(items, 1):
        _take(data, item, position)
    return data


def _take(data: RawData, item: object, position: int) -> None:
    model = item.get("model") if isinstance(item, dict) else None
    fields = item.get("fields") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(model, str) or not isinstance(fields, dict):
        raise LegacyFileError(f"Record {position} has no model and fields, as Django's dumpdata writes them.")
    entity = model.rpartition(".")[2].lower()
    if entity not in ENTITIES:
        data.ignored[model[:60]] += 1
        return
    renamed = {f"{name}_id" if name in {"rfq", "supplier"} else name: value for name, value in fields.items()}
    data.add(entity, RawRow(str(item.get("pk"))[:60], renamed))


def _read_sqlite(path: Path) -> RawData:
    data = RawData(format="SQLite")
    address = path.resolve().as_uri() + "?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            _distrust(connection)
            tables = {
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            for entity in ENTITIES:
                for row in _rows(connection, entity, tables):
                    data.add(entity, row)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise LegacyFileError(f"The SQLite database cannot be read: {error}.") from error
    return data


def _distrust(connection: sqlite3.Connection) -> None:
    """Let the file's schema run nothing, check its pages, and give it a budget of steps."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_BYTES)
    looks = iter(range(SQLITE_LOOKS))
    connection.set_progress_handler(lambda: next(looks, None) is None, SQLITE_STEPS)


def _rows(connection: sqlite3.Connection, entity: str, tables: set[str]) -> Iterator[RawRow]:
    """Read `<app>_<entity>` (or a table of just that name); no rows when the file has none."""
    found = sorted(name for name in tables if name.lower().rpartition("_")[2] == entity)
    if not found:
        return
    name = found[0].replace('"', '""')
    known = {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
    columns = [column for column in ENTITIES[entity].split() if column in known]
    if "id" not in known:
        raise LegacyFileError(f"The table {found[0][:60]} has no column id.")
    listed = ", ".join(f'"{column}"' for column in ["id", *columns])
    for key, *values in connection.execute(f'SELECT {listed} FROM "{name}" ORDER BY id'):  # noqa: S608  # quoted
        yield RawRow(
            str(key)[:60],
            {column: _plain(column, value) for column, value in zip(columns, values, strict=True)},
        )


def _plain(column: str, value: Any) -> Any:
    """SQLite keeps JSON as text; text that is none stays and is judged with the row."""
    if column not in _JSON_TEXT or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
