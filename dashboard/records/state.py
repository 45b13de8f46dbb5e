"""Owns what the address of a list says: search, filters, order, page, columns."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from dashboard.records import filters as conditions
from dashboard.records import groups as trees
from dashboard.records.filters import Filter
from dashboard.records.groups import Group
from dashboard.records.search import MAX_LENGTH
from dashboard.records.spec import Spec
from dashboard.records.values import clean

PAGE_SIZES = (25, 50, 100, 200)
MAX_PAGE = 10_000_000
ALL_ROWS = "all"


@dataclass(frozen=True)
class Looks:
    """The columns and the density a person last gave a list; `cols` as in an address, empty for the usual."""

    cols: str = ""
    dense: bool = False


@dataclass(frozen=True)
class ListState:
    """What is listed and how. Everything here came from a person and was made safe."""

    q: str
    filters: tuple[Filter, ...]
    groups: Group | None
    sort: str
    descending: bool
    size: int
    page: int
    after: str
    before: str
    last: bool
    columns: tuple[str, ...]
    cols: str
    """The columns as the address gives them; empty where it does not."""
    dense: bool
    view: str
    """Id of the saved view that was opened, or `all` for the list without the default one."""
    deleted: bool
    default_sort: tuple[str, bool]
    default_size: int

    @property
    def errors(self) -> list[str]:
        """What is wrong with the filters, for people."""
        found = [filter_.error for filter_ in self.filters if filter_.error]
        return found + (self.groups.errors if self.groups else [])

    @property
    def every_filter(self) -> list[Filter]:
        """The plain filters and those in groups."""
        return [*self.filters, *(self.groups.every_filter() if self.groups else ())]

    @property
    def narrowed(self) -> bool:
        """Whether the list shows less than all live rows."""
        return bool(self.q or self.filters or self.groups or self.deleted)

    def selection(self) -> list[tuple[str, str]]:
        """The part of the address that says which rows match."""
        found = [("q", self.q)] if self.q else []
        found += [pair for filter_ in self.filters for pair in filter_.arguments]
        found += self.groups.arguments if self.groups else []
        return found + ([("deleted", "1")] if self.deleted else [])

    def choice(self) -> list[tuple[str, str]]:
        """Selection, order and page size."""
        found = self.selection()
        if (self.sort, self.descending) != self.default_sort:
            found.append(("sort", f"-{self.sort}" if self.descending else self.sort))
        return found + ([("size", str(self.size))] if self.size != self.default_size else [])

    def arguments(self) -> list[tuple[str, str]]:
        """All that stays the same from page to page."""
        found = self.choice() + ([("cols", self.cols)] if self.cols else [])
        return found + ([("view", self.view)] if self.view else [])

    def as_view(self) -> str:
        """What a saved view keeps: selection, order, page size and columns."""
        return urlencode([*self.choice(), ("cols", ",".join(self.columns))])

    def query(self, **changes: Any) -> str:
        """The list's address with changes, without its page; None takes an argument away."""
        kept = [(name, value) for name, value in self.arguments() if name not in changes]
        kept += [(name, str(value)) for name, value in changes.items() if value is not None]
        return f"?{urlencode(kept)}" if kept else "?"

    def without(self, filter_: Filter | Group) -> str:
        """The list's address without one filter or group."""
        gone = filter_.arguments
        return f"?{urlencode([pair for pair in self.arguments() if pair not in gone])}"


def read(spec: Spec, args: MultiDict[str, str], looks: Looks = Looks()) -> ListState:
    """Read the state from the address; nonsense falls back to the defaults, a bad filter keeps its error."""
    sort, descending = _sort(spec, args.get("sort", ""))
    cols = args.get("cols", "")
    density = args.get("density", "compact" if looks.dense else "")
    return ListState(
        q=clean(args.get("q", ""))[:MAX_LENGTH],
        filters=conditions.read(spec, args.lists()),
        groups=trees.read(spec, args.lists()),
        sort=sort,
        descending=descending,
        size=_size(spec, args.get("size", "")),
        page=_page(args.get("page", "")),
        after=args.get("after", ""),
        before=args.get("before", ""),
        last=args.get("page") == "last",
        columns=_columns(spec, cols or looks.cols),
        cols=",".join(_columns(spec, cols)) if cols else "",
        dense=density == "compact",
        view=_view(args.get("view", "")),
        deleted=spec.soft_delete and args.get("deleted") == "1",
        default_sort=spec.default_sort,
        default_size=spec.page_size,
    )


def _view(text: str) -> str:
    return text if text == ALL_ROWS or (text.isascii() and text.isdecimal() and len(text) < 19) else ""


def _sort(spec: Spec, text: str) -> tuple[str, bool]:
    key = text.removeprefix("-")
    return (key, text.startswith("-")) if key in spec.sort_keys else spec.default_sort


def _size(spec: Spec, text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 and int(text) in PAGE_SIZES else spec.page_size


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        return 1
    return max(1, int(text)) if len(text) <= 7 else MAX_PAGE


def _columns(spec: Spec, text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(key for key in text.replace(".", ",").split(",") if key in spec.columns))
    return chosen or spec.list_keys
