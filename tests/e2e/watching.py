"""What a page must never do: scroll sideways, complain on the console, break the policy, shut people out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import ConsoleMessage, Page

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
THEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
PICTURES = Path(__file__).parent / "pictures"
GRAVE = {"serious", "critical"}
# Off by itself: WCAG 2.2 asks for targets of 24 px. Style sheets and media would be loaded ahead for rules
# about screens that may not be turned, which is off, and about sound that starts alone, which no page has.
AXE_OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {"target-size": {"enabled": True}},
    "preload": False,
}
# The rules of axe that read colours. A theme changes nothing else: it only sets other values of our colours.
COLOURS = ("color-contrast", "link-in-text-block")
# Rules that could only find something lesser are not asked: a fifth of the time, for findings nobody is told.
RUN_AXE = """([options, grave, only]) => {
  if (only.length) return axe.run({ ...options, rules: {}, runOnly: only });
  const lesser = axe._audit.rules.filter((rule) => rule.impact && !grave.includes(rule.impact));
  const off = Object.fromEntries(lesser.map((rule) => [rule.id, { enabled: false }]));
  return axe.run({ ...options, rules: { ...off, ...options.rules } });
}"""


class Complaints:
    """Collects what the browser complains about; policy violations arrive on the console as errors."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages: list[str] = []
        self.expected_statuses: set[int] = set()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.messages.append(f"{page.url}: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        if any(f"status of {status}" in message.text for status in self.expected_statuses):
            return
        self.messages.append(f"{self.page.url}: {message.text}")

    def expect_status(self, status: int) -> None:
        """Accept that the browser notes an answer with this status: the test asks for it."""
        self.expected_statuses.add(status)

    def take(self) -> list[str]:
        """Give what was heard since the last time."""
        heard, self.messages = self.messages, []
        return heard


def accessibility_faults(page: Page, only: Sequence[str] = ()) -> list[str]:
    """Give the serious and critical findings of axe, a line for each rule; of all rules or of some."""
    if not page.evaluate("'axe' in window"):
        # Through the debugger: the page's own policy would refuse a script without nonce, and must.
        session = page.context.new_cdp_session(page)
        session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
        session.detach()
    report: dict[str, Any] = page.evaluate(RUN_AXE, [AXE_OPTIONS, sorted(GRAVE), list(only)])
    return [_told(page, finding) for finding in report["violations"] if finding["impact"] in GRAVE]


def _told(page: Page, finding: dict[str, Any]) -> str:
    places = "; ".join(_place(node) for node in finding["nodes"][:3])
    return f"{page.url}: {finding['id']} ({finding['impact']}) at {places}"


def _place(node: dict[str, Any]) -> str:
    reason = node["any"][0]["message"] if node["any"] else ""
    return f"{node['html'][:120]} {reason[:120]}"


def assert_accessible(page: Page) -> None:
    """Fail when axe finds something serious or critical."""
    assert accessibility_faults(page) == []


TOO_WIDE = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const free = (element) => {
    for (let up = element.parentElement; up; up = up.parentElement) {
      if (up !== document.body && getComputedStyle(up).overflowX !== "visible") return false;
    }
    return true;
  };
  const wide = [...document.body.querySelectorAll("*")].filter(
    (element) => element.getBoundingClientRect().right > room + 1 && free(element),
  );
  return wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 100));
}"""


def sideways_faults(page: Page) -> list[str]:
    """Name what makes the page wider than its window; a table may scroll inside itself."""
    places: list[str] = page.evaluate(TOO_WIDE)
    return [f"{page.url}: too wide: {'; '.join(places)}"] if places else []


def assert_no_horizontal_scroll(page: Page) -> None:
    """Fail when the whole page scrolls sideways."""
    assert sideways_faults(page) == []


def look_at(page: Page, name: str, narrow: tuple[int, int], wide: tuple[int, int]) -> None:
    """Look at the page narrow and wide, dark and light; it is left wide and light.

    Of each size all rules are asked in the first theme, and those of colours in the other.
    """
    found = []
    for size in (narrow, wide):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            take_picture(page, f"{name}-{size[0]}-{theme}")
            rules = () if theme == THEMES[0] else COLOURS
            found += sideways_faults(page) + accessibility_faults(page, rules)
    assert found == []


def take_picture(page: Page, name: str) -> None:
    """Keep a picture in tests/e2e/pictures when STEWARD_E2E_PICTURES=1, to be looked at."""
    if os.environ.get("STEWARD_E2E_PICTURES") == "1":
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png")
