"""Reads a record's form as a browser would post it."""

from html.parser import HTMLParser

from dashboard.records.columns import Kind
from dashboard.records.spec import Spec

AVOIDED = frozenset({"code", "sku", "currency", "base_currency", "incoterm", "time_zone", "locale", "email"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self._inside = False
        self._templates = 0
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = "record-form" in given.get("class", "")
        self._templates += tag == "template"
        if self._inside and not self._templates:
            self._take(tag, given, given.get("name", ""))

    def _take(self, tag: str, given: dict[str, str], name: str) -> None:
        kind = given.get("type", "")
        if tag == "input" and name and (kind not in {"checkbox", "radio"} or "checked" in given):
            self.values[name] = given.get("value", "y" if kind == "checkbox" else "")
        elif tag == "textarea":
            self._area = name
            self.values[name] = ""
        elif tag == "select":
            self._select = name
            self.values[name] = ""
        elif tag == "option" and "selected" in given:
            self.values[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._templates -= tag == "template"
        if tag == "form":
            self._inside = False
        if tag == "textarea" and self._area:
            self.values[self._area] = self.values[self._area].removeprefix("\r\n").removeprefix("\n")
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.values[self._area] += data


def read_form(page: str) -> dict[str, str]:
    """The fields of the record's form with their values."""
    start = page.rfind("<form", 0, max(page.find("record-form"), 0))
    reader = _Reader()
    reader.feed(page[max(start, 0) : page.find("</form>", start) + 7])
    assert reader.values, page[:3000]
    return reader.values


def two_texts(spec: Spec) -> tuple[str, str, str]:
    """A field that takes free text, and two values for it."""
    if spec.entity == "kpi_value":
        return "period", "2031-01", "2031-02"
    if spec.entity == "fx_rate":
        return "from_currency", "CHF", "GBP"
    kinds = {Kind.TEXT, Kind.LONG_TEXT}
    key = next(key for key in spec.form_keys if spec.columns[key].kind in kinds and key not in AVOIDED)
    return key, "Mine, typed by me", "Theirs & <b>stored</b>"
