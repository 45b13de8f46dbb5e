"""What rules see and what they say."""

from collections import Counter
from dataclasses import dataclass, field

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.linting.effects import Effect
from dashboard.schema_migrations.linting.facts import Facts
from dashboard.schema_migrations.linting.tokens import Tokens

DANGER, WARNING, NOTE = "danger", "warning", "note"
SMALL_BYTES = 8_000_000  # read in some 20 ms: held up that long nobody calls
SMALL_ROWS = 1_000
EMPTY_BYTES = 16_384  # a page of its own and one of its long values


@dataclass(frozen=True)
class Finding:
    """One danger, in the shape of FleetPlan's column `findings`."""

    step: int
    statement: int
    rule: str
    level: str
    message: str
    advice: str


@dataclass(frozen=True)
class Statement:
    """One statement of a plan as rules see it."""

    step: Step
    place: int
    tokens: Tokens
    effects: tuple[Effect, ...]

    def finding(self, rule: str, level: str, message: str, advice: str) -> Finding:
        """A finding about this statement."""
        return Finding(self.step.number, self.place, rule, level, message, advice)


@dataclass
class Plan:
    """What is known of the plan up to the statement looked at."""

    facts: Facts
    new_tables: set[str] = field(default_factory=set)
    concurrent: Counter[str] = field(default_factory=Counter)
    # (table, constraint) -> number of the step that added it without checking
    unchecked: dict[tuple[str, str], int] = field(default_factory=dict)
    # (table, constraint) -> the column it proves to be filled
    filled: dict[tuple[str, str], str] = field(default_factory=dict)
    # (table, column) -> number of the step since which a valid check proves it
    proven: dict[tuple[str, str], int] = field(default_factory=dict)

    def is_new(self, table: str) -> bool:
        """Whether the plan itself makes the table: nobody waits for it."""
        return table in self.new_tables

    def is_empty(self, table: str) -> bool:
        """Whether no schema has a row of it."""
        known = self.facts.tables.get(table)
        return self.is_new(table) or (known is not None and known.rows == 0 and known.bytes <= EMPTY_BYTES)

    def is_partitioned(self, table: str) -> bool:
        """Whether it is in any schema."""
        known = self.facts.tables.get(table)
        return known is not None and known.partitioned > 0

    def level(self, table: str) -> str:
        """How bad it is to read or write the whole table under a lock."""
        known = self.facts.tables.get(table)
        return WARNING if known and known.bytes < SMALL_BYTES else DANGER

    def column_type(self, table: str, column: str) -> str:
        """The type of a column as it is now; empty when not known."""
        known = self.facts.tables.get(table)
        return known.columns.get(column, "") if known else ""

    def is_filled(self, table: str, column: str, step: int) -> bool:
        """Whether a valid check, committed before this step, proves that a column has no NULL."""
        known = self.facts.tables.get(table)
        earlier = self.proven.get((table, column))
        return (known is not None and column in known.checked_not_null) or (
            earlier is not None and earlier < step
        )
