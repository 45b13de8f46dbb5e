"""The link that opens a record where its label is a number."""

from __future__ import annotations

from decimal import Decimal

from dashboard.records.render import _link


def test_number_that_opens_a_record_is_shown_as_a_number() -> None:
    assert _link(1, "/s/")((7, Decimal("918.000000"))) == '<td class="name num"><a href="/s/7">918</a></td>'
