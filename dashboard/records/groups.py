"""Owns groups of conditions: any or all of what they hold, one inside the other, as an address says them.

`g1.status=sent&g1.total__from=5&g2.status=draft` lists rows that meet all of group 1 or all of group 2,
besides the plain filters. A group inside group 1 is `g1.1`; `g=all` or `g1=any` turn a group round. Without a
word the levels take turns: any of the groups, all within a group, any within a group of that.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa

from dashboard.records.filters import MAX_VALUES, SEPARATOR, Filter, build, operators
from dashboard.records.spec import Spec
from dashboard.records.values import clean

Mode = Literal["any", "all"]
Path = tuple[int, ...]
MAX_DEPTH = 4
MAX_CONDITIONS = 100
MAX_PARAMETERS = 500
_NAME = re.compile(r"g(?P<path>[1-9]\d{0,2}(?:\.[1-9]\d{0,2})*)?(?:\.(?P<condition>[a-z_][a-z0-9_]*))?")
_OURS = re.compile(r"g(?:[.\d].*)?")


def usual_mode(path: Path) -> Mode:
    """How a group joins what it holds when the address does not say."""
    return "all" if len(path) % 2 else "any"


@dataclass
class Group:
    """Conditions and groups joined by `mode`. `errors` are those of the whole tree, kept at its root."""

    path: Path
    mode: Mode
    filters: list[Filter] = field(default_factory=list)
    groups: list["Group"] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name in the address: `g`, `g2`, `g2.1`."""
        return "g" + ".".join(map(str, self.path))

    @property
    def errors(self) -> list[str]:
        """What cannot be read, for people."""
        return self.faults + [filter_.error for filter_ in self.every_filter() if filter_.error]

    def every_filter(self) -> Iterator[Filter]:
        """All conditions of the tree."""
        yield from self.filters
        for group in self.groups:
            yield from group.every_filter()

    @property
    def clause(self) -> sa.ColumnElement[bool]:
        """The SQL of the tree."""
        found = [filter_.clause for filter_ in self.filters if filter_.clause is not None]
        found += [group.clause for group in self.groups]
        return sa.and_(*found) if self.mode == "all" else sa.or_(*found)

    @property
    def arguments(self) -> list[tuple[str, str]]:
        """The tree as it stands in the address."""
        found = [(self.name, str(self.mode))] if self.mode != usual_mode(self.path) else []
        found += [pair for filter_ in self.filters for pair in filter_.arguments]
        return found + [pair for group in self.groups for pair in group.arguments]

    def words(self, names: dict[tuple[str, str], str]) -> str:
        """The tree as a chip says it; `names` gives labels by referenced entity and id."""
        parts = [filter_.words(names_of(filter_, names)) for filter_ in self.filters]
        parts += [group.words(names) for group in self.groups]
        joined = f" {'and' if self.mode == 'all' else 'or'} ".join(parts)
        return f"({joined})" if len(parts) > 1 and self.path else joined

    def prune(self) -> "Group":
        """Leave out groups that hold nothing."""
        self.groups = [group for group in map(Group.prune, self.groups) if group.filters or group.groups]
        return self


def names_of(filter_: Filter, names: dict[tuple[str, str], str]) -> dict[str, str]:
    """Labels of what one filter refers to, by id."""
    reference = filter_.column.reference
    if reference is None:
        return {}
    return {row_id: label for (entity, row_id), label in names.items() if entity == reference.entity}


def read(spec: Spec, arguments: Iterable[tuple[str, list[str]]]) -> Group | None:
    """Read the tree out of an address; None where there is none. What cannot be read is told in `errors`."""
    root = Group((), usual_mode(()))
    known: dict[Path, Group] = {(): root}
    for name, values in sorted(arguments, key=lambda pair: _by_path(pair[0])):
        if _OURS.fullmatch(name):
            _take(spec, known, name, tuple(value for value in map(clean, values) if value)[:MAX_VALUES])
    if len(list(root.every_filter())) > MAX_CONDITIONS:
        root = Group((), "any", faults=[f"At most {MAX_CONDITIONS} conditions can be joined."])
    root.prune()
    return root if root.filters or root.groups or root.faults else None


def _by_path(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,3}", name.partition(SEPARATOR)[0])]


def _take(spec: Spec, known: dict[Path, Group], name: str, values: tuple[str, ...]) -> None:
    """Put one argument into the tree."""
    match = _NAME.fullmatch(name)
    faults = known[()].faults
    path: Path = tuple(map(int, (match["path"] or "").split("."))) if match and match["path"] else ()
    if match is None or len(path) > MAX_DEPTH:
        faults.append(f"The condition “{name[:60]}” cannot be read.")
    elif values and match["condition"] is None:
        _turn(known, path, values[0])
    elif values and len(known) > MAX_PARAMETERS:
        faults[:] = ["These are too many groups."]
    elif values:
        _add(spec, known, path, match["condition"], values)


def _turn(known: dict[Path, Group], path: Path, mode: str) -> None:
    if mode in {"any", "all"}:
        _reach(known, path).mode = "any" if mode == "any" else "all"
    else:
        known[()].faults.append(f"A group joins “any” or “all”, not “{mode[:60]}”.")


def _add(spec: Spec, known: dict[Path, Group], path: Path, condition: str, values: tuple[str, ...]) -> None:
    key, _, operator = condition.partition(SEPARATOR)
    column = spec.columns.get(key)
    if column is None or (operator or "eq") not in operators(column):
        known[()].faults.append(f"There is no condition “{condition[:60]}” on {spec.nouns}.")
        return
    group = _reach(known, path)
    # Two texts to contain are two conditions; several choices are one.
    split = [values] if operator in {"", "in"} else [(value,) for value in dict.fromkeys(values)]
    group.filters += [build(column, operator or "eq", some, f"{group.name}.") for some in split]


def _reach(known: dict[Path, Group], path: Path) -> Group:
    """The group at a path, made with those around it."""
    if path not in known:
        known[path] = Group(path, usual_mode(path))
        _reach(known, path[:-1]).groups.append(known[path])
    return known[path]
