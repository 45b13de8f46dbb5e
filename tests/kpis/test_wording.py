"""What is next to nothing is written as nothing, whichever side of it it lies on."""

from decimal import Decimal

import pytest

from dashboard.core.filters import number
from dashboard.kpis import registry
from dashboard.kpis.pages import wording


@pytest.mark.parametrize("code", sorted(registry.KPIS))
def test_what_rounds_to_nothing_has_no_sign(code: str) -> None:
    kpi, little = registry.get(code), Decimal("-0.0000001")
    written = (wording.write(kpi, little, "EUR"), wording.bare(kpi, little), str(wording.plain(kpi, little)))
    assert not [text for text in written if "-0" in text]
    assert str(wording.from_one(1 + little)) == "0.0"


def test_a_number_next_to_nothing_is_written_without_a_sign() -> None:
    written = [number(-0.001), number(-0.001, 1), number(Decimal("-0.0")), number(-0.5)]
    assert written == ["0", "0.0", "0", "-0.5"]
