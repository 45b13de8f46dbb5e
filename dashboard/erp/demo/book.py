"""Owns the rows on their way into COPY: one sheet per table, encoded as they come, hashed."""

import hashlib
import io
import json
from dataclasses import dataclass, field
from typing import Any

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass
class Sheet:
    """The rows of one table. The first row decides the columns."""

    columns: tuple[str, ...] = ()
    count: int = 0
    text: io.StringIO = field(default_factory=io.StringIO)
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, row: dict[str, Any]) -> None:
        """Encode a row for COPY. Raises ValueError when its columns are not those of the first."""
        if not self.columns:
            self.columns = tuple(row)
        elif tuple(row) != self.columns:
            raise ValueError(f"columns {tuple(row)} after {self.columns}")
        line = "\t".join([encode(value) for value in row.values()]) + "\n"
        self.digest.update(line.encode())
        self.text.write(line)
        self.count += 1

    def take(self) -> io.StringIO:
        """Hand out what was written so far and start an empty buffer."""
        full, self.text = self.text, io.StringIO()
        full.seek(0)
        return full


class Book:
    """All sheets, in the order of their first row; ids count from 1 in each."""

    def __init__(self) -> None:
        self.sheets: dict[str, Sheet] = {}

    def add(self, table: str, **row: Any) -> int:
        """Add a row with the next id and return that."""
        sheet = self.sheets.setdefault(table, Sheet())
        number = sheet.count + 1
        sheet.add({"id": number, **row})
        return number


def encode(value: Any) -> str:
    """Write a value as COPY's text format wants it."""
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True)
    # Numbers and dates have nothing to escape, and are most of the values.
    return value.translate(_ESCAPES) if isinstance(value, str) else str(value)
