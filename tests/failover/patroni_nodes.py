"""A cluster of real Patronis on scratch folders: their own consensus (raft), so no etcd is needed."""

import importlib.util
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import yaml

from dashboard.failover.patroni.client import Patroni, PatroniError, View
from dashboard.servers import free_port, scratch_folder, service_account
from dashboard.servers.binaries import postgres_bin
from dashboard.servers.leftovers import stop_leftover
from dashboard.servers.pgdata import make_private_folder
from dashboard.servers.process import StopStep, tool_environment
from tests.cluster import wait_until

LAUNCHER = Path(__file__).with_name("patroni_node.py")
USER, PASSWORD = "postgres", "secret of the nodes"
NAMES = ("pa", "pb")
needs_patroni = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("patroni", "pysyncobj")),
    reason="Patroni is not installed (requirements-dev.in)",
)


@dataclass
class Nodes:
    """Running Patronis: their REST APIs, and one address over all their servers."""

    folder: Path
    login: dict[str, str]
    ports: dict[str, dict[str, int]]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def urls(self) -> list[str]:
        """The REST APIs."""
        return [f"http://127.0.0.1:{ports['api']}" for ports in self.ports.values()]

    @property
    def api(self) -> Patroni:
        """Patroni as Steward reaches it."""
        return Patroni(self.urls, self.login)

    @property
    def dsn(self) -> str:
        """An address that finds whoever takes writes."""
        ports = [str(one["db"]) for one in self.ports.values()]
        hosts = ",".join("127.0.0.1" for _port in ports)
        return (
            f"postgresql://{USER}:{PASSWORD.replace(' ', '%20')}@/postgres"
            f"?host={hosts}&port={','.join(ports)}&target_session_attrs=read-write"
        )

    def look(self) -> View:
        """What Patroni says, nothing while it does not answer."""
        try:
            return self.api.look()
        except PatroniError:
            return View()

    def is_whole(self) -> bool:
        """Whether one leads and the other one streams and counts as synchronous, as a switchover asks for."""
        return sorted((node.state, node.role) for node in self.look().nodes) == [
            ("running", "leader"),
            ("streaming", "sync_standby"),
        ]

    def sql(self, statement: str) -> Any:
        """Run a statement on the primary."""
        with closing(psycopg2.connect(self.dsn)) as link, link, link.cursor() as at:
            at.execute(statement)
            row = at.fetchone() if at.description else None
            return row[0] if row else None


@contextmanager
def running_nodes() -> Iterator[Nodes]:
    """Start them and wait until the cluster is whole."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch_folder("patroni-"))
        ports = {name: {"api": free_port(), "db": free_port(), "raft": free_port()} for name in NAMES}
        login = {"username": "steward", "password": secrets.token_hex(8)}
        nodes = Nodes(folder, login, ports)
        stack.callback(_stop, nodes)
        for name in NAMES:
            _start(nodes, name)
        try:
            wait_until(nodes.is_whole, 90)
        except AssertionError as error:
            raise AssertionError(f"the cluster of Patroni is not whole: {_last_words(nodes)}") from error
        yield nodes


def _start(nodes: Nodes, name: str) -> None:
    account = service_account()
    home = nodes.folder / name
    make_private_folder(home, account)
    configuration = home / "patroni.yml"
    configuration.write_text(yaml.safe_dump(_configuration(nodes, name)))
    configuration.chmod(0o600)
    identity = []
    if account:
        account.own(configuration)
        identity = [str(account.uid), str(account.gid)]
    with (nodes.folder / f"{name}.log").open("wb") as log:
        nodes.processes[name] = subprocess.Popen(
            [sys.executable, str(LAUNCHER), str(configuration), *identity],
            cwd=home,
            env=tool_environment(home) | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _stop(nodes: Nodes) -> None:
    """End them at once, Patroni first: it would start its server again."""
    for name, process in nodes.processes.items():
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)
        stop_leftover(nodes.folder / name / "data", "postgres", (StopStep(signal.SIGQUIT, 5),))


def _last_words(nodes: Nodes) -> str:
    return " | ".join(path.read_text(errors="replace")[-400:] for path in sorted(nodes.folder.glob("*.log")))


def _configuration(nodes: Nodes, name: str) -> dict[str, Any]:
    own, home = nodes.ports[name], nodes.folder / name
    others = [f"127.0.0.1:{ports['raft']}" for other, ports in nodes.ports.items() if other != name]
    copies = nodes.folder / "bin"
    api, db = f"127.0.0.1:{own['api']}", f"127.0.0.1:{own['db']}"
    return {
        "scope": "steward",
        "name": name,
        "restapi": {"listen": api, "connect_address": api, "authentication": nodes.login},
        "raft": {
            "data_dir": str(home / "raft"),
            "self_addr": f"127.0.0.1:{own['raft']}",
            "partner_addrs": others,
        },
        "bootstrap": {
            "dcs": {
                "ttl": 20,
                "loop_wait": 1,
                "retry_timeout": 3,
                "synchronous_mode": True,
                "postgresql": {"use_pg_rewind": True, "parameters": _parameters()},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
        },
        "postgresql": {
            "listen": db,
            "connect_address": db,
            "data_dir": str(home / "data"),
            "bin_dir": str(postgres_bin(service_account(), copies)),
            "pgpass": str(home / "pgpass"),
            "pg_hba": [
                "host all all 127.0.0.1/32 scram-sha-256",
                "host replication all 127.0.0.1/32 scram-sha-256",
            ],
            "authentication": {
                "superuser": {"username": USER, "password": PASSWORD},
                "replication": {"username": "replicator", "password": PASSWORD},
            },
            "parameters": {"unix_socket_directories": ""},
        },
    }


def _parameters() -> dict[str, str]:
    return {"shared_buffers": "16MB", "max_connections": "30", "fsync": "off", "wal_keep_size": "64MB"}
