"""Every page a menu or a plain address leads to, wide and narrow, light and dark."""

from collections.abc import Callable
from typing import Literal

import pytest
from flask import Flask
from playwright.sync_api import Page

from dashboard.tenancy.models import TenantRef
from tests.e2e.conftest import NARROW, WIDE
from tests.e2e.places import Frame
from tests.e2e.watching import accessibility_faults, sideways_faults, take_picture

SHARDS = 4  # so that the test processes share the work
Look = tuple[tuple[int, int], Literal["light", "dark"]]
# Wide or narrow, light or dark: how wide a page is, is asked of each pairing, in an order in which one thing
# changes at a time, for the browser paints the page anew after each change.
LOOKS: tuple[Look, ...] = ((WIDE, "light"), (WIDE, "dark"), (NARROW, "dark"), (NARROW, "light"))
# What axe finds hangs on the size or on the theme: each is looked at once, for it takes a second a time. All
# rules are asked both times: a narrow page hides words that name its buttons and shows what a wide one hides,
# and the rules that measure (colours, targets, scrolling) take more than half of the time of all.
SPOKEN: frozenset[Look] = frozenset({(WIDE, "light"), (NARROW, "dark")})
PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
# Answers for machines, not for people.
NOT_PAGES = {"/healthz", "/readyz", "/metrics", "/t/<tenant>/switch"}
# Pages about one figure: its kinds of proof, its definition.
FIGURES = (
    ("insights.proof", {"code": "otif"}),
    ("insights.proof", {"code": "reliability"}),
    ("insights.proof", {"code": "response_time"}),
    ("insights_definitions.definition", {"code": "otif"}),
    ("insights_mailings.new", {"name": "overview"}),
)


def addresses(app: Flask, tenant: TenantRef) -> list[str]:
    """Give the addresses that need nothing but a tenant, and those of some figures."""
    urls = app.url_map.bind("")
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    plain = [rule for rule in rules if rule.arguments <= {"tenant"} and rule.rule not in NOT_PAGES]
    found = {urls.build(rule.endpoint, dict.fromkeys(rule.arguments, tenant.slug)) for rule in plain}
    return sorted(found | {urls.build(name, {"tenant": tenant.slug, **given}) for name, given in FIGURES})


def records(page: Page) -> list[str]:
    """Give where the first row of an open list leads, and from its details the form."""
    links = page.locator("main tbody tr[data-row] a[href], main a[data-key=e]").first
    address = links.get_attribute("href") if links.count() else ""
    return [address] if address and address.startswith("/") else []


def faults(page: Page, address: str, name: str) -> list[str]:
    """Open a page once, look at it in every size and theme, and give all that is wrong with it."""
    answer = page.goto(address)
    found: list[str] = []
    if answer is None or answer.status >= 400:
        found.append(f"{address}: status {answer.status if answer else 'none'}")
    page.evaluate("document.fonts.ready")
    for size, theme in LOOKS:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=theme)
        page.evaluate(PAINTED)
        take_picture(page, f"{name}-{size[0]}-{theme}")
        lines = sideways_faults(page) + (accessibility_faults(page) if (size, theme) in SPOKEN else [])
        found += [f"{size[0]} {theme} {line}" for line in lines]
    return found


def is_page(page: Page, address: str) -> bool:
    """Whether a page answers: not a file, a fragment, a redirect, or a refusal by design.

    Lines that are edited with their parent refuse a form of their own (403); a link by mail is gone (410).
    """
    answer = page.request.get(address, max_redirects=0)
    kind = answer.headers.get("content-type", "")
    if answer.status in {403, 410}:
        return False
    is_html = "text/html" in kind and "<html" in answer.text()
    return answer.status >= 400 or (answer.status == 200 and is_html)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_page_fits_speaks_to_everyone_and_keeps_the_policy(
    app: Flask, live_server: str, filled_tenant: TenantRef, enter: Callable[..., Frame], shard: int
) -> None:
    page = enter("admin").page
    todo = addresses(app, filled_tenant)[shard::SHARDS]
    found: list[str] = []
    seen: set[str] = set()
    while todo:
        address = todo.pop(0)
        if address in seen or not is_page(page, live_server + address):
            continue
        seen.add(address)
        name = address.replace(f"/t/{filled_tenant.slug}", "").strip("/").replace("/", "-") or "home"
        found += faults(page, live_server + address, name)
        todo += records(page)
    assert not found, "\n".join(found)
    assert len(seen) > 5
