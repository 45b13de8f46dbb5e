"""`python -m bench.searching [--rows N]`: global search over N records of mixed entities, 50 ms at most."""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import cases
from bench.__main__ import _log_in, _make_tenant
from bench.client import Session, WrongAnswerError
from bench.load import COMMON_WORD, RARE_WORD
from bench.report import Bar
from bench.stage import execute, gunicorn, rows, servers

LIMIT_MS = 50
TIMES = 30
# Shares of the records are in hundredths.
SOURCES: dict[str, tuple[int, str]] = {
    "organization": (0, "(id, name) OVERRIDING SYSTEM VALUE VALUES (1, 'Bench')"),
    "unit": (0, "(id, code, name) OVERRIDING SYSTEM VALUE VALUES (1, 'pcs', 'Pieces')"),
    "supplier": (
        20,
        """(org_id, code, name, email)
        SELECT 1, 'S-' || lpad(n::text, 6, '0'), {name}, 'sales' || n || '@example.com'""",
    ),
    "customer": (
        10,
        """(org_id, code, name, email)
        SELECT 1, 'C-' || lpad(n::text, 5, '0'), {name}, 'buy' || n || '@example.com'""",
    ),
    "product": (20, "(org_id, sku, name, unit_id) SELECT 1, 'P-' || lpad(n::text, 6, '0'), {name}, 1"),
    "rfq": (
        10,
        """(id, org_id, number, title, status) OVERRIDING SYSTEM VALUE
        SELECT n, 1, 'RFQ-2026-' || lpad(n::text, 5, '0'), {name}, 'sent'""",
    ),
    "quote": (
        10,
        """(org_id, rfq_id, supplier_id, reference, status)
        SELECT 1, n, n, 'Q-' || lpad(n::text, 6, '0'), 'submitted'""",
    ),
    "purchase_order": (
        10,
        """(org_id, supplier_id, number, status)
        SELECT 1, n, 'PO-2026-' || lpad(n::text, 5, '0'), 'sent'""",
    ),
    "message": (
        20,
        """(org_id, supplier_id, direction, subject, body)
        SELECT 1, 1 + n % 1000, 'inbound', 'About ' || {name},
               repeat('we confirm the delivery of your order and remain with kind regards ', 8) || {name}""",
    ),
}
NAME = """(ARRAY['Acorn','Birch','Cobalt','Delta','Ember','Falcon','Granite','Harbour','Iron','Juniper',
    'Kestrel','Marble'])[1 + (n * 7919) % 12] || ' ' || (ARRAY['{common_word}','Metals','Plastics','Tooling',
    'Castings','Fasteners','Coatings','Packaging','Valves','Gears'])[1 + (n * 104729) % 10]
    || CASE WHEN n % {rare} = 0 THEN ' {rare_word}' ELSE '' END || ' ' || n"""
QUESTIONS = {
    "rare word": RARE_WORD,
    "common word": COMMON_WORD,
    "two words": "falcon metals",
    "two words never together": f"falcon {COMMON_WORD}",
    "word of every message": "delivery",
    "none": "xylophonist",
    "none, alike in parts": "Falcom Presicion",
    "number": "RFQ-2026-00042",
    "part of a number": "po 0042",
    "e-mail address": "sales47@example.com",
    "id": "#47",
    "one letter": "f",
    "two letters": "me",
    "three letters": "gea",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, ask every question TIMES times, print; 1 when a bar is missed (never with --quick)."""
    parser = argparse.ArgumentParser(prog="bench.searching", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="records of all entities together")
    parser.add_argument("--quick", action="store_true", help="ask each question once, for a smoke test")
    asked = parser.parse_args(arguments)
    with ExitStack() as stack:
        stage = stack.enter_context(servers())
        load(stage.database, _make_tenant(stage), asked.rows)
        web = stack.enter_context(gunicorn("wsgi:app", stage.environment, "/login"))
        session = _log_in(web.port)
        stack.callback(session.close)
        _say(
            "",
            f"{asked.rows:,} records",
            f"{'question':<26}{'p50 ms':>8}{'p95 ms':>8}{'cpu ms':>8}{'hits':>6}",
        )
        clock = Clock(stage.database, web.pid)
        bars = [measure(session, clock, name, 1 if asked.quick else TIMES) for name in QUESTIONS]
    _say("", *map(str, bars))
    return 0 if asked.quick or all(bar.is_met for bar in bars) else 1


def load(url: str, schema: str, count: int) -> None:
    """Fill the tenant; triggers rest meanwhile, the indexes grow as they do in use."""
    name = NAME.format(common_word=COMMON_WORD, rare_word=RARE_WORD, rare=max(2, count // 100))
    for table, (share, statement) in SOURCES.items():
        made = f" FROM generate_series(1::bigint, {count * share // 100}) n" if share else ""
        execute(
            url,
            f"SET search_path TO {schema}, public; SET session_replication_role TO replica;"
            f" INSERT INTO {table} {statement.format(name=name)}{made}",
            f"VACUUM ANALYZE {schema}.{table}",
        )


class Clock:
    """Reads how long our web and its database sessions have computed: what a busy machine cannot distort."""

    def __init__(self, database: str, web: int) -> None:
        self.database, self.web = database, web

    def milliseconds(self) -> float:
        """Processor time of both together."""
        sessions = rows(self.database, "SELECT pid FROM pg_stat_activity WHERE usename = 'steward_app'")
        workers = Path(f"/proc/{self.web}/task/{self.web}/children").read_text().split()
        return 1000 * sum(_computed(pid) for pid in (*workers, *(each for (each,) in sessions)))


def _computed(pid: object) -> float:
    """Seconds a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(session: Session, clock: Clock, name: str, times: int) -> Bar:
    """Ask one question; the whole request counts: session, permissions, query, page."""
    path = f"{cases.OURS}/search/palette?q={QUESTIONS[name].replace('#', '%23').replace(' ', '+')}"
    hits = session.get(path).text.count('role="option"')
    if not hits and not name.startswith("none"):
        raise WrongAnswerError(f"{name}: nothing found")
    taken, before = [], clock.milliseconds()
    for _ in range(times):
        start = time.perf_counter()
        session.get(path)
        taken.append(1000 * (time.perf_counter() - start))
    p50, p95 = statistics.median(taken), sorted(taken)[int(0.95 * (len(taken) - 1))]
    computed = (clock.milliseconds() - before) / times
    _say(f"{name:<26}{p50:>8.1f}{p95:>8.1f}{computed:>8.1f}{hits:>6}")
    return Bar(f"search, {name}: server time", computed, LIMIT_MS, "ms", at_most=True)


def _say(*lines: str) -> None:
    for text in lines:
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
