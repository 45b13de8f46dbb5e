"""Jinja filters and globals: numbers, sizes, durations, money and times as people read them."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from babel.numbers import get_currency_precision
from flask import Flask, current_app, url_for
from flask_login import current_user
from markupsafe import Markup, escape
from werkzeug.routing import BuildError

from dashboard.core import assets
from dashboard.core.statuses import badge

log = structlog.get_logger()
Number = int | float | Decimal
NOTHING = "\N{EN DASH}"
SPACE = "\N{NO-BREAK SPACE}"
BINARY_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
MINUTE, HOUR, DAY = 60, 3600, 86_400


def bytes_(size: Number | None) -> str:
    """Write a size in binary units: 1536 → 1.5 KiB."""
    if size is None:
        return NOTHING
    value, unit = float(size), 0
    while abs(value) >= 1024 and unit < len(BINARY_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    digits = 0 if unit == 0 or abs(value) >= 100 else 1
    return f"{value:,.{digits}f}{SPACE}{BINARY_UNITS[unit]}"


def duration(seconds: Number | timedelta | None) -> str:
    """Write a length of time in its two largest units: 3725 → 1 h 2 min."""
    if seconds is None:
        return NOTHING
    value = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if value < 0:
        return f"-{duration(-value)}"
    if value < 1:
        return f"{value * 1000:.0f}{SPACE}ms" if value else f"0{SPACE}s"
    if value < 10:
        return f"{value:.1f}".removesuffix(".0") + f"{SPACE}s"
    return _two_units(round(value))


def _two_units(seconds: int) -> str:
    parts: list[tuple[int, str]] = []
    for size, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append((count, name))
    return " ".join(f"{count}{SPACE}{name}" for count, name in parts[:2] if count)


def number(value: Number | None, digits: int | None = None) -> str:
    """Write a number with thousands separated; two digits of a fraction unless `digits` says more."""
    if value is None:
        return NOTHING
    if digits is not None:
        return f"{value:z,.{digits}f}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:z,.2f}".rstrip("0").rstrip(".")


def percent(share: Number | None, digits: int = 1) -> str:
    """Share of one as percent: 0.123 → 12.3 %."""
    return NOTHING if share is None else f"{number(float(share) * 100, digits)}{SPACE}%"


def money(amount: Number | None, currency: str = "EUR") -> str:
    """Amount with its ISO currency and that currency's digits."""
    if amount is None:
        return NOTHING
    return f"{amount:,.{get_currency_precision(currency)}f}{SPACE}{currency}"


@lru_cache(maxsize=64)
def zone(name: str) -> tzinfo:
    """Time zone by IANA name; UTC for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def viewer_zone() -> tzinfo:
    """Zone of the person looking, UTC for visitors and jobs."""
    return zone(str(getattr(current_user, "timezone", "") or "UTC")) if current_user else UTC


def when(moment: datetime | date | None, *, seconds: bool = False) -> Markup:
    """Show a moment in the viewer's zone, exact time and zone on hover."""
    if moment is None:
        return escape(NOTHING)
    if not isinstance(moment, datetime):
        return _time(moment.isoformat(), "", f"{moment.day} {moment:%b %Y}")
    local = _local(moment)
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return _time(local.isoformat(), _exact(local), f"{local.day} {local:%b %Y}, {clock}")


def elsewhere(moment: datetime, here: tzinfo, zone_name: str) -> str:
    """The moment as it is in another zone, which is named; empty where that is the zone one is in."""
    there = zone(zone_name)
    if getattr(there, "key", "UTC") == getattr(here, "key", "UTC"):
        return ""
    local = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(there)
    return f"{local.day} {local:%b %Y}, {local:%H:%M} {zone_name}"


def when_in(moment: datetime | None, zone_name: str) -> Markup:
    """Show a moment that holds in a zone: in the viewer's, which is then named, and as it is there."""
    there = elsewhere(moment, viewer_zone(), zone_name) if moment else ""
    if not there:
        return when(moment)
    here = getattr(viewer_zone(), "key", "UTC")
    return when(moment) + Markup(' {} <span class="text-secondary">= {}</span>').format(here, there)


def ago(moment: datetime | None) -> Markup:
    """How long ago, or in how long, with the exact time on hover."""
    if moment is None:
        return escape(NOTHING)
    local = _local(moment)
    passed = (_now() - local).total_seconds()
    text = f"{_largest_unit(passed)} ago" if passed > 0 else f"in {_largest_unit(-passed)}"
    return _time(local.isoformat(), _exact(local), "just now" if abs(passed) < 5 else text)


def _largest_unit(seconds: float) -> str:
    for size, name in ((365 * DAY, "y"), (30 * DAY, "months"), (DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            return f"{int(seconds // size)}{SPACE}{name}"
    return f"{int(seconds)}{SPACE}s"


def _local(moment: datetime) -> datetime:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(viewer_zone())


def _exact(local: datetime) -> str:
    return f"{local:%Y-%m-%d %H:%M:%S %Z}"


def _time(iso: str, exact: str, text: str) -> Markup:
    title = Markup(' title="{}"').format(exact) if exact else ""
    return Markup('<time datetime="{}"{}>{}</time>').format(iso, title, escape(text))


def url_if(endpoint: str, **values: object) -> str:
    """Address of an endpoint, or '' where this build or this page has none."""
    if endpoint not in current_app.view_functions:
        return ""
    try:
        return url_for(endpoint, **values)  # type: ignore[arg-type]
    except BuildError:
        return ""


def has_shell() -> bool:
    """Whether the full frame can be drawn: someone is logged in and menu and tenants can be read.

    An error page is also shown when the control database is away; it must not fail on its own frame.
    """
    try:
        if not getattr(current_user, "is_authenticated", False):
            return False
        for name in ("menu_groups", "tenant_choices"):
            current_app.jinja_env.globals[name]()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the plain frame still works
        log.warning("frame_unavailable", error=str(error))
        return False
    return True


def _now() -> datetime:
    return datetime.now(UTC)


def init_app(app: Flask) -> None:
    """Register filters, globals and the static file helpers."""
    assets.init_app(app)
    app.jinja_env.filters.update(
        bytes=bytes_,
        duration=duration,
        number=number,
        percent=percent,
        money=money,
        when=when,
        when_in=when_in,
        ago=ago,
    )
    app.jinja_env.globals.update(
        badge=badge, status_badge=badge, url_if=url_if, has_shell=has_shell, page_time=_now
    )
