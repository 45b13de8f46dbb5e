"""`python -m dashboard.servers.bootstrap`: roles and rights of given clusters, as containers use it.

The passwords are taken from the URLs the product itself is given, so that they are said once.
"""

import os
import sys
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from dashboard.servers.erp_roles import ErpPasswords, bootstrap_control, bootstrap_erp
from dashboard.servers.errors import ServerError


def bootstrap(environment: Mapping[str, str]) -> None:
    """Create or correct both clusters' roles; ServerError names a variable that is missing."""
    owner = _value(environment, "DATABASE_DIRECT_URL")
    control = _value(environment, "STEWARD_CONTROL_URL")
    passwords = ErpPasswords(
        owner=_password(owner),
        app=_password(_value(environment, "DATABASE_URL")),
        monitor=_password(_value(environment, "DATABASE_MONITOR_URL")),
        replication=_value(environment, "STEWARD_REPLICATION_PASSWORD"),
        backup=_value(environment, "STEWARD_BACKUP_PASSWORD"),
    )
    bootstrap_erp(_value(environment, "STEWARD_ERP_SUPERUSER_URL"), _database(owner), passwords)
    bootstrap_control(
        _value(environment, "STEWARD_CONTROL_SUPERUSER_URL"), _database(control), _password(control)
    )


def main() -> int:
    """Run it on the process's environment and return the exit code."""
    try:
        bootstrap(os.environ)
    except ServerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _value(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ServerError(f"{name} is not set.")
    return value


def _password(url: str) -> str:
    return unquote(urlsplit(url).password or "")


def _database(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


if __name__ == "__main__":
    sys.exit(main())
