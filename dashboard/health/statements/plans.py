"""Reads EXPLAIN's JSON: a list of indented steps with their share of the cost and what is wrong. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

BIG_ROWS = 10_000
TIMES_WRONG, ENOUGH_ROWS = 10, 100
DETAILS = (
    *("Index Cond", "Recheck Cond", "Filter", "Hash Cond", "Merge Cond", "Join Filter", "Sort Key"),
    *("Group Key", "One-Time Filter", "Subplan Name"),
)
Node = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """One step of a plan. `share` of one: of the time if it ran, else of the planner's cost."""

    depth: int
    title: str
    details: list[str]
    share: float
    cost: float
    rows: float
    actual_rows: float | None = None
    milliseconds: float | None = None
    loops: int = 1
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """A whole plan."""

    steps: list[Step]
    cost: float
    planning_ms: float | None
    execution_ms: float | None
    settings: dict[str, str]

    @property
    def warnings(self) -> list[str]:
        """What is wrong, in the order of the steps."""
        return [f"{step.title}: {warning}" for step in self.steps for warning in step.warnings]


def read(plan: Node) -> Reading:
    """Return the steps of a plan as `explaining` gave it."""
    root = plan["Plan"]
    whole = _weight(root) or 1.0
    sizes = plan.get("Relations", {})
    return Reading(
        list(_steps(root, 0, whole, sizes)),
        root.get("Total Cost", 0.0),
        plan.get("Planning Time"),
        plan.get("Execution Time"),
        plan.get("Settings", {}),
    )


def _steps(node: Node, depth: int, whole: float, sizes: Mapping[str, Any]) -> Iterator[Step]:
    children = node.get("Plans", ())
    own = max(_weight(node) - sum(_weight(child) for child in children), 0.0)
    loops = int(node.get("Actual Loops", 1))
    yield Step(
        depth,
        _title(node),
        [f"{name}: {_text(node[name])}" for name in DETAILS if name in node],
        min(own / whole, 1.0),
        node.get("Total Cost", 0.0),
        node.get("Plan Rows", 0),
        node["Actual Rows"] * max(loops, 1) if "Actual Rows" in node else None,
        _time(node),
        loops,
        list(_warnings(node, sizes)),
    )
    for child in children:
        yield from _steps(child, depth + 1, whole, sizes)


def _weight(node: Node) -> float:
    """Time with everything below if it ran, else cost."""
    spent = _time(node)
    return float(node.get("Total Cost", 0.0)) if spent is None else spent


def _time(node: Node) -> float | None:
    if "Actual Total Time" not in node:
        return None
    return float(node["Actual Total Time"]) * max(int(node.get("Actual Loops", 1)), 1)


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _title(node: Node) -> str:
    title = str(node.get("Node Type", "?"))
    if node.get("Join Type") and node["Join Type"] != "Inner":
        title += f" {node['Join Type']}"
    if node.get("Operation"):
        title = str(node["Operation"])
    if node.get("Index Name"):
        title += f" using {node['Index Name']}"
    if node.get("Relation Name"):
        title += f" on {node['Relation Name']}"
    if node.get("Alias") and node["Alias"] != node.get("Relation Name"):
        title += f" {node['Alias']}"
    return title


def _warnings(node: Node, sizes: Mapping[str, Any]) -> Iterator[str]:
    rows = sizes.get(node.get("Relation Name", ""), [0])[0]
    if node.get("Node Type") == "Seq Scan" and rows >= BIG_ROWS:
        kept = node.get("Plan Rows", 0)
        hint = "; an index on what the filter names may help" if "Filter" in node and kept < rows / 10 else ""
        yield f"it reads all {rows:,.0f} rows of the table{hint}"
    yield from _misestimates(node)
    if node.get("Sort Space Type") == "Disk":
        used = node.get("Sort Space Used", 0)
        yield f"the sort did not fit into work_mem and went to disk ({used:,} KiB)"
    if node.get("Hash Batches", 1) > max(node.get("Original Hash Batches", 1), 1) or (
        node.get("Temp Written Blocks", 0) and node.get("Node Type") == "Hash"
    ):
        yield f"the hash did not fit into memory: {node.get('Hash Batches', 1)} batches on disk"


def _misestimates(node: Node) -> Iterator[str]:
    if "Actual Rows" not in node or not node.get("Actual Loops"):
        return
    told, found = float(node.get("Plan Rows", 0)), float(node["Actual Rows"])
    low, high = sorted((max(told, 1.0), max(found, 1.0)))
    if high >= ENOUGH_ROWS and high / low >= TIMES_WRONG:
        wrong = "more" if found > told else "fewer"
        yield (
            f"{high / low:,.0f} times {wrong} rows than the planner believed ({found:,.0f}, not {told:,.0f});"
            " analyze the table, or give correlated columns extended statistics"
        )
