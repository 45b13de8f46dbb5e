"""A sealed request in one transaction of raw psycopg2: the app login in a tenant's role, rolled back."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from flask import Flask
from psycopg2.extensions import cursor

from dashboard.core.config import Settings
from dashboard.tenancy.models import TenantRef

PRICE = "7351.4286"


@dataclass
class Sealed:
    """The cursor and the keys of what was made with it."""

    at: cursor
    role: str
    schema: str
    org: int = 0
    rfq: int = 0
    quote: int = 0
    line: int = 0

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        self.at.execute(statement, values or None)
        return self.at.fetchall() if self.at.description else []

    def one(self, statement: str, *values: Any) -> Any:
        """The single value of a statement."""
        return self.run(statement, *values)[0][0]

    def refused(self, statement: str, *values: Any) -> str:
        """Run a statement that must fail; returns the refusal."""
        self.at.execute("SAVEPOINT attempt")
        with pytest.raises(psycopg2.Error) as refusal:
            self.at.execute(statement, values or None)
        self.at.execute("ROLLBACK TO SAVEPOINT attempt")
        return str(refusal.value)

    def ask(self, *, sealed: bool, opens: str = "1 hour") -> tuple[int, int]:
        """Make a request with one line, and seal it; returns both keys."""
        rfq = self.one(
            "INSERT INTO rfq (org_id, title, sealed, deadline)"
            " VALUES (%s, 'Secret', %s, clock_timestamp() + %s::interval) RETURNING id",
            *(self.org, sealed, opens),
        )
        line = self.one(
            "INSERT INTO rfq_line (org_id, rfq_id, description, quantity)"
            " VALUES (%s, %s, 'Part', 2) RETURNING id",
            *(self.org, rfq),
        )
        if sealed:
            self.run("SELECT seal_rfq(%s, (SELECT deadline FROM rfq WHERE id = %s))", rfq, rfq)
        self.run("UPDATE rfq SET status = 'sent' WHERE id = %s", rfq)
        return rfq, line

    def bid(self, rfq: int, rfq_line: int, price: str = PRICE) -> tuple[int, int]:
        """Submit a price; returns the keys of quote and line."""
        supplier = self.one(
            "INSERT INTO supplier (org_id, name) VALUES (%s, 'Bidder') RETURNING id", self.org
        )
        quote = self.one(
            "INSERT INTO quote (org_id, rfq_id, supplier_id, status)"
            " VALUES (%s, %s, %s, 'submitted') RETURNING id",
            *(self.org, rfq, supplier),
        )
        line = self.one(
            "INSERT INTO quote_line (org_id, quote_id, rfq_line_id, quantity, unit_price)"
            " VALUES (%s, %s, %s, 2, %s) RETURNING id",
            *(self.org, quote, rfq_line, price),
        )
        return quote, line


def has_price(rows: object) -> bool:
    """Whether the price, or the total it makes, is anywhere in the rows."""
    return any(digits in str(rows) for digits in ("7351", "14702"))


@pytest.fixture
def desk(app: Flask, settings: Settings, acme: TenantRef) -> Iterator[Sealed]:
    """A connection as the app login, in the tenant's role."""
    url = settings.database_url.replace("+psycopg2", "")
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as at:
        at.execute(f'SET ROLE "{acme.role}"; SET search_path TO "{acme.schema}", public')
        made = Sealed(at, acme.role, acme.schema)
        made.org = made.one("INSERT INTO organization (name) VALUES ('Sealed') RETURNING id")
        yield made
        connection.rollback()


@pytest.fixture
def sealed(desk: Sealed) -> Sealed:
    """A sealed request that opens in an hour, with one bid."""
    desk.rfq, rfq_line = desk.ask(sealed=True)
    desk.quote, desk.line = desk.bid(desk.rfq, rfq_line)
    return desk
