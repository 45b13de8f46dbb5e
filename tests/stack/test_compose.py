"""docker-compose.yml, read by a parser."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboard.stack.programs import WORKERS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RUN_ONCE = {"bootstrap", "files-bucket"}


def test_every_part_of_the_product_is_there() -> None:
    assert {
        "control",
        "primary",
        "standby-az-b",
        "standby-dr",
        "pgbouncer",
        "redis",
        "cache",
        "minio",
        "barman",
        "web",
        "scheduler",
    } <= set(SERVICES)


def test_compose_runs_the_workers_of_the_embedded_stack() -> None:
    assert {name for name in SERVICES if name.startswith("worker-")} == set(WORKERS)
    for name, queues in WORKERS.items():
        assert SERVICES[name]["command"][-len(queues) :] == list(queues), name


@pytest.mark.parametrize("name", sorted(set(SERVICES) - RUN_ONCE))
def test_service_tells_whether_it_is_well_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_databases_are_the_official_image_on_named_volumes() -> None:
    for name in ("control", "primary", "standby-az-b", "standby-dr"):
        service = SERVICES[name]
        assert service["image"].startswith("postgres:")
        volume = service["volumes"][0].split(":")[0]
        assert volume in COMPOSE["volumes"]
    assert SERVICES["redis"]["volumes"] == ["redis-data:/data"]
    assert SERVICES["minio"]["volumes"] == ["minio-data:/data"]


def test_named_volumes_are_declared_and_bind_mounts_exist() -> None:
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], source


def test_dependencies_exist() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_no_secret_is_written_down() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|ROOT_USER|AUTH$", name):
                assert re.fullmatch(r"\$\{\w+:\?.*\}", value), name
    for match in re.finditer(r"://[^:/\s]*:([^@\s]+)@", TEXT):
        assert re.fullmatch(r"\$\{\w+:\?\}", match[1]), match[0]


def test_broker_keeps_and_cache_evicts_behind_a_password() -> None:
    broker, cache = (" ".join(SERVICES[name]["command"]) for name in ("redis", "cache"))
    assert "--appendonly yes" in broker
    assert "noeviction" in broker
    assert "allkeys-lru" in cache
    for command in (broker, cache):
        assert "--requirepass" in command


def test_images_have_versions() -> None:
    for service in SERVICES.values():
        assert re.search(r":[\w.-]+$", service["image"])
        assert not service["image"].endswith(":latest")


def test_only_the_web_is_open_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${STEWARD_PORT:-8000}:8000"]}


def test_expected_standbys_are_the_services() -> None:
    listed = SERVICES["web"]["environment"]["DATABASE_STANDBYS"]
    assert [name in listed for name in ('"az-b"', '"dr"', "@standby-az-b:", "@standby-dr:")] == [True] * 4


def test_dockerfile_runs_as_nobody_important() -> None:
    lines = (ROOT / ".docker" / "Dockerfile").read_text().splitlines()
    assert "USER steward" in lines
