"""Roles and rights from given URLs, as containers use it."""

from contextlib import closing

import psycopg2
import pytest

from dashboard.servers import Postgres, bootstrap
from tests.servers.conftest import PASSWORDS


def environment(primary: Postgres) -> dict[str, str]:
    def url(user: str, password: str) -> str:
        return primary.url("erp_from_urls", user, password)

    return {
        "DATABASE_URL": url("steward_app", PASSWORDS.app),
        "DATABASE_DIRECT_URL": url("steward_owner", PASSWORDS.owner),
        "DATABASE_MONITOR_URL": url("steward_monitor", PASSWORDS.monitor),
        "STEWARD_CONTROL_URL": primary.url("control_from_urls", "steward", "con"),
        "STEWARD_ERP_SUPERUSER_URL": primary.url("postgres"),
        "STEWARD_CONTROL_SUPERUSER_URL": primary.url("postgres"),
        "STEWARD_REPLICATION_PASSWORD": PASSWORDS.replication,
        "STEWARD_BACKUP_PASSWORD": PASSWORDS.backup,
    }


def test_passwords_and_names_come_from_the_urls(primary: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(primary)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert bootstrap.main() == 0
    for name in ("DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_MONITOR_URL", "STEWARD_CONTROL_URL"):
        psycopg2.connect(given[name]).close()
    with closing(psycopg2.connect(primary.url("postgres"))) as link:
        link.autocommit = True
        for database in ("erp_from_urls", "control_from_urls"):
            link.cursor().execute(f"DROP DATABASE {database}")


def test_missing_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_DIRECT_URL", raising=False)
    assert bootstrap.main() == 1
    assert capsys.readouterr().err == "DATABASE_DIRECT_URL is not set.\n"
