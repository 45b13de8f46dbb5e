"""Owns what is measured: for each case the same question to us and to stock."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import quote

from bench.client import Request, Session, WrongAnswerError, fields_of, replaced
from bench.load import COMMON_WORD, RARE_WORD, REGIONS, Loaded
from bench.measure import Side

TENANT = "bench"
OURS = f"/t/{TENANT}/records"
PAGE_SIZE = 50
LIST_BAR, SEARCH_BAR = 6, 30
REGION = REGIONS[0]
COLUMNS = ("name", "code", "category", "region", "country", "status", "reliability", "lead_time_days")
SORTED = {name: index for index, name in enumerate(COLUMNS)}
SHOWN = f"sort=name&cols={','.join(COLUMNS).replace('category', 'category_id')}"
OUR_CSV = f"{OURS}/supplier/export.csv?{SHOWN}&region={quote(REGION)}"
STOCK_CSV = f"/admin/supplier/export/csv/?flt0_region_equals={quote(REGION)}"
NAME = re.compile(r"\b[A-Z][a-z]+ \d+ [A-Z][a-z]+\b")


@dataclass(frozen=True)
class Case:
    """One line of the table, with the bars it carries (0: none)."""

    name: str
    ours: Side
    stock: Side
    times_faster: float = 0
    times_more: float = 0

    @property
    def bars(self) -> tuple[float, float]:
        """How many times shorter, and how many times more requests a second, it must be."""
        return self.times_faster, self.times_more


def _case(sides: tuple[Session, Session], name: str, ours: str, stock: str, *bars: float) -> Case:
    """Ask both for a list; each answer is checked for its rows, which must be the same."""
    mine = Side(sides[0], [Request(ours)])
    theirs = Side(sides[1], [Request(f"/admin{stock}")])
    _demand_same_rows(name, mine, theirs)
    return Case(name, mine, theirs, *bars)


def searches(ours: Session, stock: Session) -> Iterator[Case]:
    """A word that 20 of a million suppliers have in their name, and one that every tenth has."""
    sides, page = (ours, stock), f"{OURS}/supplier/?{SHOWN}"
    yield _case(sides, "rare search", f"{page}&q={RARE_WORD}", f"/supplier/?search={RARE_WORD}", SEARCH_BAR)
    yield _case(sides, "common search", f"{page}&q={COMMON_WORD}", f"/supplier/?search={COMMON_WORD}")


def lists(ours: Session, stock: Session, loaded: Loaded) -> Iterator[Case]:
    """The list of suppliers in several ways, and that of quotes."""
    sides = (ours, stock)
    deep = deep_page(loaded)
    page = f"{OURS}/supplier/?{SHOWN}"
    both = (LIST_BAR, LIST_BAR)
    yield _case(sides, "first page", page, "/supplier/", *both)
    yield _case(sides, f"page {deep:,}, by anchor", next_page(ours, deep), f"/supplier/?page={deep - 1}")
    yield _case(sides, f"page {deep:,}, by number", f"{page}&page={deep}", f"/supplier/?page={deep - 1}")
    yield _case(
        sides,
        "filter by region",
        f"{page}&region={REGION}",
        f"/supplier/?flt0_region_equals={REGION}",
    )
    yield _case(
        sides,
        "sorted by region",
        f"{page.replace('sort=name', 'sort=region')}",
        f"/supplier/?sort={SORTED['region']}",
    )
    yield _case(sides, "quotes, two related names", f"{OURS}/quote/?sort=-id", "/quote/", *both)


def deep_page(loaded: Loaded) -> int:
    """Page 10,000, or the middle of fewer rows."""
    return min(10_000, max(2, loaded.rows // PAGE_SIZE // 2))


def next_page(ours: Session, page: int) -> str:
    """Where "Next page" leads on the page before: the anchor people follow."""
    before = f"{OURS}/supplier/?{SHOWN}" + (f"&page={page - 1}" if page > 2 else "")
    link = re.search(r'<a[^>]*href="([^"]*)"[^>]*aria-label="Next page"', ours.get(before).text)
    if link is None:
        raise WrongAnswerError(f"{before} has no next page")
    href = unescape(link.group(1))
    return href if href.startswith("/") else f"{OURS}/supplier/{href}"


def _demand_same_rows(name: str, ours: Side, stock: Side) -> None:
    """Both must show the same suppliers: a quick wrong page is worth nothing."""
    shown = [_rows(side.session.send(side.requests[0]).text) for side in (ours, stock)]
    if not shown[0] or set(shown[0]) != set(shown[1]):
        raise WrongAnswerError(f"{name}: the sides show different rows: {shown[0][:3]} and {shown[1][:3]}")


def _rows(html: str) -> list[str]:
    body = html.partition("<table")[2].rpartition("</table>")[0]
    return list(dict.fromkeys(NAME.findall(body)))


def forms(ours: Session, stock: Session, loaded: Loaded, saves: int) -> Iterator[Case]:
    """The edit form of a supplier, and saving it with another telephone number."""
    ids = spread(loaded.rows, saves)
    our_forms = [f"{OURS}/supplier/{row}/edit" for row in ids]
    stock_forms = [f"/admin/supplier/edit/?id={row}" for row in ids]
    mine = Side(ours, [Request(path) for path in our_forms])
    theirs = Side(stock, [Request(path) for path in stock_forms])
    yield Case("edit form", mine, theirs)
    saved = Side(ours, [_save(ours, path, row) for path, row in zip(our_forms, ids, strict=True)], once=True)
    stored = Side(
        stock, [_save(stock, path, row) for path, row in zip(stock_forms, ids, strict=True)], once=True
    )
    yield Case("save", saved, stored, times_faster=1)


def _save(session: Session, path: str, row: int) -> Request:
    """What the browser sends when only the telephone number was changed; every record is saved once."""
    form = fields_of(session.get(path).text, "phone")
    return Request(path, replaced(form, "phone", f"+49 40 {row}"), expect=302)


def spread(rows: int, count: int) -> list[int]:
    """Ids from all over the table."""
    return [1 + index * rows // min(rows, count) for index in range(min(rows, count))]
