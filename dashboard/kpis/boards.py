"""Owns saved boards: a page of insights with its filters under a name, for oneself or for everybody."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.kpis.models import KpiBoard

KEPT = ("org", "category", "region", "supplier", "period", "from", "to", "compare", "kpi", "rank", "tiles")
"""The arguments of an address that a board keeps."""
MAX_NAME, MAX_VALUE, MAX_BOARDS = 80, 2_000, 200
WORDS = {"share": "is offered to everybody", "unshare": "is yours alone", "delete": "is deleted"}


@dataclass(frozen=True)
class Board:
    """A board as one person sees it."""

    id: int
    name: str
    owner: str
    is_own: bool
    is_shared: bool
    page: str
    arguments: Mapping[str, str]
    is_replaced: bool = False
    """Just saved over one of the same name."""


def list_boards(session: Session, owner: str) -> list[Board]:
    """Return a person's own boards, then those others share, by name."""
    mine = KpiBoard.owner == owner
    rows = session.scalars(
        select(KpiBoard)
        .where(or_(mine, KpiBoard.is_shared))
        .order_by(mine.desc(), func.lower(KpiBoard.name), KpiBoard.id)
        .limit(MAX_BOARDS)
    )
    return [_board(row, owner) for row in rows]


def arguments_of(query: str) -> dict[str, str]:
    """Read what stands behind the `?` of a page; what a board does not keep is left out."""
    pairs = parse_qsl(query.removeprefix("?")[: len(KEPT) * MAX_VALUE])
    return {name: value[:MAX_VALUE] for name, value in pairs if name in KEPT and value}


def save(
    session: Session, owner: str, name: str, page: str, arguments: Mapping[str, str], *, is_shared: bool
) -> Board:
    """Keep a board; an own one of the same name is replaced. Raises InvalidInputError."""
    name = _name(name)
    row = session.scalar(select(KpiBoard).where(KpiBoard.owner == owner, KpiBoard.name == name))
    is_replaced = row is not None
    if row is None:
        _refuse_more(session, owner)
        row = KpiBoard(owner=owner, name=name)
        session.add(row)
    row.definition = {"page": page, "arguments": dict(arguments)}
    row.is_shared = is_shared
    session.flush()
    return replace(_board(row, owner), is_replaced=is_replaced)


def get_own(session: Session, owner: str, board_id: int) -> Board:
    """Return a person's own board. Raises NotFoundError, ForbiddenError."""
    return _board(_get_own(session, owner, board_id), owner)


def change(session: Session, owner: str, board_id: int, action: str) -> str:
    """Share, keep to oneself or delete an own board; returns its name. Raises DashboardError."""
    row = _get_own(session, owner, board_id)
    if action not in WORDS:
        raise InvalidInputError("Choose what to do with the board.")
    if action == "delete":
        session.delete(row)
    else:
        row.is_shared = action == "share"
    session.flush()
    return row.name


def rename(session: Session, owner: str, board_id: int, name: str) -> str:
    """Give an own board another name; returns it. Raises DashboardError."""
    row, name = _get_own(session, owner, board_id), _name(name)
    same = select(KpiBoard.id).where(KpiBoard.owner == owner, KpiBoard.name == name, KpiBoard.id != row.id)
    if session.scalar(same) is not None:
        raise ConflictError(f"You have another board called “{name}”.", fix="Choose another name.")
    row.name = name
    session.flush()
    return name


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > MAX_NAME:
        message = f"Give the board a name of up to {MAX_NAME} letters."
        raise InvalidInputError(message, fields={"name": message})
    return name


def _get_own(session: Session, owner: str, board_id: int) -> KpiBoard:
    row = session.get(KpiBoard, board_id)
    if row is None or (row.owner != owner and not row.is_shared):
        raise NotFoundError("There is no such board.")
    if row.owner != owner:
        raise ForbiddenError("Only the person who saved a board changes it.", fix="Save one of your own.")
    return row


def _refuse_more(session: Session, owner: str) -> None:
    count = session.scalar(select(func.count()).select_from(KpiBoard).where(KpiBoard.owner == owner)) or 0
    if count >= MAX_BOARDS:
        raise InvalidInputError(f"You have {MAX_BOARDS} boards already; delete one first.")


def _board(row: KpiBoard, owner: str) -> Board:
    definition = row.definition
    return Board(
        id=row.id,
        name=row.name,
        owner=row.owner,
        is_own=row.owner == owner,
        is_shared=row.is_shared,
        page=str(definition.get("page", "overview")),
        arguments={str(name): str(value) for name, value in dict(definition.get("arguments", {})).items()},
    )
