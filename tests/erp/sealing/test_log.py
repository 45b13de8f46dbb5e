"""The server's log holds no price, whatever goes wrong with the statement that carries it."""

import pytest

from tests.conftest import Servers
from tests.erp.sealing.conftest import Sealed

SIGN = "4711.8642"


def test_a_failing_statement_leaves_no_price_in_the_server_log(servers: Servers, sealed: Sealed) -> None:
    before = servers.postgres.log.stat().st_size
    failing = "UPDATE quote_line SET unit_price = %s, lead_days = -1 WHERE id = %s"
    assert "lead_days" in sealed.refused(failing, SIGN, sealed.line)
    with servers.postgres.log.open("rb") as log:
        log.seek(before)
        written = log.read().decode()
    assert "ck_quote_line_lead_days_not_negative" in written  # the error is there, the statement is not
    assert SIGN not in written


@pytest.mark.parametrize(
    "setting", ["log_min_error_statement", "log_min_duration_statement", "log_error_verbosity"]
)
def test_the_app_cannot_turn_the_log_on(sealed: Sealed, setting: str) -> None:
    assert "permission denied" in sealed.refused(f"SET {setting} = DEFAULT")


def test_a_slow_statement_is_not_logged_for_the_app(sealed: Sealed) -> None:
    assert sealed.one("SHOW log_min_duration_statement") == "-1"
