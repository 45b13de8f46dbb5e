"""What is next to nothing is written as nothing, and a value is entered in the unit it is shown in."""

from decimal import Decimal

import pytest

from dashboard.core.filters import number
from dashboard.kpis import registry
from dashboard.kpis.pages import wording
from dashboard.kpis.targets.forms import MOST


@pytest.mark.parametrize("code", sorted(registry.KPIS))
def test_what_rounds_to_nothing_has_no_sign(code: str) -> None:
    kpi, little = registry.get(code), Decimal("-0.0000001")
    written = (wording.write(kpi, little, "EUR"), wording.bare(kpi, little), str(wording.plain(kpi, little)))
    assert not [text for text in written if "-0" in text]
    assert str(wording.from_one(1 + little)) == "0.0"


def test_a_number_next_to_nothing_is_written_without_a_sign() -> None:
    written = [number(-0.001), number(-0.001, 1), number(Decimal("-0.0")), number(-0.5)]
    assert written == ["0", "0.0", "0", "-0.5"]


@pytest.mark.parametrize("code", sorted(registry.KPIS))
def test_a_value_is_entered_in_the_unit_it_is_shown_in(code: str) -> None:
    kpi, value = registry.get(code), Decimal(50)
    shown = wording.to_enter(kpi, value)
    assert float(shown) == pytest.approx(wording.plain(kpi, value), abs=0.05)
    assert wording.entered(kpi, shown) == value
    assert wording.entered(kpi, Decimal(MOST)) < 10**18, "more than the column holds"
    assert wording.entered(kpi, Decimal("2.5")) == (
        60 if wording.unit_of(kpi, "") == "days" != kpi.unit else Decimal("2.5")
    )
