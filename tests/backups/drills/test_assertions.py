"""The rules of restored data on real tenants: they hold, and each is broken once."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import cursor

from dashboard.backups.drills.assertions import Assertion, in_words, list_assertions
from dashboard.tenancy.models import TenantRef
from tests.conftest import Servers


def rule(name: str) -> Assertion:
    return next(one for one in list_assertions("tenant") if one.name == name)


@pytest.fixture
def at(app: Flask, servers: Servers, acme: TenantRef) -> Iterator[cursor]:
    """A superuser's transaction in acme, undone afterwards."""
    with closing(psycopg2.connect(servers.postgres.url("erp_test"))) as link, link.cursor() as found:
        found.execute(f"SET LOCAL search_path TO {acme.schema}, public")
        yield found
        link.rollback()


@pytest.mark.parametrize("name", ["erp.numbers", "erp.stock", "erp.totals", "erp.awards"])
def test_a_tenant_as_it_is_breaks_no_rule(at: cursor, name: str) -> None:
    assert rule(name).look(at) == []


def test_a_number_that_no_document_carries_is_a_gap(at: cursor) -> None:
    at.execute("SET LOCAL session_replication_role TO replica")
    at.execute("INSERT INTO number_sequence (org_id, type, year, last) VALUES (1, 'RFQ', 2031, 3)")
    (found,) = rule("erp.numbers").look(at)
    assert found == "RFQ-2031 of organization 1: 0 documents, the last number drawn is 3 and the highest 0"


def test_a_balance_that_its_moves_do_not_explain_is_found(at: cursor) -> None:
    at.execute("SET LOCAL session_replication_role TO replica")
    at.execute("INSERT INTO stock_balance (org_id, product_id, warehouse_id, quantity) VALUES (1, 7, 8, 5)")
    (found,) = rule("erp.stock").look(at)
    assert found.startswith("product 7 in warehouse 8: moves add up to 0, the balance says 5")


def test_many_problems_are_told_in_a_few_words() -> None:
    assert in_words([str(number) for number in range(9)])[-1] == "and 4 more"
