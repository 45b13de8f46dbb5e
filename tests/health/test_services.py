"""Redis in every way it is reached, PgBouncer, the machine: real ones, broken and mended."""

import mmap
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.errors import InvalidInputError
from dashboard.core.redis_links import open_redis, parse_sentinel
from dashboard.health.connection import ProbeError
from dashboard.health.queries import get_reading
from dashboard.health.redis_probes import read_redis
from dashboard.health.services import judging
from dashboard.health.services.pgbouncer_probes import read_pgbouncer
from dashboard.health.services.refreshing import (
    BROKER,
    FILES,
    MACHINE,
    POOLS,
    QUEUES,
    grown,
    refresh_files,
    refresh_machine,
    refresh_pools,
    refresh_queues,
    refresh_redis,
    shares,
)
from dashboard.servers import Valkey, free_port, scratch_folder
from tests.cluster import wait_until
from tests.conftest import Servers
from tests.health.bell import Bell
from tests.health.tls_front import tls_front
from tests.pooler import is_listening, pgbouncer

NOW = datetime.now(UTC)
PIECE = "x" * 50_000


@pytest.fixture
def own() -> Iterator[Valkey]:
    """A Valkey of one's own, to break."""
    with scratch_folder() as folder:
        valkey = Valkey(folder / "own", free_port(), "secret", append_only=True)
        valkey.ensure_initialised()
        valkey.start()
        try:
            yield valkey
        finally:
            valkey.stop()


@pytest.fixture
def client(own: Valkey) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(own.url())) as found:
        yield found


def look(own: Valkey) -> None:
    assert refresh_redis(BROKER, "broker", own.url()) == ""
    refresh_redis("health.cache", "cache", own.url())


@pytest.mark.breaks("health.redis_memory")
def test_redis_that_gets_full(bell: Bell, own: Valkey, client: redis.Redis) -> None:
    used = client.info("memory")["used_memory"]
    client.config_set("maxmemory", used + 1_000_000)
    look(own)
    assert bell.is_quiet("health.redis_memory")
    for number in range(200):
        try:
            client.set(f"key{number}", PIECE)
        except redis.ResponseError:
            break
    look(own)
    assert "The broker uses" in bell.reasons("health.redis_memory")["broker"]
    client.flushall()
    client.config_set("maxmemory", "100mb")
    look(own)
    assert bell.is_quiet("health.redis_memory")


@pytest.mark.breaks("health.redis_evictions")
def test_broker_that_throws_jobs_away(bell: Bell, own: Valkey, client: redis.Redis) -> None:
    look(own)
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 500_000)
    for number in range(50):
        client.set(f"key{number}", PIECE)
    look(own)
    found = bell.reasons("health.redis_evictions")
    assert found.keys() == {"broker"}  # of the cache it is the daily work
    assert "keys were evicted since it was started" in found["broker"]
    bell.clock += timedelta(minutes=11)
    assert bell.is_quiet("health.redis_evictions")


@pytest.mark.breaks("health.redis_rejected")
def test_redis_that_refuses_connections(bell: Bell, own: Valkey, client: redis.Redis) -> None:
    look(own)
    client.config_set("maxclients", 1)
    for _ in range(2):
        with pytest.raises(redis.ConnectionError), closing(redis.Redis.from_url(own.url())) as another:
            another.ping()
    client.config_set("maxclients", 100)
    look(own)
    assert "connections were refused" in bell.reasons("health.redis_rejected")["broker"]
    bell.clock += timedelta(minutes=11)
    assert bell.is_quiet("health.redis_rejected")


@pytest.mark.breaks("health.redis_append_only")
def test_append_only_file_that_cannot_be_written(bell: Bell, own: Valkey, client: redis.Redis) -> None:
    look(own)
    assert bell.is_quiet("health.redis_append_only")
    folder = own.folder / "appendonlydir"
    away = folder.rename(own.folder / "away")
    folder.write_text("a file where the folder was")
    rewrite(client, "err")
    look(own)
    assert "append-only file" in bell.reasons("health.redis_append_only")["broker"]
    folder.unlink()
    away.rename(folder)
    rewrite(client, "ok")
    look(own)
    assert bell.is_quiet("health.redis_append_only")


def rewrite(client: redis.Redis, outcome: str) -> None:
    with suppress(redis.ResponseError):
        client.execute_command("BGREWRITEAOF")
    wait_until(lambda: aof(client)["aof_last_bgrewrite_status"] == outcome, 10)


def aof(client: redis.Redis) -> dict[str, object]:
    found: dict[str, object] = client.info("persistence")
    return found


@contextmanager
def sentinel_of(own: Valkey, folder: Path) -> Iterator[int]:
    """A real sentinel that watches a server."""
    port = free_port()
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {own.port} 1\n"
        f"sentinel auth-pass main {own.password}\n"
    )
    log = (folder / "sentinel.log").open("wb")
    child = subprocess.Popen([own.program, config, "--sentinel"], cwd=folder, stdout=log)
    try:
        wait_until(lambda: is_listening(port), 10)
        yield port
    finally:
        child.terminate()
        child.wait(10)
        log.close()


def test_redis_is_reached_through_its_sentinels(own: Valkey, tmp_path: Path) -> None:
    away = free_port()
    with sentinel_of(own, tmp_path) as port:
        url = f"redis+sentinel://:{own.password}@127.0.0.1:{away},127.0.0.1:{port}/main/3"
        with closing(open_redis(url, socket_timeout=2, socket_connect_timeout=1)) as found:
            found.set("in", "database three")
        with closing(redis.Redis.from_url(own.url(3))) as direct:
            assert direct.get("in") == b"database three"
        seen = read_redis(url)
        assert (seen.by_sentinel, seen.role, seen.append_only) == (True, "master", True)
        with pytest.raises(ProbeError, match="other"):
            read_redis(url.replace("/main/", "/other/"))


def test_redis_is_reached_over_tls(own: Valkey, tmp_path: Path) -> None:
    with tls_front(tmp_path, own.port, days=2) as port:
        url = f"rediss://:{own.password}@127.0.0.1:{port}/0"
        trusted = f"{url}?ssl_ca_certs={tmp_path}/desk.crt&ssl_check_hostname=false"
        assert read_redis(trusted).encrypted
        with pytest.raises(ProbeError, match=r"(?i)certificate"):
            read_redis(url)  # nobody vouches for it


@pytest.mark.parametrize(
    "url", ["redis+sentinel://h:1", "redis+sentinel://h:1/main/x"], ids=["no name", "no number"]
)
def test_address_of_sentinels_that_is_wrong_is_said(url: str) -> None:
    with pytest.raises(InvalidInputError, match=r"redis\+sentinel://"):
        parse_sentinel(url)
    with pytest.raises(ProbeError, match=r"redis\+sentinel://"):
        read_redis(url)


def test_address_of_sentinels_is_taken_apart() -> None:
    found = parse_sentinel("rediss+sentinel://u:p%40ss@a,b:7/main?sentinel_password=s&ssl_ca_certs=/ca")
    assert found.hosts == (("a", 26_379), ("b", 7))
    assert (found.master, found.database, found.username, found.password) == ("main", 0, "u", "p@ss")
    assert (found.tls, found.ca_file, found.sentinel_password) == (True, "/ca", "s")
    pool = open_redis("rediss+sentinel://a/main?ssl_ca_certs=/ca").connection_pool
    assert "SSL" in pool.connection_class.__name__


def test_counters_that_grew_are_news_and_old_ones_are_not() -> None:
    at = NOW.isoformat()
    none = {"rejected_connections": 0, "evicted_keys": 5}
    assert grown({}, none, NOW) == {"rejected_connections_grew_at": None, "evicted_keys_grew_at": None}
    more = grown(none, {"rejected_connections": 1, "evicted_keys": 5}, NOW)
    assert more == {"rejected_connections_grew_at": at, "evicted_keys_grew_at": None}
    anew = grown({"rejected_connections": 9, **more}, {"rejected_connections": 2, "evicted_keys": 0}, NOW)
    assert anew["rejected_connections_grew_at"] == at


@contextmanager
def waiter(url: str) -> Iterator[None]:
    """Somebody who asks for a server connection and does not get one until the block ends."""

    def ask() -> None:
        with closing(psycopg2.connect(url)) as link, link.cursor() as at:
            at.execute("SELECT 1")

    thread = threading.Thread(target=ask)
    thread.start()
    yield
    thread.join(10)


@pytest.mark.breaks("health.pgbouncer_waiting", "health.pgbouncer_away")
def test_clients_of_pgbouncer_that_wait(
    bell: Bell, app: Flask, servers: Servers, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bell.is_quiet("health.pgbouncer_waiting")  # where there is none, nothing is known to be wrong
    with scratch_folder() as folder, pgbouncer(servers, folder) as console:
        used = settings.model_copy(update={"pgbouncer_url": console})
        monkeypatch.setitem(app.extensions, "steward_settings", used)
        assert refresh_pools(used) == ""
        assert bell.is_quiet("health.pgbouncer_waiting")
        erp = console.replace("/pgbouncer", "/erp_test")
        with closing(psycopg2.connect(erp)) as first, first.cursor() as at:
            at.execute("SELECT 1")  # holds the only server connection until it commits
            with waiter(erp):
                wait_until(lambda: read_pgbouncer(console).pools[0].longest_wait > 0.2, 10)
                assert refresh_pools(used) == ""
                found = bell.reasons("health.pgbouncer_waiting", limit=0.1)["erp_test/postgres"]
                assert found.startswith("1 clients of erp_test (postgres) wait")
                reading = get_reading(POOLS)
                assert reading is not None
                assert judging.judge_pools(reading.values)[0].level == "warning"
                first.commit()
        refresh_pools(used)
        assert bell.is_quiet("health.pgbouncer_waiting", limit=0.1)
        assert bell.is_quiet("health.pgbouncer_away")
    assert "refused" in refresh_pools(used)
    assert "refused" in bell.reasons("health.pgbouncer_away")[""]


def test_machine_is_read_with_its_disks(bell: Bell, settings: Settings) -> None:
    assert refresh_machine(settings) == ""
    assert refresh_machine(settings) == ""
    reading = get_reading(MACHINE)
    assert reading is not None
    values = reading.values
    assert values["busy_share"] is None or 0 <= values["busy_share"] <= 1
    assert values["memory_bytes"] > values["memory_free_bytes"] > 0
    assert "Steward's data" in values["disks"][0]["holds"]
    topics = {finding.topic for finding in judging.judge_machine(values)}
    assert "Machine" in topics


@pytest.mark.breaks("health.memory_filling", "health.memory_nearly_full")
@pytest.mark.parametrize("rule", ["health.memory_filling", "health.memory_nearly_full"])
def test_memory_that_somebody_takes_rings_until_it_is_given_back(
    bell: Bell, settings: Settings, rule: str
) -> None:
    """Some gigabytes are as good as the last ones: the limit is put in the middle of them."""
    # Others take and give back memory meanwhile: one of ten times they leave enough alone.
    assert any(_rings_and_clears(bell, settings, rule) for _ in range(10))


def _rings_and_clears(bell: Bell, settings: Settings, rule: str) -> bool:
    whole, free, name = _memory(settings)
    size = min(2**32, free // 4 // mmap.PAGESIZE * mmap.PAGESIZE)
    limit = (whole - free + size / 2) / whole
    was_quiet = bell.is_quiet(rule, limit=limit)
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE):
        _memory(settings)
        said = bell.reasons(rule, limit=limit).get("", "")
    _memory(settings)
    return was_quiet and f"% of the memory of {name} is in use" in said and bell.is_quiet(rule, limit=limit)


def _memory(settings: Settings) -> tuple[int, int, str]:
    """Read the machine: all of its memory, what can be had, its name."""
    refresh_machine(settings)
    reading = get_reading(MACHINE)
    assert reading is not None
    return reading.data["memory_bytes"], reading.data["memory_free_bytes"], reading.data["name"]


def test_processors_are_busy_by_the_difference_of_two_readings() -> None:
    def at(busy: float, waits: float, total: float) -> dict[str, float]:
        return {"busy_seconds": busy, "wait_seconds": waits, "all_seconds": total}

    assert shares(at(10, 0, 100), at(15, 2, 110)) == {"busy_share": 0.5, "wait_share": 0.2}
    assert shares({}, at(10, 0, 100)) == {"busy_share": None, "wait_share": None}
    assert shares(at(10, 0, 100), at(1, 0, 5))["busy_share"] is None


@pytest.mark.parametrize(("free", "level"), [(50, "ok"), (8, "warning"), (2, "critical")])
def test_memory_and_disks_have_limits(free: int, level: str) -> None:
    disk = {"mount": "/data", "holds": ["its WAL"], "total_bytes": 100, "used_bytes": 100 - free}
    values = {"name": "m", "memory_bytes": 100, "memory_free_bytes": free, "disks": [disk]}
    found = {finding.topic: finding for finding in judging.judge_machine(values)}
    assert found["Machine"].level == level
    assert ("Disk" in found) == (free < 20)


def test_queues_are_read_and_one_without_a_worker_is_told(bell: Bell) -> None:
    assert refresh_queues() == ""
    reading = get_reading(QUEUES)
    assert reading is not None
    assert {row["name"] for row in reading.values["queues"]} >= {"database", "probes"}
    assert "No worker takes work" in judging.judge_queues(reading.values)[0].text
    assert judging.judge_queues({"queues": [{"name": "a", "workers": 1}]}) == []


def test_file_store_is_tried(bell: Bell, app: Flask) -> None:
    assert refresh_files(None) == ""
    assert get_reading(FILES) is None
    assert refresh_files(app.extensions["readiness"]["file store"]) == ""

    def broken() -> None:
        raise OSError("no such bucket")

    assert refresh_files(broken) == "no such bucket"


def test_page_shows_pools_and_queues(bell: Bell, control: Session, login: object, app: Flask) -> None:
    refresh_queues()
    control.commit()
    browser: FlaskClient = login("dba")  # type: ignore[operator]
    html = browser.get("/database/services").text
    assert "No PgBouncer is configured" in html
    assert "No worker takes work from" in html
