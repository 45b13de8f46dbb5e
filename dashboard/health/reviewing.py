"""Builds what the Database pages show from stored readings: findings, cards, charts."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import url_for

from dashboard.core.charts import Chart, Series
from dashboard.core.filters import bytes_, viewer_zone
from dashboard.health import judging, queries
from dashboard.health.cards import Card, trouble
from dashboard.health.judging import Finding
from dashboard.health.models import Reading
from dashboard.health.refreshing import ACTIVITY, BROKER, CACHE, DISK, INVENTORY, STATEMENTS

ALL = (ACTIVITY, STATEMENTS, INVENTORY, BROKER, CACHE, DISK)
SUBJECTS = {ACTIVITY: "The ERP primary", BROKER: "The broker", CACHE: "The cache", DISK: "The disk"}
SPANS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}
PERMISSION = "database.health.view"
Readings = Mapping[str, Reading]


def list_findings(readings: Readings) -> list[Finding]:
    """Judge every reading, the most severe first; one that cannot be trusted is a finding itself."""
    found = []
    for key, subject in SUBJECTS.items():
        reading = readings.get(key)
        if doubt := trouble(reading, subject):
            found.append(Finding(_level(doubt[0]), subject, doubt[1]))
        if reading and reading.taken_at and not reading.is_failing:
            found += findings_of(key, reading)
    return sorted(found, key=lambda finding: -judging.RANK[finding.level])


def _level(status: str) -> str:
    return {"stale": judging.WARNING}.get(status, status)


def findings_of(key: str, reading: Reading) -> list[Finding]:
    """Judge one reading by its thresholds."""
    values = reading.values
    if key == ACTIVITY:
        return judging.judge_activity(values)
    if key == DISK:
        return [judging.judge_disk(values)]
    return judging.judge_redis(values, role="broker" if key == BROKER else "cache")


def span_of(name: str) -> timedelta:
    """Return the span of a chart by its name in the URL; an hour for one that is not offered."""
    return SPANS.get(name, SPANS["1h"])


def span_tabs(endpoint: str, current: timedelta) -> list[tuple[str, str, bool]]:
    """Return the spans to choose from: title, address, whether it is the current one."""
    return [(f"Last {name}", url_for(endpoint, span=name), span == current) for name, span in SPANS.items()]


def time_chart(title: str, names: Mapping[str, str], *, span: timedelta, unit: str = "") -> Chart:
    """Draw series over time; `names` maps a series to its label."""
    moments, series = queries.list_samples(list(names), span=span)
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
    doubt = trouble(reading, SUBJECTS[key])
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
    doubt = trouble(reading, SUBJECTS[DISK])
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
