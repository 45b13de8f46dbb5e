"""Decides which rows of a file can be loaded: faults, repeated keys, and references to rows that are not."""

from collections.abc import Callable, Mapping
from typing import Any

from dashboard.erp.legacy.checking import Checked
from dashboard.erp.legacy.mapping import READERS
from dashboard.erp.legacy.reading import RawData, RawRow
from dashboard.erp.legacy.report import Counted, Report

Values = dict[str, Any]
# Says why a row that is well formed in itself cannot be loaded; empty when it can.
Judge = Callable[[Values], str]


class Selection:
    """The rows to load per entity, by their key; `there` has those an earlier import loaded."""

    def __init__(self, data: RawData, report: Report, there: Mapping[str, Mapping[str, int]]) -> None:
        self.data, self.report, self.there = data, report, there
        self.rows: dict[str, dict[str, Values]] = {}

    def select(self, entity: str, judge: Judge = lambda _values: "") -> dict[str, Values]:
        """Sort the rows of an entity into loaded, already there and refused."""
        count = self.report.counts[entity] = Counted(entity, before=len(self.there[entity]))
        chosen = self.rows[entity] = {}
        for raw in self.data.rows[entity]:
            count.read += 1
            self._pick(entity, raw, judge, chosen, count)
        return chosen

    def _pick(
        self, entity: str, raw: RawRow, judge: Judge, chosen: dict[str, Values], count: Counted
    ) -> None:
        if raw.key in chosen:
            self.report.refuse(entity, raw.key, "the key appears twice in the file")
            return
        if raw.key in self.there[entity]:
            count.already += 1
            return
        checked = Checked(raw.fields)
        values = READERS[entity](checked)
        reason = "; ".join(checked.faults) or judge(values)
        if reason:
            self.report.refuse(entity, raw.key, reason)
        else:
            chosen[raw.key] = values

    def missing(self, entity: str, key: str) -> str:
        """Say why a reference leads nowhere; empty when it leads to a row."""
        if key in self.rows[entity] or key in self.there[entity]:
            return ""
        in_file = any(raw.key == key for raw in self.data.rows[entity])
        return f"{entity} {key} was refused itself" if in_file else f"there is no {entity} {key}"
