"""A real S3 server in its own process (moto's), which checks signatures and rights of its users."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import boto3

from dashboard.servers import free_port

BUCKET = "steward-files"
SETTING_UP = 4
"""Calls that need no valid signature yet: those that make the bucket, the user and its key."""


@dataclass(frozen=True)
class S3Server:
    """Where it listens, and the one key it accepts."""

    endpoint: str
    key: str
    secret: str

    def options(self, **changes: Any) -> dict[str, Any]:
        """Options of the file store, as they stand in STEWARD_FILES_OPTIONS."""
        return {"endpoint_url": self.endpoint, "key": self.key, "secret": self.secret} | changes


@contextmanager
def running_s3(folder: Path) -> Iterator[S3Server]:
    """Run the server with a bucket and a user who may use it."""
    port = free_port()
    environment = os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": str(SETTING_UP), "PYTHONWARNINGS": "ignore"}
    code = "import sys; from moto.server import main; main(sys.argv[1:])"
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "-H", "127.0.0.1", "-p", str(port)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            yield _furnish(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(20)


def _furnish(endpoint: str) -> S3Server:
    _await(endpoint)
    common = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    keys = {"aws_access_key_id": "setting-up", "aws_secret_access_key": "setting-up"}
    boto3.client("s3", **common, **keys).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", **common, **keys)
    iam.create_user(UserName="steward")
    rights = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}],
    }
    iam.put_user_policy(UserName="steward", PolicyName="files", PolicyDocument=json.dumps(rights))
    made = iam.create_access_key(UserName="steward")["AccessKey"]
    return S3Server(endpoint, made["AccessKeyId"], made["SecretAccessKey"])


def _await(endpoint: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"{endpoint}/moto-api/", timeout=2):  # noqa: S310  # our own address
                return
        except (URLError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
