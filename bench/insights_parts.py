"""What a page's time consists of, and what the kept figures take on disk, family by family."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from bench.stage import rows

SHOWN = 6
WORDS = 110
SIZES = """
SELECT kept, split_part(family, ':', 1), count(*), sum(bytes) FROM (
    SELECT 'facts' AS kept, family, pg_column_size(f.*) AS bytes FROM {schema}.kpi_fact AS f
    UNION ALL SELECT 'sums by subject', family, pg_column_size(s.*) FROM {schema}.kpi_subject_sum AS s
    UNION ALL SELECT 'sums', family, pg_column_size(k.*) FROM {schema}.kpi_sum AS k
) AS kept GROUP BY 1, 2 ORDER BY 4 DESC
"""


def sizes(url: str, schema: str) -> Iterator[str]:
    """Yield a line per family and kind of what is kept: rows, and their bytes without indexes."""
    for kept, family, count, size in rows(url, SIZES.format(schema=schema)):
        yield f"  {family:<16}{kept:<16}{count:>12,} rows {size / 2**20:>9.1f} MB of rows"


def parts(work: Callable[[], object]) -> Iterator[str]:
    """Do something and yield what its time went into: the slowest statements, and all that is not one."""
    begun = time.perf_counter()
    with _statements() as took:
        work()
    whole = time.perf_counter() - begun
    asked = sum(sum(times) for times in took.values())
    yield f"    {1000 * whole:.0f} ms, of it {1000 * asked:.0f} in {sum(map(len, took.values()))} statements:"
    for statement, times in sorted(took.items(), key=lambda one: -sum(one[1]))[:SHOWN]:
        yield f"    {1000 * sum(times):>7.1f} ms in {len(times):>2}: {' '.join(statement.split())[:WORDS]}"


@contextmanager
def _statements() -> Iterator[dict[str, list[float]]]:
    """Time every statement of every engine."""
    took: dict[str, list[float]] = defaultdict(list)
    begun: list[float] = []

    def before(*_execution: Any) -> None:
        begun.append(time.perf_counter())

    def after(_connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        took[statement].append(time.perf_counter() - begun.pop())

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "after_cursor_execute", after)
    try:
        yield took
    finally:
        event.remove(Engine, "before_cursor_execute", before)
        event.remove(Engine, "after_cursor_execute", after)
