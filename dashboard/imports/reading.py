"""Owns reading an uploaded file: kind, encoding and delimiter are found, rows come one by one as text."""

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes
from python_calamine import CalamineWorkbook

from dashboard.core.errors import InvalidInputError

DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar"}
ENCODINGS = (
    "utf-8-sig",
    "utf-16",
    "cp1252",
    "latin-1",
    "iso8859-2",
    "iso8859-15",
    "cp1250",
    "cp1251",
    "shift_jis",
    "gb18030",
)
DECIMALS = {".": "1,234.56", ",": "1.234,56"}
DATES = {"iso": "2026-03-31", "dmy": "31.03.2026", "mdy": "03/31/2026"}
SAMPLE = 65_536
MAX_COLUMNS = 500
MAX_CELL = 131_072
# A workbook is unpacked into memory: what its parts claim, and what they really hold, must stay below this.
MAX_UNPACKED = 160 * 1024 * 1024
REASON = "Reason (why it was refused)"


class FileInvalidError(InvalidInputError):
    """The file cannot be read as it is; the message is for people."""


@dataclass(frozen=True)
class Format:
    """How a file is read. `sheet` counts for workbooks only, `encoding` and `delimiter` for text only."""

    kind: str = "csv"
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    sheet: str = ""
    decimal: str = "."
    dates: str = "iso"

    def plain(self) -> dict[str, str]:
        """The format as JSON."""
        return asdict(self)

    def changed(self, values: Mapping[str, str]) -> "Format":
        """The format with what a person chose; unknown words are left out."""
        known = {"encoding": ENCODINGS, "delimiter": DELIMITERS, "decimal": DECIMALS, "dates": DATES}
        good = {key: values[key] for key, words in known.items() if values.get(key) in words}
        if values.get("sheet"):
            good["sheet"] = values["sheet"]
        return replace(self, **good)


def load_format(stored: Mapping[str, Any]) -> Format:
    """The format as it was stored."""
    words = {key: str(stored[key]) for key in Format().plain() if key in stored}
    return Format(**words)


def detect(path: Path, name: str) -> Format:
    """Find out how a file is to be read. Raises FileInvalidError for one that is empty."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    if not head.strip():
        raise FileInvalidError("The file is empty.", fix="Choose a file with a heading and rows.")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return Format(kind="sheet")
    encoding = _encoding(path, head)
    text = head.decode(encoding, errors="replace")
    return Format("csv", encoding, _delimiter(text, name), decimal=".")


def _encoding(path: Path, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        with path.open(encoding="utf-8-sig") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        best = from_bytes(head, cp_isolation=[name for name in ENCODINGS if "utf" not in name]).best()
        found = (best.encoding if best else "cp1252").replace("_", "-")
        return next((name for name in ENCODINGS if name.replace("_", "-") == found), "cp1252")
    return "utf-8-sig"


def _delimiter(text: str, name: str) -> str:
    if name.lower().endswith(".tsv"):
        return "\t"
    lines = [line for line in text.splitlines()[:-1] or text.splitlines() if line.strip()][:20]

    def score(mark: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=mark) if row]
        steady = sum(count == counts[0] for count in counts) if counts else 0
        return (steady if counts and counts[0] > 1 else 0, counts[0] if counts else 0)

    try:
        return max(DELIMITERS, key=score)
    except csv.Error:
        return ","


def sheets(path: Path, chosen: Format) -> list[str]:
    """Names of a workbook's sheets. Raises FileInvalidError."""
    return list(_workbook(path).sheet_names) if chosen.kind == "sheet" else []


def rows(path: Path, chosen: Format) -> Iterator[tuple[int, list[str]]]:
    """Rows with their number in the file, the heading being 1; blank ones are left out.

    Raises FileInvalidError in the middle where the file breaks off.
    """
    found = _sheet_rows(path, chosen) if chosen.kind == "sheet" else _text_rows(path, chosen)
    for number, cells in enumerate(found, start=1):
        if len(cells) > MAX_COLUMNS:
            raise FileInvalidError(
                f"Row {number:,} has {len(cells):,} columns; at most {MAX_COLUMNS} can be read.",
                fix="Choose another delimiter, or remove the columns that are not needed.",
            )
        if any(cells):
            yield number, cells


def headings(path: Path, chosen: Format) -> list[str]:
    """The first row. Raises FileInvalidError for a file without one."""
    for _, cells in rows(path, chosen):
        while cells and not cells[-1]:
            cells.pop()
        return [cell.replace("\x00", "\N{REPLACEMENT CHARACTER}") for cell in cells]
    raise FileInvalidError("The file has no rows.", fix="Choose a file with a heading and rows.")


def _text_rows(path: Path, chosen: Format) -> Iterator[list[str]]:
    try:
        with path.open(encoding=chosen.encoding, newline="") as file:
            for cells in csv.reader(file, delimiter=chosen.delimiter):
                yield [unguard(cell.strip()) for cell in cells]
    except UnicodeError:
        raise FileInvalidError(
            f"The file cannot be read as {chosen.encoding}.", fix="Choose another encoding."
        ) from None
    except csv.Error as error:
        raise FileInvalidError(f"The file breaks off: {error}.", fix="Choose another delimiter.") from None


def unguard(cell: str) -> str:
    """Text without the apostrophe that keeps a spreadsheet from running it as a formula."""
    return cell[1:] if len(cell) > 1 and cell[0] == "'" and cell[1] in "=+-@\t\r\n" else cell


def _workbook(path: Path) -> CalamineWorkbook:
    _refuse_bomb(path)
    try:
        return CalamineWorkbook.from_path(str(path))
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # the reader's panics are no Exceptions
        raise FileInvalidError(
            "This is not a workbook that can be read.", fix="Save it as XLSX or CSV."
        ) from error


def _refuse_bomb(path: Path) -> None:
    """Unpack in small pieces and count: what an archive claims of its parts may be a lie."""
    if path.read_bytes()[:2] != b"PK":
        return
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > MAX_UNPACKED:
                raise FileInvalidError(*_TOO_LARGE)
            for part in archive.infolist():
                with archive.open(part) as stream:
                    while piece := stream.read(1 << 20):
                        total += len(piece)
                        if total > MAX_UNPACKED:
                            raise FileInvalidError(*_TOO_LARGE)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise FileInvalidError("This workbook is damaged.", fix="Save it again as XLSX or CSV.") from error


_TOO_LARGE = (f"Unpacked, this workbook is larger than {MAX_UNPACKED // 1024 // 1024} MB; save it as CSV.",)


def _sheet_rows(path: Path, chosen: Format) -> Iterator[list[str]]:
    book = _workbook(path)
    name = chosen.sheet if chosen.sheet in book.sheet_names else next(iter(book.sheet_names), "")
    try:
        sheet = book.get_sheet_by_name(name)
        for cells in sheet.iter_rows():
            yield [unguard(cell_text(cell).strip()) for cell in cells]
    except (KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit, FileInvalidError):
        raise
    except BaseException as error:
        raise FileInvalidError(f"The sheet “{name}” cannot be read.", fix="Save it as CSV.") from error


def cell_text(value: object) -> str:
    """A workbook's cell as text: whole numbers without a point, dates as 2026-03-31."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


def guess_decimal(samples: list[str]) -> str:
    """Which mark stands before the decimals in these cells."""
    commas = sum(
        1 for text in samples if _is_number(text.replace(".", "").replace(",", ".", 1)) and "," in text
    )
    points = sum(1 for text in samples if _is_number(text.replace(",", "")) and "." in text)
    return "," if commas > points else "."


def guess_dates(samples: list[str]) -> str:
    """In which order the parts of the dates among these cells stand."""
    votes = {"dmy": 0, "mdy": 0}
    for text in samples:
        parts = text.replace("/", ".").replace("-", ".").split(" ")[0].split(".")
        if len(parts) == 3 and all(part.isdecimal() for part in parts) and len(parts[2]) == 4:
            votes["mdy" if int(parts[1]) > 12 else "dmy"] += 1
    return "mdy" if votes["mdy"] else "dmy" if votes["dmy"] else "iso"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return any(mark.isdigit() for mark in text)


def pasted(text: str) -> bytes:
    """Cells copied out of a spreadsheet as a file."""
    return io.StringIO(text).read().encode("utf-8", errors="replace")
