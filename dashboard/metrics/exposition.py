"""Writes figures in Prometheus's text format, and keeps the list of who has some to give.

Features register a function that gives families; one that fails is named and harms no other.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from flask import Flask

log = structlog.get_logger()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
GAUGE, COUNTER = "gauge", "counter"
Labels = Mapping[str, str]
FAILED = "steward_exporter_failed"


@dataclass
class Family:
    """One metric: its name, what it means, and a value for each set of labels."""

    name: str
    help: str
    kind: str = GAUGE
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """Add a value; what is not known is left out."""
        if value is not None:
            self.samples.append((labels, float(value)))


Exporter = Callable[[], Iterable[Family]]


def register_exporter(app: Flask, name: str, exporter: Exporter) -> None:
    """Let a feature say something on `/metrics`."""
    app.extensions.setdefault("metric_exporters", {})[name] = exporter


def expose(app: Flask) -> str:
    """Return everything there is to say, as text."""
    exporters: dict[str, Exporter] = app.extensions.get("metric_exporters", {})
    failed = Family(FAILED, "Whether a part of Steward could not say anything (1), or could (0).")
    families = []
    for name, exporter in exporters.items():
        try:
            given = list(exporter())
        except Exception:  # whatever one part trips over, the others are still worth reading
            log.exception("exporter_failed", exporter=name)
            failed.add(1, exporter=name)
        else:
            failed.add(0, exporter=name)
            families += given
    return render([*families, failed])


def render(families: Iterable[Family]) -> str:
    """Return families in the text format, each name once, families without a value left out."""
    found: dict[str, Family] = {}
    for family in families:
        known = found.setdefault(family.name, Family(family.name, family.help, family.kind))
        known.samples += family.samples
    lines = [line for family in found.values() if family.samples for line in _lines(family)]
    return "".join(f"{line}\n" for line in lines)


def _lines(family: Family) -> Iterable[str]:
    yield f"# HELP {family.name} {_escaped(family.help)}"
    yield f"# TYPE {family.name} {family.kind}"
    for labels, value in {_labels(labels): value for labels, value in family.samples}.items():
        yield f"{family.name}{labels} {number(value)}"


def _labels(labels: Labels) -> str:
    pairs = ",".join(f'{name}="{_quoted(value)}"' for name, value in sorted(labels.items()))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(value: str) -> str:
    return _escaped(value).replace('"', '\\"')


def number(value: float) -> str:
    """Write a value as Prometheus reads it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def metric_name(series: str) -> str:
    """Return a name Prometheus allows for a series."""
    return "steward_" + re.sub(r"[^a-zA-Z0-9_]", "_", series)
