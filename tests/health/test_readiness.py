"""/readyz is 200 only when every part is well, and names those that are not."""

import time
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from rq import SimpleWorker

from dashboard.core.config import Settings
from dashboard.health import readiness
from dashboard.health.redis_probes import redis_client
from dashboard.servers import free_port


@pytest.fixture
def worker(settings: Settings) -> Iterator[None]:
    """A worker that has just shown a sign of life."""
    client = redis_client(settings.broker_url)
    living = SimpleWorker(["probes"], connection=client)
    living.register_birth()
    yield
    living.register_death()
    client.close()


@pytest.fixture
def checks(app: Flask) -> Iterator[dict[str, readiness.Check]]:
    """The registered checks, put back afterwards."""
    registered: dict[str, readiness.Check] = app.extensions["readiness"]
    before = dict(registered)
    yield registered
    registered.clear()
    registered.update(before)


def test_process_alone_is_alive(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "alive"}


def test_all_parts_well_is_ready(client: FlaskClient, worker: None) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "failing": {}})


def test_no_worker_is_not_ready(client: FlaskClient, settings: Settings) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert "worker" in answer.json["failing"]


@pytest.mark.parametrize("part", ["control database", "primary", "broker", "cache", "migrations", "worker"])
def test_every_promised_part_is_checked(app: Flask, part: str) -> None:
    assert part in app.extensions["readiness"]


def test_dead_parts_are_named_with_their_reason(
    client: FlaskClient, worker: None, checks: dict[str, readiness.Check]
) -> None:
    port = free_port()
    checks["primary"] = lambda: readiness.check_server(f"postgresql://u@127.0.0.1:{port}/d")
    checks["broker"] = lambda: readiness.check_redis(f"redis://127.0.0.1:{port}/0")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["failing"].keys() == {"primary", "broker"}
    assert "refused" in answer.json["failing"]["primary"]


def test_part_that_hangs_does_not_hang_the_answer(
    client: FlaskClient, checks: dict[str, readiness.Check]
) -> None:
    checks["slow"] = lambda: time.sleep(6)
    began = time.monotonic()
    answer = client.get("/readyz")
    assert time.monotonic() - began < 5
    assert answer.json is not None
    assert "no answer" in answer.json["failing"]["slow"]


def test_old_heartbeat_is_no_sign_of_life(
    settings: Settings, worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    readiness.check_worker(settings.broker_url)
    monkeypatch.setattr(readiness, "HEARTBEAT", -readiness.HEARTBEAT)
    with pytest.raises(readiness.NotReadyError, match="sign of life since"):
        readiness.check_worker(settings.broker_url)
