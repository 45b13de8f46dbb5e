"""`/metrics`: text that a strict parser reads, and nothing for strangers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.alerts.models import Alert
from dashboard.core.config import Settings
from dashboard.health.service import store_reading
from dashboard.metrics import exposition, sampling
from dashboard.metrics.exposition import Family, render
from dashboard.metrics.probes import FAST
from dashboard.metrics.sampling import Target
from dashboard.metrics.service import record

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?P<labels>\{.*\})? (?P<value>\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
TOKEN = "a-token-of-the-scraper"


@dataclass
class Read:
    """What the parser made of one metric."""

    help: str = ""
    kind: str = ""
    samples: dict[tuple[tuple[str, str], ...], float] = field(default_factory=dict)


def unescaped(words: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], words)


def labels_of(given: str | None) -> tuple[tuple[str, str], ...]:
    rest, found = (given or "{}")[1:-1], []
    while rest:
        match = LABEL.match(rest)
        assert match, rest
        found.append((match[1], unescaped(match[2])))
        rest = rest[match.end() :]
    assert len({name for name, _ in found}) == len(found)
    return tuple(sorted(found))


def parse(text: str) -> dict[str, Read]:
    """Read the text format as its specification says, and refuse everything else."""
    assert text.endswith("\n")
    found: dict[str, Read] = {}
    current = ""
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            current, _, words = line.removeprefix("# HELP ").partition(" ")
            assert NAME.fullmatch(current)
            assert current not in found, f"{current} comes twice"
            assert words
            found[current] = Read(unescaped(words))
        elif line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split(" ")
            assert (name, found[current].kind, found[current].samples) == (current, "", {})
            assert kind in {"gauge", "counter"}
            found[current].kind = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match["name"] == current, "a sample stands with its own HELP and TYPE"
            labels = labels_of(match["labels"])
            assert labels not in found[current].samples, f"{line} comes twice"
            found[current].samples[labels] = float(match["value"].replace("Inf", "inf"))
    assert all(read.kind and read.samples for read in found.values())
    return found


def value(found: dict[str, Read], name: str, **labels: str) -> float:
    return found[name].samples[tuple(sorted(labels.items()))]


def test_awkward_labels_and_values_survive() -> None:
    family = Family("steward_test", 'Says "hi" \\ and\nmore.')
    awkward = 'a "quoted" \\ back\nline, {braces} ä'
    family.add(1.5, path=awkward, empty="")
    family.add(float("inf"), path="inf")
    family.add(float("-inf"), path="minus")
    family.add(2**60, path="large")
    family.add(None, path="unknown")
    found = parse(
        render([family, Family("steward_none", "Has no sample."), Family("steward_test", "Again.")])
    )
    assert found.keys() == {"steward_test"}
    assert found["steward_test"].help == 'Says "hi" \\ and\nmore.'
    assert value(found, "steward_test", path=awkward, empty="") == 1.5
    assert value(found, "steward_test", path="inf") == float("inf")
    assert value(found, "steward_test", path="large") == 2**60
    assert len(found["steward_test"].samples) == 4
    assert exposition.number(float("nan")) == "NaN"


def test_readings_figures_alerts_jobs_and_readiness_are_told(
    control: Session, settings: Settings, client: FlaskClient
) -> None:
    for _ in range(2):
        sampling.sample([Target("az-a", settings.database_monitor_url)], FAST)
    record({"lag.bytes.az-b": 12.0})
    record({"lag.bytes.old": 12.0}, at=datetime.now(UTC) - timedelta(minutes=5))
    store_reading("test.reading", {"x": 1}, 'no "route"', every=10)
    control.add(Alert(rule="test_rule", subject='sla"sh\\', severity="critical", state="firing"))
    control.commit()
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found = parse(answer.text)
    assert value(found, "steward_sessions_limit", server="az-a") == 150
    assert value(found, "steward_transactions_commits", server="az-a") > 0
    assert value(found, "steward_series", source="primary", series="lag.bytes.az-b") == 12
    assert (("series", "lag.bytes.old"), ("source", "primary")) not in found["steward_series"].samples
    assert value(found, "steward_reading_failing", reading="test.reading") == 1
    alert = {"rule": "test_rule", "subject": 'sla"sh\\', "severity": "critical", "state": "firing"}
    assert value(found, "steward_alert_active", **alert) == 1
    assert value(found, "steward_alerts", state="firing", severity="critical") >= 1
    assert value(found, "steward_server_up", server="az-a", tier=FAST) == 1
    assert value(found, "steward_probe_cost_ms", server="az-a", tier=FAST) > 0
    assert value(found, "steward_part_ready", part="control database") == 1
    assert "steward_ready" in found
    assert value(found, "steward_job_failures_last_day") >= 0
    assert set(found["steward_exporter_failed"].samples.values()) == {0}


def test_part_that_fails_is_named_and_the_others_still_speak(app: Flask, client: FlaskClient) -> None:
    def trip() -> Iterable[Family]:
        raise RuntimeError("out of paper")

    exposition.register_exporter(app, "test", trip)
    try:
        found = parse(client.get("/metrics").text)
    finally:
        del app.extensions["metric_exporters"]["test"]
    assert value(found, "steward_exporter_failed", exporter="test") == 1
    assert value(found, "steward_exporter_failed", exporter="jobs") == 0


STRANGERS = {
    "another machine": ({"REMOTE_ADDR": "192.0.2.7"}, {}),
    "no address": ({"REMOTE_ADDR": ""}, {}),
    "behind a proxy": ({}, {"X-Forwarded-For": "192.0.2.7"}),
    "behind another proxy": ({}, {"Forwarded": "for=127.0.0.1"}),
    "behind nginx": ({}, {"X-Real-IP": "127.0.0.1"}),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_without_a_token_only_this_machine_reads(client: FlaskClient, name: str) -> None:
    environ, headers = STRANGERS[name]
    answer = client.get("/metrics", environ_base=environ, headers=headers)
    assert answer.status_code == 404
    assert "steward_" not in answer.text


@pytest.fixture
def guarded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation with a token."""
    known: Settings = app.extensions["steward_settings"]
    changed = known.model_copy(update={"metrics_token": TOKEN})
    monkeypatch.setitem(app.extensions, "steward_settings", changed)


@pytest.mark.parametrize(
    "shown",
    ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer ä"],
    ids=["nothing", "no-token", "wrong", "other-scheme", "bare", "longer", "not-ascii"],
)
def test_with_a_token_others_are_refused_this_machine_too(
    guarded: None, client: FlaskClient, shown: str
) -> None:
    answer = client.get("/metrics", headers={"Authorization": shown} if shown else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "steward_" not in answer.text


def test_token_opens_from_anywhere(guarded: None, client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "192.0.2.7"}
    answer = client.get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert answer.status_code == 200
    assert "steward_exporter_failed" in parse(answer.text)
