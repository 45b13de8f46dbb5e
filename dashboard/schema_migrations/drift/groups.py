"""Groups schemas by what they consist of: within one revision there should be one group."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Member(Protocol):
    """What is known of a schema; `ledger.Standing` is one."""

    @property
    def schema(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def revision(self) -> str | None: ...  # noqa: D102
    @property
    def fingerprint(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True)
class Group:
    """Schemas of one revision that consist of the same."""

    fingerprint: str
    members: tuple[Member, ...]

    @property
    def schemas(self) -> list[str]:
        """Their names."""
        return [member.schema for member in self.members]


@dataclass(frozen=True)
class RevisionGroups:
    """All groups of one revision: the reference is what most of them are, the others differ from it."""

    revision: str
    reference: Group
    others: tuple[Group, ...]
    unread: int

    @property
    def groups(self) -> tuple[Group, ...]:
        """All, the reference first."""
        return self.reference, *self.others

    @property
    def count(self) -> int:
        """How many schemas have been read."""
        return len(self.reference.members) + self.differing

    @property
    def differing(self) -> int:
        """How many schemas are not like the reference."""
        return sum(len(group.members) for group in self.others)

    def find(self, fingerprint: str) -> Group | None:
        """Return the group with this fingerprint."""
        return next(
            (group for group in (self.reference, *self.others) if group.fingerprint == fingerprint), None
        )


def group(rows: Iterable[Member]) -> list[RevisionGroups]:
    """Return the groups of each revision that has any schema whose definitions were read, newest first."""
    by_revision: dict[str, dict[str | None, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.revision is not None:
            by_revision[row.revision][row.fingerprint].append(row)
    found = [
        _of_revision(revision, members) for revision, members in sorted(by_revision.items(), reverse=True)
    ]
    return [groups for groups in found if groups]


def _of_revision(revision: str, members: dict[str | None, list[Member]]) -> RevisionGroups | None:
    groups = [Group(known, tuple(rows)) for known, rows in members.items() if known is not None]
    if not groups:
        return None
    first, *others = sorted(groups, key=_weight, reverse=True)
    return RevisionGroups(revision, first, tuple(others), len(members.get(None, ())))


def _weight(group: Group) -> tuple[int, bool, str]:
    """Most schemas first; of equals the one the template belongs to; then any, but always the same."""
    return len(group.members), _has_template(group.members), group.fingerprint


def _has_template(members: Sequence[Member]) -> bool:
    return any(member.kind == "template" for member in members)
