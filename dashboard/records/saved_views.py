"""Owns saved views: own and shared ones of a list, the default one, and the columns a person last chose."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.records import state as states
from dashboard.records.models import SavedView
from dashboard.records.spec import Spec
from dashboard.records.state import ListState, Looks
from dashboard.records.values import clean

LAYOUT = "(columns and rows)"
MAX_NAME, MAX_QUERY, MAX_VIEWS = 80, 8_000, 200
MAX_ARGUMENTS = 600


@dataclass(frozen=True)
class Views:
    """What one person is offered on one list: views with the own ones first, and the person's own looks."""

    owner: str
    offered: tuple[SavedView, ...] = ()
    looks: Looks = field(default_factory=Looks)

    @property
    def default(self) -> SavedView | None:
        """The view that opens when nothing else was asked for."""
        return next((view for view in self.own if view.is_default), None)

    @property
    def own(self) -> list[SavedView]:
        """The views this person saved."""
        return [view for view in self.offered if view.owner == self.owner]

    def find(self, view: str) -> SavedView | None:
        """The view an address names."""
        return next((known for known in self.offered if str(known.id) == view), None)


def arguments(query: str) -> MultiDict[str, str]:
    """Read what stands behind the `?` of a list. Raises InvalidInputError for what is too long."""
    try:
        found = parse_qs(query.removeprefix("?"), max_num_fields=MAX_ARGUMENTS)
    except ValueError:
        raise InvalidInputError("The list has too many filters.", fix="Take some away.") from None
    return MultiDict((name, value) for name, values in found.items() for value in values)


def read(session: Session, spec: Spec, owner: str) -> Views:
    """Read views and looks of a list for one person, in one query."""
    mine = SavedView.owner == owner
    wanted = (
        sa.select(SavedView)
        .where(SavedView.entity == spec.entity, sa.or_(mine, SavedView.is_shared))
        .order_by(mine.desc(), sa.func.lower(SavedView.name), SavedView.id)
        .limit(MAX_VIEWS)
    )
    rows = session.scalars(wanted).all()
    layout = next((row for row in rows if row.is_layout and row.owner == owner), None)
    return Views(owner, tuple(row for row in rows if not row.is_layout), _looks(layout))


def _looks(layout: SavedView | None) -> Looks:
    if layout is None:
        return Looks()
    kept = dict(parse_qsl(layout.query))
    return Looks(kept.get("cols", ""), kept.get("density") == "compact")


def keep_looks(session: Session, spec: Spec, owner: str, *, cols: str | None, dense: bool | None) -> None:
    """Remember columns (empty: the usual ones) and density; None leaves what is known. No commit."""
    layout = session.scalar(
        sa.select(SavedView).where(
            SavedView.entity == spec.entity, SavedView.owner == owner, SavedView.is_layout
        )
    )
    before = _looks(layout)
    if layout is None:
        layout = SavedView(entity=spec.entity, owner=owner, name=LAYOUT, is_layout=True)
        session.add(layout)
    kept = before.cols if cols is None else cols
    compact = before.dense if dense is None else dense
    layout.query = f"cols={kept}&density={'compact' if compact else 'comfortable'}"


def save(session: Session, spec: Spec, owner: str, name: str, state: ListState) -> SavedView:
    """Save the list as it stands under a new name. Nothing is committed.

    Raises InvalidInputError for a name or list that cannot be kept, ConflictError for a name in use.
    """
    view = SavedView(entity=spec.entity, owner=owner, name=_name(name), query=_query(state))
    session.add(view)
    _store(session, view.name)
    return view


def rename(session: Session, view: SavedView, name: str) -> None:
    """Give a view another name."""
    view.name = _name(name)
    _store(session, view.name)


def overwrite(session: Session, view: SavedView, state: ListState) -> None:
    """Let a view keep the list as it stands now."""
    view.query = _query(state)
    session.flush()


def make_default(session: Session, view: SavedView, *, on: bool) -> None:
    """Make a view the one that opens by itself, in place of another one; or take that away."""
    if on:
        others = (SavedView.entity == view.entity, SavedView.owner == view.owner, SavedView.is_default)
        for other in session.scalars(sa.select(SavedView).where(*others, SavedView.id != view.id)):
            other.is_default = False
        session.flush()
    view.is_default = on
    session.flush()


def get_own(session: Session, spec: Spec, owner: str, view_id: int) -> SavedView:
    """Return a view to change. Raises NotFoundError, and ForbiddenError for somebody else's."""
    view = session.get(SavedView, view_id)
    if view is None or view.entity != spec.entity or view.is_layout:
        raise NotFoundError("There is no such view of this list.")
    if view.owner != owner:
        raise ForbiddenError(f"This view belongs to {view.owner}.", fix="Save it under a name of your own.")
    return view


def _name(text: str) -> str:
    name = " ".join(clean(text).split())
    if not name or len(name) > MAX_NAME or name == LAYOUT:
        raise InvalidInputError(f"A view needs a name of 1 to {MAX_NAME} characters.", fix="Type a name.")
    return name


def _query(state: ListState) -> str:
    query = state.as_view()
    if state.errors:
        raise InvalidInputError(" ".join(state.errors), fix="Correct the filters first.")
    if len(query) > MAX_QUERY:
        raise InvalidInputError("The filters are too long to be kept.", fix="Name fewer values.")
    return query


def _store(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        session.rollback()
        raise ConflictError(
            f"You already have a view called “{name}” of this list.",
            fix="Choose another name, or open that view and update it.",
        ) from error


def read_state(spec: Spec, query: str, cols: str = "") -> ListState:
    """The state of a list as its address, and the columns shown beside it, say."""
    given = arguments(query)
    if cols:
        given["cols"] = cols
    return states.read(spec, given)
