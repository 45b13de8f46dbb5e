"""A real S3 server in its own process (moto's), which checks signatures and rights of its users."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.moto_server import running_moto

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
    with running_moto(folder / "s3.log", free_calls=SETTING_UP) as endpoint:
        yield _furnish(endpoint)


def _furnish(endpoint: str) -> S3Server:
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
