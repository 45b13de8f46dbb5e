"""A real RDS server in its own process (moto's) with users and rights, and a gate that refuses and pages."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen
from xml.etree import ElementTree as ET

import boto3

from tests.moto_server import running_moto

INSTANCE, REGION = "erp-live", "eu-central-1"
SETTING_UP = 7
NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"


@dataclass(frozen=True)
class RdsServer:
    """Where it listens; a key with every right of RDS and one with none."""

    endpoint: str
    key: tuple[str, str]
    powerless: tuple[str, str]

    def client(self) -> Any:
        """A client for what tests change behind Steward's back."""
        return boto3.client(
            "rds",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.key[0],
            aws_secret_access_key=self.key[1],
        )


@contextmanager
def running_rds(folder: Path) -> Iterator[RdsServer]:
    """Run the server with one instance."""
    with running_moto(folder / "rds.log", free_calls=SETTING_UP) as endpoint:
        yield _furnish(endpoint)


def _furnish(endpoint: str) -> RdsServer:
    common: dict[str, Any] = {
        "endpoint_url": endpoint,
        "region_name": REGION,
        "aws_access_key_id": "setting-up",
        "aws_secret_access_key": "setting-up",
    }
    iam = boto3.client("iam", **common)
    keys = []
    for user, action in (("steward", "rds:*"), ("powerless", "s3:*")):
        iam.create_user(UserName=user)
        rights = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": [action], "Resource": "*"}],
        }
        iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=json.dumps(rights))
        made = iam.create_access_key(UserName=user)["AccessKey"]
        keys.append((made["AccessKeyId"], made["SecretAccessKey"]))
    boto3.client("rds", **common).create_db_instance(
        DBInstanceIdentifier=INSTANCE,
        DBInstanceClass="db.t3.medium",
        Engine="postgres",
        AllocatedStorage=100,
        MasterUsername="postgres",
        MasterUserPassword="not-a-secret",
        BackupRetentionPeriod=30,
        StorageEncrypted=True,
        DeletionProtection=True,
    )
    return RdsServer(endpoint, *keys)


@dataclass
class Gate:
    """Stands before the server: refuses the next calls as AWS would, cuts lists into pages, counts calls."""

    endpoint: str
    behind: str
    refuse: int = 0
    page_size: int = 100
    window: tuple[str, str] | None = None
    calls: list[str] = field(default_factory=list)


@contextmanager
def gate_before(server: RdsServer) -> Iterator[Gate]:
    """Run a gate."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    gate = Gate(f"http://127.0.0.1:{http.server_port}", server.endpoint)
    http.gate = gate  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield gate
    finally:
        http.shutdown()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        gate: Gate = self.server.gate  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        gate.calls.append(asked["Action"])
        if gate.refuse:
            gate.refuse -= 1
            self._answer(400, _throttled())
            return
        status, data = self._forward(gate, body)
        if status == 200 and asked["Action"] == "DescribeDBSnapshots":
            data = _page(data, int(asked.get("Marker", 0)), gate.page_size)
        if status == 200 and gate.window and asked["Action"] == "DescribeDBInstanceAutomatedBackups":
            data = _automated(gate.window)
        self._answer(status, data)

    def _forward(self, gate: Gate, body: bytes) -> tuple[int, bytes]:
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in {"content-length", "accept-encoding", "connection"}
        }
        try:
            with urlopen(Request(gate.behind, body, kept), timeout=20) as answer:  # noqa: S310  # our own
                return answer.status, answer.read()
        except HTTPError as error:
            return error.code, error.read()

    def _answer(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_args: object) -> None:
        """Be silent."""


def _throttled() -> bytes:
    return (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"
        b"<Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )


def _automated(window: tuple[str, str]) -> bytes:
    inside = f"<EarliestTime>{window[0]}</EarliestTime><LatestTime>{window[1]}</LatestTime>"
    return (
        f'<DescribeDBInstanceAutomatedBackupsResponse xmlns="{NAMESPACE}">'
        "<DescribeDBInstanceAutomatedBackupsResult><DBInstanceAutomatedBackups><DBInstanceAutomatedBackup>"
        f"<Status>active</Status><RestoreWindow>{inside}</RestoreWindow>"
        "</DBInstanceAutomatedBackup></DBInstanceAutomatedBackups>"
        "</DescribeDBInstanceAutomatedBackupsResult></DescribeDBInstanceAutomatedBackupsResponse>"
    ).encode()


def _page(data: bytes, begin: int, size: int) -> bytes:
    tree = ET.fromstring(data)  # noqa: S314  # our own server's answer
    result = next(node for node in tree.iter() if node.tag.endswith("DescribeDBSnapshotsResult"))
    listed = next((node for node in result if node.tag.endswith("DBSnapshots")), None)
    if listed is None:
        return data
    rows = list(listed)
    for number, row in enumerate(rows):
        if not begin <= number < begin + size:
            listed.remove(row)
    if begin + size < len(rows):
        prefix = listed.tag.rpartition("DBSnapshots")[0]
        ET.SubElement(result, f"{prefix}Marker").text = str(begin + size)
    return ET.tostring(tree)
