"""Numbers, sizes, times and statuses as people read them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from flask import Flask, g

from dashboard.core import filters
from dashboard.core.statuses import badge, look

DASH = "\N{EN DASH}"
NBSP = "\N{NO-BREAK SPACE}"
NOON = datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def page() -> Iterator[Flask]:
    """A page seen from Berlin."""
    small = Flask(__name__)
    filters.init_app(small)
    with small.test_request_context("/"):
        g._login_user = SimpleNamespace(timezone="Europe/Berlin", is_authenticated=True)
        yield small


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, DASH),
        (0, "0 B"),
        (1023, "1,023 B"),
        (1536, "1.5 KiB"),
        (150 * 2**20, "150 MiB"),
        (2**70, "1,048,576 PiB"),
    ],
)
def test_sizes_read_in_binary_units(size: int | None, text: str) -> None:
    assert filters.bytes_(size) == text.replace(" ", NBSP)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, DASH),
        (0, f"0{NBSP}s"),
        (0.35, f"350{NBSP}ms"),
        (2, f"2{NBSP}s"),
        (2.54, f"2.5{NBSP}s"),
        (125, f"2{NBSP}min 5{NBSP}s"),
        (3725, f"1{NBSP}h 2{NBSP}min"),
        (7200, f"2{NBSP}h"),
        (-60, f"-1{NBSP}min"),
        (timedelta(days=2, hours=4), f"2{NBSP}d 4{NBSP}h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | timedelta | None, text: str) -> None:
    assert filters.duration(seconds) == text


def test_numbers_are_separated_by_thousands() -> None:
    assert filters.number(1234567) == "1,234,567"
    assert filters.number(1234.5) == "1,234.5"
    assert filters.number(Decimal("2.50")) == "2.5"
    assert filters.number(2, 2) == "2.00"
    assert filters.number(None) == DASH


def test_money_has_its_currency_and_the_digits_of_that_currency() -> None:
    assert filters.money(Decimal("1234.5"), "EUR") == f"1,234.50{NBSP}EUR"
    assert filters.money(1234, "JPY") == f"1,234{NBSP}JPY"
    assert filters.money(None) == DASH


def test_a_share_reads_as_percent() -> None:
    assert filters.percent(0.1234) == f"12.3{NBSP}%"
    assert filters.percent(None) == DASH


def test_a_moment_is_shown_in_the_viewers_zone_with_the_exact_time_on_hover(page: Flask) -> None:
    shown = filters.when(NOON)
    assert "1 Jul 2026, 14:00" in shown
    assert 'title="2026-07-01 14:00:05 CEST"' in shown
    assert 'datetime="2026-07-01T14:00:05+02:00"' in shown
    assert "14:00:05</time>" in filters.when(NOON, seconds=True)


def test_a_day_has_no_zone_and_nothing_reads_as_a_dash(page: Flask) -> None:
    assert "1 Jul 2026<" in filters.when(date(2026, 7, 1))
    assert filters.when(None) == DASH
    assert filters.ago(None) == DASH


def test_a_moment_without_zone_is_taken_as_utc(page: Flask) -> None:
    assert "14:00" in filters.when(NOON.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=42), f"42{NBSP}s ago"),
        (timedelta(minutes=5, seconds=3), f"5{NBSP}min ago"),
        (timedelta(days=400), f"1{NBSP}y ago"),
        (-timedelta(hours=3, seconds=30), f"in 3{NBSP}h"),
    ],
)
def test_how_long_ago_is_said_in_one_unit(page: Flask, passed: timedelta, text: str) -> None:
    assert text in filters.ago(datetime.now(UTC) - passed)


def test_an_unknown_zone_and_a_visitor_read_utc(page: Flask) -> None:
    assert filters.zone("Mars/Olympus") is UTC
    g._login_user = SimpleNamespace(timezone="")
    assert "12:00" in filters.when(NOON)


def test_outside_a_request_times_are_utc() -> None:
    assert str(filters.viewer_zone()) == "UTC"


def test_an_endpoint_this_build_lacks_or_cannot_address_has_no_link(page: Flask) -> None:
    page.add_url_rule("/rows/<row>", "rows", str)
    assert filters.url_if("nowhere") == ""
    assert filters.url_if("rows") == ""
    assert filters.url_if("rows", row=1) == "/rows/1"


def test_the_full_frame_needs_a_person_a_menu_and_tenants(page: Flask) -> None:
    assert not filters.has_shell()  # no menu in this small app
    page.jinja_env.globals.update(menu_groups=list, tenant_choices=list)
    assert filters.has_shell()
    g._login_user = SimpleNamespace(is_authenticated=False)
    assert not filters.has_shell()


def test_a_status_is_a_word_and_an_icon_never_colour_alone() -> None:
    shown = badge("failed")
    assert "<svg" in shown
    assert "<span>Failed</span>" in shown
    assert "status-critical" in shown


def test_unknown_and_undescribed_statuses_stay_neutral() -> None:
    assert ">Unknown<" in badge(None)
    assert look("half_done").tone == "neutral"
    assert ">Half done<" in badge("half_done")
    assert look("waiting-for wals").tone == "warning"


def test_the_word_of_a_status_is_escaped_and_can_be_replaced() -> None:
    assert "&lt;b&gt;" in badge("ok", "<b>")
    assert ">OK<" in badge("ok")


def test_running_turns_so_that_waiting_is_seen() -> None:
    assert "is-spinning" in badge("running")
    assert "is-spinning" not in badge("queued")
