"""Builds what the Database pages show from stored readings: findings, cards, charts."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import url_for

from dashboard.core.charts import Chart, Series
from dashboard.core.filters import bytes_, viewer_zone
from dashboard.health import judging, queries
from dashboard.health.activity.judging import judge_now
from dashboard.health.activity.refreshing import ACTIVITY, NOW
from dashboard.health.advice import advised
from dashboard.health.cards import Card, trouble
from dashboard.health.judging import Finding
from dashboard.health.models import Reading
from dashboard.health.refreshing import DISK, INVENTORY, STATEMENTS
from dashboard.health.server import judging as server
from dashboard.health.server.refreshing import CERTIFICATES, IDENTITY, LOG, SETTINGS
from dashboard.health.services import judging as services
from dashboard.health.services.refreshing import BROKER, CACHE, FILES, MACHINE, POOLS, QUEUES
from dashboard.health.storage import judging as storage
from dashboard.health.storage.refreshing import BLOAT, INVALID, SEQUENCES, STORAGE
from dashboard.metrics import queries as metrics
from dashboard.metrics.rollups import CHART_POINTS

# What stands still within a minute is a finding itself; the rarer readings speak only when they fail.
SUBJECTS = {
    ACTIVITY: "The ERP primary",
    BROKER: "Broker",
    CACHE: "Cache",
    POOLS: "PgBouncer",
    DISK: "Disk",
    MACHINE: "Machine",
    QUEUES: "Queues",
    FILES: "File store",
}
RARE = {
    IDENTITY: "Encryption",
    LOG: "Server log",
    INVALID: "Invalid indexes",
    STORAGE: "Tables and indexes",
    SEQUENCES: "Sequences",
    BLOAT: "Bloat",
    SETTINGS: "Settings",
    INVENTORY: "Extensions",
    CERTIFICATES: "Certificates",
}
ALL = (*SUBJECTS, *RARE, NOW, STATEMENTS)
OPTIONAL = frozenset({POOLS, FILES})  # not every installation has them
SPANS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}
PERMISSION = "database.health.view"
Readings = Mapping[str, Reading]


def list_findings(readings: Readings) -> list[Finding]:
    """Judge every reading, the most severe first; one that cannot be trusted is a finding itself."""
    found: list[Finding] = []
    for key, subject in (SUBJECTS | RARE | {NOW: "Sessions"}).items():
        reading = readings.get(key)
        found += _doubts(key, subject, reading)
        if reading and reading.taken_at and not reading.is_failing:
            found += findings_of(key, reading)
    return advised(found)


def _doubts(key: str, subject: str, reading: Reading | None) -> list[Finding]:
    doubt = trouble(reading, _named(subject))
    is_rare = key not in SUBJECTS and not (reading and reading.is_failing)
    if doubt is None or is_rare or (reading is None and key in OPTIONAL) or key == NOW:
        return []
    return [Finding(_level(doubt[0]) if key in SUBJECTS else "unknown", subject, doubt[1])]


def _named(subject: str) -> str:
    """Return how a sentence calls it."""
    return subject if subject in {"PgBouncer", "The ERP primary"} else f"The {subject.lower()}"


def _level(status: str) -> str:
    return {"stale": judging.WARNING}.get(status, status)


JUDGES: Mapping[str, Callable[[Mapping[str, Any]], list[Finding]]] = {
    ACTIVITY: judging.judge_activity,
    NOW: judge_now,
    DISK: lambda values: [judging.judge_disk(values)],
    BROKER: lambda values: judging.judge_redis(values, role="broker"),
    CACHE: lambda values: judging.judge_redis(values, role="cache"),
    MACHINE: services.judge_machine,
    POOLS: services.judge_pools,
    QUEUES: services.judge_queues,
    IDENTITY: server.judge_encryption,
    LOG: server.judge_log,
    SETTINGS: server.judge_settings,
    INVENTORY: server.judge_extensions,
    CERTIFICATES: server.judge_certificates,
    STORAGE: storage.judge_storage,
    INVALID: storage.judge_invalid,
    SEQUENCES: storage.judge_sequences,
    BLOAT: storage.judge_bloat,
}


def findings_of(key: str, reading: Reading) -> list[Finding]:
    """Judge one reading by its thresholds."""
    judge = JUDGES.get(key)
    return judge(reading.values) if judge else []


def findings_on(readings: Readings, *keys: str) -> list[Finding]:
    """Judge some readings, for the page that shows them; what is well is left out."""
    found = [one for key in keys if key in readings for one in _judged(key, readings[key])]
    return [finding for finding in advised(found) if finding.level != judging.OK]


def _judged(key: str, reading: Reading) -> list[Finding]:
    return findings_of(key, reading) if reading.taken_at else []


def span_of(name: str) -> timedelta:
    """Return the span of a chart by its name in the URL; an hour for one that is not offered."""
    return SPANS.get(name, SPANS["1h"])


def span_tabs(endpoint: str, current: timedelta) -> list[tuple[str, str, bool]]:
    """Return the spans to choose from: title, address, whether it is the current one."""
    return [(f"Last {name}", url_for(endpoint, span=name), span == current) for name, span in SPANS.items()]


def time_chart(title: str, names: Mapping[str, str], *, span: timedelta, unit: str = "") -> Chart:
    """Draw series over time; `names` maps a series to its label."""
    moments, series = metrics.series(list(names), span, points=CHART_POINTS)
    # Before the first sample there is nothing to draw; gaps after it are drawn as gaps.
    first = next((i for i in range(len(moments)) if any(row[i] is not None for row in series.values())), 0)
    return Chart(
        "line",
        title,
        [_clock(moment) for moment in moments[first:]],
        [Series(label, [_round(value) for value in series[name][first:]]) for name, label in names.items()],
        unit=unit,
        category_title="Time",
        empty="Nothing was read in this span: the probes have not run.",
    )


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(viewer_zone()):%H:%M:%S}"


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def primary_card() -> Card:
    """The ERP primary at a glance."""
    reading = queries.get_reading(ACTIVITY)
    doubt = trouble(reading, SUBJECTS[ACTIVITY])
    headline, text, status = "Not read yet", "", "unknown"
    if reading and reading.taken_at:
        values, findings = reading.values, judging.judge_activity(reading.values)
        status = judging.worst(findings)
        headline = judging.judge_connections(values).text
        bad = [finding.text for finding in findings if finding.level == status != judging.OK]
        text = " ".join(bad) or f"PostgreSQL {values['server']['version']}. No threshold is crossed."
    return _card("ERP primary", doubt or (status, text), headline, reading)


def redis_card(key: str, title: str) -> Card:
    """Broker or cache at a glance."""
    reading = queries.get_reading(key)
    doubt = trouble(reading, _named(SUBJECTS[key]))
    headline, text, status = "Not read yet", "", "unknown"
    if reading and reading.taken_at:
        values, findings = reading.values, findings_of(key, reading)
        status = judging.worst(findings)
        headline = f"{bytes_(values['used_bytes'])} used, {values['clients']} clients."
        text = " ".join(finding.text for finding in findings)
    return _card(title, doubt or (status, text), headline, reading)


def disk_card() -> Card:
    """The disk of the data folder at a glance."""
    reading = queries.get_reading(DISK)
    doubt = trouble(reading, _named(SUBJECTS[DISK]))
    headline, text, status = "Not read yet", "", "unknown"
    if reading and reading.taken_at:
        values, finding = reading.values, judging.judge_disk(reading.values)
        status, headline = finding.level, finding.text
        text = f"{bytes_(values['total_bytes'] - values['used_bytes'])} are free at {values['path']}."
    return _card("Disk", doubt or (status, text), headline, reading)


def _card(title: str, judged: tuple[str, str], headline: str, reading: Reading | None) -> Card:
    status, text = judged
    return Card(
        title,
        status,
        headline,
        text,
        "health.page",
        PERMISSION,
        taken_at=reading.taken_at if reading else None,
        stale=bool(reading and reading.is_stale),
    )
