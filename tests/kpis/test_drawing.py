"""Charts drawn without a browser: real V8 and real ECharts, as a worker does it."""

import io
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import pytest
from PIL import Image

from dashboard.core.charts import Chart, Kind, Series
from dashboard.core.errors import UnavailableError
from dashboard.kpis.out import drawing

MONTHS = ("Jan", "Feb", "Mar", "Apr")
SPEND = (Series("Acme", (1200, 2.5, None, 4000)), Series("东京 & <Söhne>", (3, 3000, 1, 4)))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_of_chart_is_drawn(kind: Kind) -> None:
    many = tuple(Series(str(n), tuple(n + m for m in range(4))) for n in range(5))
    chart = Chart(kind, "Spend", MONTHS, many if kind in {"box", "scatter", "heat"} else SPEND, unit="EUR")
    drawn = drawing.svg(chart)
    assert drawn.startswith(f'<svg width="720" height="{480 if chart.is_tall else 320}"')
    assert drawn.count("<path") >= 3
    assert kind == "scatter" or "Jan" in drawn


def test_a_name_in_any_script_is_text_and_never_markup() -> None:
    drawn = drawing.svg(Chart("bar", "Spend", MONTHS, SPEND))
    assert "东京 &amp; &lt;Söhne&gt;" in drawn


def test_axis_reads_as_on_the_page() -> None:
    drawn = drawing.svg(
        Chart("bar", "Size", ("a", "b"), (Series("Bytes", (1024**3, 2 * 1024**3)),), unit="bytes")
    )
    assert ">2 GiB<" in drawn


def test_gap_is_drawn_as_a_gap_not_as_zero() -> None:
    def bars(values: tuple[int | None, ...]) -> int:
        drawn = drawing.svg(Chart("bar", "Spend", MONTHS, (Series("Acme", values),)))
        return len(re.findall(rf'<path [^>]*fill="{drawing_colour()}"', drawn))

    assert bars((5, 6, 7, 8)) - bars((5, 6, None, 8)) == 1


def drawing_colour() -> str:
    """The first colour of the palette."""
    return Chart("bar", "", (), ()).palette[0]


def test_points_without_one_of_their_places_are_no_data() -> None:
    spend, grade = Series("Spend", (5, 6)), Series("Reliability", (None, None))
    assert Chart("scatter", "Both", ("a", "b"), (spend, grade)).is_empty
    assert not Chart("scatter", "Both", ("a", "b"), (spend, Series("Reliability", (None, 1)))).is_empty
    assert Chart("scatter", "Both", (), ()).is_empty


def test_picture_has_twice_the_pixels_and_more_than_one_colour() -> None:
    picture = Image.open(io.BytesIO(drawing.png(Chart("bar", "Spend", MONTHS, SPEND), 360)))
    assert picture.size == (720, 320)
    assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 10


def test_chart_that_cannot_be_drawn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Chart, "payload", lambda _chart: {"option": None})
    with pytest.raises(UnavailableError, match="“Spend” could not be drawn"):
        drawing.svg(Chart("bar", "Spend", MONTHS, SPEND))


def test_process_that_draws_may_be_killed_at_any_time() -> None:
    chart = Chart("bar", "Spend", MONTHS, SPEND)
    drawing.svg(chart)
    process = drawing._pencil(os.getpid())._process
    assert process is not None
    process.kill()
    assert drawing.svg(chart).startswith("<svg")
    assert drawing._pencil(os.getpid())._process is not process


def test_threads_draw_one_after_the_other() -> None:
    charts = [Chart("bar", f"Spend {number}", MONTHS, SPEND) for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        drawn = list(threads.map(drawing.svg, charts))
    assert all(picture.startswith("<svg") for picture in drawn)


def test_process_that_draws_ends_with_whoever_began_it() -> None:
    pencil = drawing.Pencil()
    process = pencil._running()
    process.communicate(timeout=30)  # closes its input, as the end of this process would
    assert process.returncode == 0
