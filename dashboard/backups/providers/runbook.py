"""The restore of a managed instance as the exact command: beside the live one, never onto it."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore import xform_name

from dashboard.core.errors import InvalidInputError

CALL = "restore_db_instance_to_point_in_time"


def arguments(instance: Mapping[str, Any], at: datetime | None, now: datetime) -> dict[str, Any]:
    """Return the call's arguments; `at` None means the latest moment. The new instance is like the old."""
    source = instance["DBInstanceIdentifier"]
    moment: dict[str, Any] = {"RestoreTime": at.astimezone(UTC)} if at else {"UseLatestRestorableTime": True}
    like = {
        name: instance.get(name)
        for name in ("DBInstanceClass", "DBSubnetGroupName", "VpcSecurityGroupIds", "DBParameterGroupName")
    }
    return {
        "SourceDBInstanceIdentifier": source,
        "TargetDBInstanceIdentifier": f"{source}-{now.astimezone(UTC):restored-%Y%m%d-%H%M}",
        **moment,
        **{name: value for name, value in like.items() if value},
        "PubliclyAccessible": bool(instance.get("PubliclyAccessible")),
        "CopyTagsToSnapshot": True,
        "DeletionProtection": True,
    }


def command(given: Mapping[str, Any], region: str, endpoint: str = "") -> str:
    """Return the command line of AWS's own tool, one option a line."""
    lines = ["aws rds restore-db-instance-to-point-in-time", f"--region {shlex.quote(region)}"]
    lines += [f"--endpoint-url {shlex.quote(endpoint)}"] if endpoint else []
    lines += [_option(name, value) for name, value in given.items()]
    return " \\\n  ".join(lines)


def _option(name: str, value: Any) -> str:
    flag = xform_name(name, "-")  # type: ignore[no-untyped-call]
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    if isinstance(value, datetime):
        return f"--{flag} {value:%Y-%m-%dT%H:%M:%SZ}"
    values = value if isinstance(value, list) else [value]
    return f"--{flag} {' '.join(shlex.quote(str(one)) for one in values)}"


def moment_of(written: str, window: Mapping[str, Any]) -> datetime | None:
    """Read a moment (UTC) that must lie in the window; '' is the latest. Raises InvalidInputError."""
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise InvalidInputError(
            "Write the moment as 2026-11-21T06:05.", fields={"at": "no moment"}
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    begin, end = window.get("from_at"), window.get("until_at")
    if not begin or not end or not begin <= moment <= end:
        raise InvalidInputError(
            "That moment cannot be restored.",
            fix=f"Choose one from {begin:%d %b %Y %H:%M:%S} to {end:%d %b %Y %H:%M:%S} UTC."
            if begin and end
            else "There is no restorable window yet.",
            fields={"at": "outside the window"},
        )
    return moment
