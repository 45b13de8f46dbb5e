from pathlib import Path

import pytest
import redis

from dashboard.servers import ServerError, Valkey, free_port


def make(
    scratch: Path, *, append_only: bool = True, policy: str = "noeviction", max_memory: str = "0"
) -> Valkey:
    folder, port = scratch / "valkey", free_port()
    return Valkey(folder, port, "secret", append_only=append_only, policy=policy, max_memory=max_memory)


def test_broker_keeps_its_data_through_a_crash(scratch: Path) -> None:
    server = make(scratch)
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        client.set("kept", "1")
        client.config_set("appendfsync", "always")
        client.set("kept too", "2")
    server.kill()
    server.start()
    with redis.Redis.from_url(server.url()) as client:
        assert client.mget("kept", "kept too") == [b"1", b"2"]
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    server.stop()
    assert server.pid is None
    assert server.returncode == 0


def test_cache_evicts_and_asks_for_its_password(scratch: Path) -> None:
    server = make(scratch, append_only=False, policy="allkeys-lru", max_memory="16mb")
    server.start()
    server.start()  # starting twice is one server
    with redis.Redis.from_url(server.url()) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
        assert client.config_get("appendonly") == {"appendonly": "no"}
    with (
        redis.Redis(port=server.port) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    assert (server.folder / "valkey.conf").stat().st_mode & 0o777 == 0o600
    server.stop()


def test_leftover_is_stopped_and_a_taken_port_is_named(scratch: Path) -> None:
    first = make(scratch)
    first.start()
    second = Valkey(first.folder, first.port, "secret", append_only=True)
    second.start()
    assert first.returncode == 0
    other = Valkey(scratch / "other", second.port, "secret", append_only=False)
    with pytest.raises(ServerError, match=f"Port {second.port} of Valkey 'other' is taken"):
        other.start()
    second.stop()


def test_what_keeps_it_from_starting_is_said(scratch: Path) -> None:
    with pytest.raises(ServerError, match="ended while starting"):
        make(scratch, policy="no-such-policy").start()
    (scratch / "file").touch()
    with pytest.raises(ServerError, match="is a file"):
        Valkey(scratch / "file", free_port(), "secret", append_only=False).start()
