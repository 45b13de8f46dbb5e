"""Reads and dismisses the pairs of like suppliers that were found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from dashboard.core.errors import NotFoundError
from dashboard.erp.suppliers.models import Supplier, SupplierPair

PAGE = 50
MOST_OF_ONE = 5


@dataclass(frozen=True)
class Pair:
    """Two suppliers and what speaks for their being one; `words` say the evidence."""

    id: int
    first: Supplier
    second: Supplier
    score: int
    words: tuple[str, ...]
    dismissed_by: str | None


def say(piece: Mapping[str, Any]) -> str:
    """One piece of evidence in words."""
    words = str(piece.get("text") or "").strip()
    return {
        "tax_id": f"same tax ID {words}",
        "email": f"same e-mail {words}",
        "domain": f"same domain {words}",
        "phone": f"same telephone …{words[-6:]}",
        "name": "same name" if words == "1.00" else f"name {words}",
        "other_tax_id": "but different tax IDs",
    }.get(str(piece.get("kind")), words)


def list_pairs(session: Session, page: int, *, dismissed: bool = False) -> list[Pair]:
    """A page of pairs, the likeliest first; one more than PAGE where there is another page."""
    query = _query().order_by(SupplierPair.score.desc(), SupplierPair.id).limit(PAGE + 1)
    flag = SupplierPair.dismissed_at
    query = query.where(flag.is_not(None) if dismissed else flag.is_(None))
    return _pairs(session, query.offset((page - 1) * PAGE))


def pairs_of(session: Session, supplier_id: int) -> list[Pair]:
    """The open pairs of one supplier, the likeliest first."""
    either = sa.or_(SupplierPair.first_id == supplier_id, SupplierPair.second_id == supplier_id)
    query = _query().where(either, SupplierPair.dismissed_at.is_(None))
    return _pairs(session, query.order_by(SupplierPair.score.desc()).limit(MOST_OF_ONE))


def dismiss(session: Session, pair_id: int, actor: str, *, again: bool = False) -> SupplierPair:
    """Remember that the two are not one (`again`: forget it). Raises NotFoundError."""
    pair = session.get(SupplierPair, pair_id, with_for_update=True)
    if pair is None:
        raise NotFoundError("This pair is no longer listed.", fix="Look at the list again.")
    pair.dismissed_at = None if again else sa.func.now()
    pair.dismissed_by = None if again else actor
    session.flush()
    return pair


def find_pair(session: Session, first_id: int, second_id: int) -> Pair | None:
    """The pair of two suppliers, if it was found."""
    low, high = sorted((first_id, second_id))
    query = _query().where(SupplierPair.first_id == low, SupplierPair.second_id == high)
    return next(iter(_pairs(session, query)), None)


def _query() -> Any:
    first, second = aliased(Supplier, name="first"), aliased(Supplier, name="second")
    return (
        sa.select(SupplierPair, first, second)
        .join(first, first.id == SupplierPair.first_id)
        .join(second, second.id == SupplierPair.second_id)
        .where(first.deleted_at.is_(None), second.deleted_at.is_(None))
    )


def _pairs(session: Session, query: Any) -> list[Pair]:
    return [
        Pair(row.id, first, second, row.score, tuple(map(say, row.evidence)), row.dismissed_by)
        for row, first, second in session.execute(query)
    ]
