"""The opening moves only forwards, prices come in until then, and everything shows afterwards."""

import time
from decimal import Decimal

import pytest

from tests.erp.sealing.conftest import PRICE, Sealed


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE rfq_seal SET opens_at = now()",
        "DELETE FROM rfq_seal",
        "TRUNCATE rfq_seal",
        "INSERT INTO rfq_seal (rfq_id, org_id, opens_at) VALUES (1, 1, now())",
        "UPDATE quote_price SET unit_price = 1",
        "UPDATE quote_price SET rfq_id = 1",
        "DELETE FROM quote_price",
        "TRUNCATE quote_price",
        "INSERT INTO quote_price (org_id, rfq_id, quote_line_id, unit_price) VALUES (1, 1, 1, 1)",
        "CREATE POLICY look ON quote_price USING (true)",
        "ALTER TABLE quote_price DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE quote_price NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE quote_price ALTER unit_price SET STATISTICS 100",
        "ALTER TABLE quote_line DISABLE TRIGGER divert_price",
        "DROP TRIGGER divert_price ON quote_line",
        "CREATE VIEW look AS SELECT * FROM quote_price",
        "CREATE MATERIALIZED VIEW look AS SELECT * FROM quote_price",
        "CREATE TABLE look AS SELECT * FROM quote_price",
        "CREATE TEMP TABLE look AS SELECT * FROM quote_price",
        "CREATE FUNCTION look() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE OR REPLACE FUNCTION divert_price() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "ALTER FUNCTION submit_price(bigint, bigint, numeric) SECURITY INVOKER",
        "CREATE TRIGGER look BEFORE INSERT ON quote_price FOR EACH ROW EXECUTE FUNCTION divert_price()",
        "CREATE RULE look AS ON INSERT TO quote_price DO ALSO NOTIFY prices",
        "SET session_replication_role = replica",
        "SELECT public.seal_off(ARRAY['quote_price'], ARRAY[]::text[])",
        "COPY quote_price TO PROGRAM 'cat'",
        "ANALYZE VERBOSE pg_catalog.pg_authid; SELECT * FROM pg_authid",
    ],
)
def test_a_tenant_cannot_touch_the_seal(sealed: Sealed, statement: str) -> None:
    refusal = sealed.refused(statement)
    assert "permission denied" in refusal or "must be owner" in refusal, refusal


def test_a_tenant_grants_nobody_anything(sealed: Sealed) -> None:
    before = "SELECT relacl::text FROM pg_class WHERE oid = 'quote_price'::regclass"
    kept = sealed.one(before)
    sealed.run("GRANT SELECT ON quote_price TO PUBLIC")  # PostgreSQL warns and grants nothing
    assert sealed.one(before) == kept


def test_the_opening_is_not_brought_forward(sealed: Sealed) -> None:
    for moment in ("now() + interval '1 minute'", "now() - interval '1 minute'", "'-infinity'"):
        assert "only be put off" in sealed.refused(f"SELECT extend_seal(%s, {moment})", sealed.rfq)


def test_the_opening_can_be_put_off(sealed: Sealed) -> None:
    sealed.run("SELECT extend_seal(%s, now() + interval '1 year')", sealed.rfq)
    later = "SELECT opens_at > now() + interval '300 days' FROM rfq_seal WHERE rfq_id = %s"
    assert sealed.one(later, sealed.rfq) is True


def test_a_request_is_sealed_once(sealed: Sealed) -> None:
    assert "duplicate key" in sealed.refused(
        "SELECT seal_rfq(%s, clock_timestamp() + interval '1 second')", sealed.rfq
    )


def test_nothing_is_sealed_into_the_past(desk: Sealed) -> None:
    rfq, _ = desk.ask(sealed=False)
    assert "lies in the past" in desk.refused("SELECT seal_rfq(%s, now() - interval '1 second')", rfq)


def test_the_request_keeps_the_key_its_seal_is_on(sealed: Sealed) -> None:
    assert "violates foreign key" in sealed.refused(
        "UPDATE rfq SET id = id + 1000000 WHERE id = %s; SET CONSTRAINTS ALL IMMEDIATE", sealed.rfq
    )


def test_a_sealed_request_cannot_be_removed_to_start_anew(sealed: Sealed) -> None:
    assert "has a number" in sealed.refused("DELETE FROM rfq WHERE id = %s", sealed.rfq)


def test_a_price_before_sending_is_refused(desk: Sealed) -> None:
    rfq = desk.one(
        "INSERT INTO rfq (org_id, title, sealed) VALUES (%s, 'Early', true) RETURNING id", desk.org
    )
    line = desk.one(
        "INSERT INTO rfq_line (org_id, rfq_id, description, quantity) VALUES (%s, %s, 'a', 1) RETURNING id",
        *(desk.org, rfq),
    )
    supplier = desk.one("INSERT INTO supplier (org_id, name) VALUES (%s, 'Early') RETURNING id", desk.org)
    quote = desk.one(
        "INSERT INTO quote (org_id, rfq_id, supplier_id) VALUES (%s, %s, %s) RETURNING id",
        *(desk.org, rfq, supplier),
    )
    assert "once it has been sent" in desk.refused(
        "INSERT INTO quote_line (org_id, quote_id, rfq_line_id, quantity, unit_price)"
        " VALUES (%s, %s, %s, 1, 1)",
        *(desk.org, quote, line),
    )


def opened(desk: Sealed) -> None:
    """Seal, bid twice, and wait for the opening."""
    desk.rfq, rfq_line = desk.ask(sealed=True, opens="700 milliseconds")
    desk.quote, desk.line = desk.bid(desk.rfq, rfq_line, "1")
    desk.run("UPDATE quote_line SET unit_price = %s WHERE id = %s", PRICE, desk.line)
    time.sleep(0.8)


def test_after_the_opening_the_newest_price_shows_and_totals_follow(desk: Sealed) -> None:
    opened(desk)
    desk.run("SELECT open_quotes(%s)", desk.rfq)
    assert desk.one("SELECT unit_price FROM quote_line WHERE id = %s", desk.line) == Decimal(PRICE)
    assert desk.one("SELECT total FROM quote WHERE id = %s", desk.quote) == Decimal("14702.86")
    assert desk.one("SELECT count(*) FROM quote_price WHERE rfq_id = %s", desk.rfq) == 2


def test_opening_twice_changes_nothing_the_second_time(desk: Sealed) -> None:
    opened(desk)
    desk.run("SELECT open_quotes(%s)", desk.rfq)
    before = desk.one("SELECT count(*) FROM row_history")
    desk.run("SELECT open_quotes(%s)", desk.rfq)
    assert desk.one("SELECT count(*) FROM row_history") == before


@pytest.mark.parametrize("is_taken_over", [False, True])
def test_a_late_price_is_refused(desk: Sealed, *, is_taken_over: bool) -> None:
    opened(desk)
    if is_taken_over:
        desk.run("SELECT open_quotes(%s)", desk.rfq)
    late = "UPDATE quote_line SET unit_price = 5 WHERE id = %s"
    assert "no price is accepted any more" in desk.refused(late, desk.line)


def test_a_late_price_through_the_function_is_refused(desk: Sealed) -> None:
    opened(desk)
    call = "SELECT submit_price(%s, %s, 5)"
    assert "no price is accepted any more" in desk.refused(call, desk.line, desk.quote)


def test_an_opened_seal_is_not_put_off(desk: Sealed) -> None:
    opened(desk)
    assert "only be put off" in desk.refused("SELECT extend_seal(%s, now() + interval '1 day')", desk.rfq)
