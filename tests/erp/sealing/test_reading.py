"""Nobody who comes in through the application reads a price before its opening."""

import psycopg2
import pytest
from flask import Flask

from dashboard.core.config import Settings
from tests.erp.sealing.conftest import PRICE, Sealed, has_price


def test_the_kept_price_is_in_no_row_a_tenant_sees(sealed: Sealed) -> None:
    assert sealed.run("SELECT * FROM quote_price") == []


def test_copying_the_table_out_gives_nothing(sealed: Sealed) -> None:
    assert sealed.one("SELECT count(*) FROM (TABLE quote_price) AS everything") == 0
    assert sealed.one("SELECT count(unit_price) FROM quote_price") == 0


def test_the_line_has_neither_price_nor_amount_but_tells_there_is_one(sealed: Sealed) -> None:
    found = sealed.run("SELECT unit_price, amount, sealed_price_at IS NOT NULL FROM quote_line")
    assert (None, None, True) in found
    assert not has_price(sealed.run("SELECT * FROM quote_line"))


def test_the_insert_itself_returns_no_price(sealed: Sealed) -> None:
    rfq, line = sealed.ask(sealed=True)
    quote, _ = sealed.bid(rfq, line, "1")
    other = sealed.one(
        "INSERT INTO rfq_line (org_id, rfq_id, description, quantity) VALUES (%s, %s, 'b', 1) RETURNING id",
        *(sealed.org, rfq),
    )
    rows = sealed.run(
        "INSERT INTO quote_line (org_id, quote_id, rfq_line_id, quantity, unit_price)"
        " VALUES (%s, %s, %s, 2, %s) RETURNING *",
        *(sealed.org, quote, other, PRICE),
    )
    assert not has_price(rows)


def test_the_quote_has_no_total(sealed: Sealed) -> None:
    assert sealed.one("SELECT total FROM quote WHERE id = %s", sealed.quote) is None


def test_a_revision_keeps_no_price(sealed: Sealed) -> None:
    sealed.run(
        "INSERT INTO quote_revision (org_id, quote_id, revision, snapshot)"
        " SELECT org_id, quote_id, 1, to_jsonb(l) FROM quote_line l WHERE id = %s",
        sealed.line,
    )
    assert not has_price(sealed.run("SELECT * FROM quote_revision"))


def test_the_row_history_keeps_no_price(sealed: Sealed) -> None:
    sealed.run("UPDATE quote_line SET unit_price = %s WHERE id = %s", "7351.9999", sealed.line)
    history = sealed.run(
        "SELECT * FROM row_history WHERE table_name IN ('quote', 'quote_line', 'quote_price')"
    )
    assert len(history) >= 2
    assert not has_price(history)


@pytest.mark.parametrize("options", ["", "ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF,"])
def test_explain_says_the_same_of_any_price(sealed: Sealed, options: str) -> None:
    below, above = (
        str(
            sealed.run(f"EXPLAIN ({options} VERBOSE) SELECT * FROM quote_price WHERE unit_price > {limit}")
        ).replace(limit, "?")
        for limit in ("7000", "8000")
    )
    assert below == above
    assert not has_price(below)


def test_the_planner_keeps_no_sample_of_prices(sealed: Sealed) -> None:
    target = (
        "SELECT attstattarget FROM pg_attribute WHERE attrelid = 'quote_price'::regclass AND attname = %s"
    )
    assert sealed.one(target, "unit_price") == 0
    assert (
        sealed.run("SELECT * FROM pg_stats WHERE tablename = 'quote_price' AND attname = 'unit_price'") == []
    )
    assert "permission denied" in sealed.refused("SELECT * FROM pg_statistic")


def test_an_error_in_a_condition_gives_no_price_away(sealed: Sealed) -> None:
    assert sealed.run(f"SELECT 1 FROM quote_price WHERE 1 / (unit_price - {PRICE}) > 0") == []
    assert sealed.run("SELECT unit_price::text::date FROM quote_price") == []


def test_a_deadline_moved_into_the_past_opens_nothing(sealed: Sealed) -> None:
    sealed.run("UPDATE rfq SET deadline = now() - interval '1 day' WHERE id = %s", sealed.rfq)
    sealed.run("SELECT open_quotes(%s)", sealed.rfq)
    assert sealed.run("SELECT * FROM quote_price") == []
    assert sealed.one("SELECT unit_price FROM quote_line WHERE id = %s", sealed.line) is None


def test_taking_the_mark_off_opens_nothing(sealed: Sealed) -> None:
    sealed.run("UPDATE rfq SET sealed = false WHERE id = %s", sealed.rfq)
    sealed.run("UPDATE quote_line SET note = 'look' WHERE id = %s", sealed.line)
    assert sealed.run("SELECT * FROM quote_price") == []
    assert sealed.one("SELECT unit_price FROM quote_line WHERE id = %s", sealed.line) is None


def test_moving_the_quote_to_an_open_request_opens_nothing(sealed: Sealed) -> None:
    other, _ = sealed.ask(sealed=False)
    sealed.run("UPDATE quote SET rfq_id = %s WHERE id = %s", other, sealed.quote)
    sealed.run("UPDATE quote_line SET note = 'look' WHERE id = %s", sealed.line)
    sealed.run("SELECT open_quotes(%s), open_quotes(%s)", sealed.rfq, other)
    assert sealed.run("SELECT * FROM quote_price") == []
    assert sealed.one("SELECT unit_price FROM quote_line WHERE id = %s", sealed.line) is None


def test_row_security_cannot_be_switched_off(sealed: Sealed) -> None:
    sealed.run("SET LOCAL row_security = off")
    assert "row-level security" in sealed.refused("SELECT * FROM quote_price")


def test_the_app_login_without_a_role_reads_nothing(sealed: Sealed) -> None:
    sealed.run("RESET ROLE")
    assert "permission denied" in sealed.refused(f'SELECT * FROM "{sealed.schema}".quote_price')
    assert "permission denied" in sealed.refused(f'SELECT * FROM "{sealed.schema}".quote_line')


@pytest.mark.parametrize("role", ["steward_sealer", "steward_owner", "steward_backup", "pg_read_all_data"])
def test_the_app_login_becomes_nobody_who_could_read(sealed: Sealed, role: str) -> None:
    sealed.run("RESET ROLE")
    assert "permission denied" in sealed.refused(f"SET ROLE {role}")


def test_the_owner_login_reads_nothing_as_it_is(app: Flask, settings: Settings, desk: Sealed) -> None:
    url = settings.database_direct_url.replace("+psycopg2", "")
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as at, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            at.execute(f'SELECT * FROM "{desk.schema}".quote_price')
    finally:
        connection.close()


def test_other_sessions_hide_what_they_run_from_tenants(sealed: Sealed, settings: Settings) -> None:
    other = psycopg2.connect(settings.database_url.replace("+psycopg2", ""))
    try:
        with other.cursor() as at:
            at.execute(f"SELECT {PRICE}")
            seen = sealed.run("SELECT query FROM pg_stat_activity WHERE pid = %s", other.info.backend_pid)
        assert seen == [("<insufficient privilege>",)]
    finally:
        other.close()


def test_backups_may_read_so_that_a_dump_is_complete(sealed: Sealed) -> None:
    query = "SELECT rolname FROM pg_roles WHERE rolbypassrls AND NOT rolsuper AND rolname LIKE 'steward%'"
    assert sealed.run(query) == [("steward_backup",)]
