"""Owns the measuring of whole lists as files: CSV and XLSX of every supplier beside a bare COPY of them."""

import http.client
import re
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import psycopg2

from bench.client import Session, WrongAnswerError
from bench.download import Download, MemoryWatch
from bench.load import Loaded
from bench.report import Bar
from bench.stage import Stage

COLUMNS = "name,code,category_id,region,country,status,reliability,lead_time_days"
CSV_BAR, XLSX_BAR, GROWTH_BAR = 3, 10, 30
BLOCK = 64 * 1024


def measure(stage: Stage, loaded: Loaded, ours: Session, master: int, base: str, times: int = 3) -> list[Bar]:
    """Download every supplier as CSV and as XLSX; seconds are medians, the floor is the quickest of three."""
    floor = min(bare_copy(stage, loaded) for _ in range(3))
    print(
        f"\nAll {loaded.rows:,} suppliers; bare COPY of the same columns, ordered: {floor:.2f} s", flush=True
    )
    bars = []
    for kind, asked in (("csv", CSV_BAR), ("xlsx", XLSX_BAR)):
        one = download(ours, f"{base}/supplier/export.{kind}?sort=name&cols={COLUMNS}", master, kind, times)
        line = f"  {kind}: {one.seconds:.2f} s, {one.rows:,} rows, {one.size:,} bytes, +{one.growth:.0f} MB"
        print(line, flush=True)
        if one.rows != loaded.rows:
            raise WrongAnswerError(f"the {kind} has {one.rows} rows, not {loaded.rows}")
        name = f"{kind.upper()} of all rows"
        bars += [
            Bar(f"{name}: seconds against bare COPY", one.seconds / floor, asked, "times", at_most=True),
            Bar(f"{name}: growth of a worker", one.growth, GROWTH_BAR, "MB", at_most=True),
        ]
    return bars


class _Sink:
    """Takes what COPY writes and forgets it."""

    def write(self, data: bytes) -> int:
        """Take a piece."""
        return len(data)


def bare_copy(stage: Stage, loaded: Loaded) -> float:
    """Seconds of a COPY of the same rows and columns in the same order."""
    query = f"""
        COPY (SELECT s.id, s.name, s.code, c.name, s.region, s.country, s.status, s.reliability,
                     s.lead_time_days
              FROM {loaded.schema}.supplier s
              LEFT JOIN {loaded.schema}.product_category c ON c.id = s.category_id
              WHERE s.deleted_at IS NULL ORDER BY s.name, s.id)
        TO STDOUT WITH (FORMAT csv, HEADER)"""
    with closing(psycopg2.connect(stage.database)) as link, link.cursor() as at:
        start = time.perf_counter()
        at.copy_expert(query, _Sink())
        return time.perf_counter() - start


def download(session: Session, path: str, master: int, kind: str, times: int) -> Download:
    """Download a file a few times into a scratch folder; memory counts from before the first."""
    with tempfile.TemporaryDirectory() as folder:
        place, seconds = Path(folder) / f"file.{kind}", []
        with MemoryWatch(master) as memory:
            for _ in range(times):
                start = time.perf_counter()
                _fetch(session, path, place)
                seconds.append(time.perf_counter() - start)
        rows = _count(place, kind)
        return Download(statistics.median(seconds), rows, place.stat().st_size, memory.growth)


def _fetch(session: Session, path: str, place: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", session.port, timeout=600)
    cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    connection.request("GET", path, headers={"Cookie": cookies})
    answer = connection.getresponse()
    if answer.status != http.client.OK or "attachment" not in answer.headers.get("Content-Disposition", ""):
        raise WrongAnswerError(f"{path}: {answer.status}, expected a file")
    with place.open("wb") as file:
        while block := answer.read(BLOCK):
            file.write(block)
    connection.close()


def _count(place: Path, kind: str) -> int:
    """Rows without the head."""
    if kind == "csv":
        with place.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK), b"")) - 1
    found = 0
    with zipfile.ZipFile(place) as archive:
        for name in _sheets(archive.namelist()):
            with archive.open(name) as sheet:
                found += sum(line.count(b"<row>") for line in sheet) - 1
    return found


def _sheets(names: Iterable[str]) -> list[str]:
    return [name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name)]
