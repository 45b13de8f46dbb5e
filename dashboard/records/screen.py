"""Owns Screen: an entity's list, form and pages on Flask-Admin's view and model layer, in about 20 lines.

A view is one object shared by all threads: nothing of a request is ever kept on it.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_admin.base import expose
from flask_admin.contrib.sqla.view import ModelView
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, NotFoundError
from dashboard.records import editing, form_page, list_page, pickers, removing
from dashboard.records.columns import describe, humanize, label_name
from dashboard.records.history_routes import HISTORY_ACTIONS, HistoryRoutes
from dashboard.records.list_routes import ID, LIST_ACTIONS, ListRoutes
from dashboard.records.spec import BOOKKEEPING, Children, ChildSpec, Spec, never_locked, nothing_frozen
from dashboard.records.urls import endpoint

SAVES = 5
NOT_IN_FORMS = frozenset({*BOOKKEEPING, "external_key"})
ACTIONS = {
    "index_view": "view",
    "details_view": "view",
    "lookup_view": "view",
    "create_view": "create",
    "duplicate_view": "create",
    "quick_create_view": "create",
    "edit_view": "edit",
    "delete_view": "delete",
    "restore_view": "restore",
    **LIST_ACTIONS,
    **HISTORY_ACTIONS,
}


class Screen(ListRoutes, HistoryRoutes, ModelView):
    """One entity. Subclasses say what the model does not tell; the names are Flask-Admin's."""

    model: Any
    singular: ClassVar[str] = ""
    plural: ClassVar[str] = ""
    icon: ClassVar[str] = "table"
    menu_order: ClassVar[int] = 100
    menu_section: ClassVar[str] = ""
    in_menu: ClassVar[bool] = True
    record_label: ClassVar[str] = ""
    column_list: Any = ()
    column_labels: Any = MappingProxyType({})
    column_searchable_list: Any = ()
    column_filters: Any = ()
    column_default_sort: Any = (("id", True),)
    column_money: Any = MappingProxyType({})
    form_columns: Any = ()
    form_sections: ClassVar[Sequence[tuple[str, Sequence[str]]]] = ()
    children: ClassVar[Sequence[Children]] = ()
    page_size = 50
    can_create: Any = True
    can_edit: Any = True
    can_delete: Any = True

    @classmethod
    def lock_reason(cls, _record: Any) -> str:
        """Why this record can be neither edited nor deleted now; empty: it can."""
        return ""

    @classmethod
    def frozen_fields(cls, _record: Any | None) -> frozenset[str]:
        """Form keys and child entities that are shown but not typed in: what only the workflow changes."""
        return frozenset()

    @classmethod
    def first_rows(cls, _session: Session, _given: Mapping[str, Any]) -> Mapping[str, Sequence[Any]]:
        """Child rows a new form starts with, by their entity; asked with the fields its address filled in."""
        return {}

    # Flask-Admin's own pages that nothing here uses: an address that does not exist needs no guard.
    action_view = None
    export = None
    ajax_lookup = None
    ajax_update = None

    def __init__(self) -> None:
        self.spec = compile_spec(type(self))
        name = self.spec.entity
        super().__init__(
            self.model, db, name=self.spec.title, endpoint=endpoint(name), url=f"/t/<tenant>/records/{name}"
        )

    @classmethod
    def entity(cls) -> str:
        """Name of the entity: its table's."""
        return str(cls.model.__tablename__)

    # What Flask-Admin would scaffold at start is compiled into `spec` instead.
    def _refresh_cache(self) -> None:
        self._list_columns = [(key, self.spec.columns[key].label) for key in self.spec.list_keys]

    def scaffold_auto_joins(self) -> list[Any]:
        """Lists join what their references need by themselves."""
        return []

    def _run_view(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return fn(
            self, *args, **kwargs
        )  # the original calls again on a TypeError, which hides where it came from

    @expose("/")
    def index_view(self) -> ResponseReturnValue:
        """The list."""
        return list_page.show(self.spec)

    @expose("/lookup")
    def lookup_view(self) -> ResponseReturnValue:
        """Records for a picker."""
        return jsonify(pickers.answer(db.session(), self.spec, request.args))

    @expose("/quick", methods=("POST",))
    def quick_create_view(self) -> ResponseReturnValue:
        """A record made from its name in a picker."""
        return form_page.quick_create(self.spec)

    @expose("/new", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """The form of a new record."""
        self.demand("create")
        if request.method == "GET":
            return form_page.show(editing.open_new(db.session(), self.spec, request.args))
        return form_page.save(editing.submit_new(self.spec, request.form))

    @expose(f"{ID}/duplicate")
    def duplicate_view(self, id: int) -> ResponseReturnValue:  # noqa: A002 - the name in the address
        """The form of a new record like this one."""
        self.demand("create")
        return form_page.show(editing.open_copy(db.session(), self.spec, self.get_one(id)))

    @expose(ID)
    def details_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """The record with its rows and history."""
        return form_page.details(self.spec, self.get_one(id))

    @expose(f"{ID}/edit", methods=("GET", "POST"))
    def edit_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """The form of a stored record."""
        self.demand("edit")
        record = self.get_one(id)
        if getattr(record, "deleted_at", None):
            raise ConflictError(f"This {self.spec.noun} is deleted.", fix="Restore it before you edit it.")
        self._refuse_locked(record)
        if request.method == "GET":
            return form_page.show(editing.open_record(db.session(), self.spec, record))
        for _ in range(SAVES):
            try:
                return form_page.save(editing.submit(db.session(), self.spec, record, request.form))
            except StaleDataError:  # saved by somebody between reading and writing: merge with that
                record = self.get_one(id)
        raise ConflictError(f"This {self.spec.noun} is being changed all the time.", fix="Try again.")

    @expose(f"{ID}/delete", methods=("GET", "POST"))
    def delete_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """What deleting means, and doing it."""
        self.demand("delete")
        record = self.get_one(id)
        self._refuse_locked(record)
        return removing.delete(self.spec, record)

    @expose(f"{ID}/restore", methods=("POST",))
    def restore_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """Bring a deleted record back."""
        return removing.restore(self.spec, self.get_one(id))

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        """The record, deleted or not. Raises NotFoundError."""
        record = db.session.get(self.model, id)
        if record is None:
            raise NotFoundError(f"There is no {self.spec.noun} with the number {id}.")
        return record

    def _refuse_locked(self, record: Any) -> None:
        if reason := self.spec.lock_reason(record):
            raise ConflictError(f"This {self.spec.noun} cannot be changed now.", fix=reason)

    def demand(self, action: str) -> None:
        """Refuse what the entity does not know. Raises ForbiddenError."""
        if not self.spec.switches.get(action, True):
            raise ForbiddenError(
                f"{self.spec.title} cannot be changed this way.", fix="Enter a new one instead."
            )


def compile_spec(screen: type[Screen]) -> Spec:
    """Compile a declaration."""
    table = screen.model.__table__
    columns = describe(table, dict(screen.column_labels), dict(screen.column_money))
    given = tuple((title, tuple(keys)) for title, keys in screen.form_sections)
    plain = tuple(key for key in columns if key not in NOT_IN_FORMS and columns[key].column.computed is None)
    singular = screen.singular or humanize(screen.entity())
    listed = tuple(screen.column_list) or plain[:8]
    deletes = screen.can_delete
    return Spec(
        entity=screen.entity(),
        endpoint=endpoint(screen.entity()),
        title=screen.plural or f"{singular}s",
        singular=singular,
        model=screen.model,
        label=screen.record_label or label_name(screen.model),
        columns=columns,
        list_keys=listed,
        search_keys=tuple(screen.column_searchable_list),
        filter_keys=tuple(screen.column_filters) or _filters(columns, listed),
        default_order=tuple(screen.column_default_sort),
        form_sections=given or (("", tuple(screen.form_columns) or plain),),
        children=tuple(compile_child(child) for child in screen.children),
        page_size=screen.page_size,
        lock_reason=screen.lock_reason if _declares(screen, "lock_reason") else never_locked,
        frozen_fields=screen.frozen_fields if _declares(screen, "frozen_fields") else nothing_frozen,
        first_rows=screen.first_rows,
        switches={
            "create": screen.can_create,
            "edit": screen.can_edit,
            "delete": deletes,
            "restore": deletes and "deleted_at" in columns,
        },
    )


def _declares(screen: type[Screen], rule: str) -> bool:
    """Whether a screen has a rule of its own; without one nobody has to look at each row."""
    return getattr(getattr(screen, rule), "__func__", None) is not getattr(Screen, rule).__func__


def _filters(columns: dict[str, Any], listed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys((*listed, *(key for key in ("org_id", "created_at", "updated_at") if key in columns)))
    )


def compile_child(child: Children) -> ChildSpec:
    """Compile the declaration of child rows."""
    table = child.model.__table__
    words = humanize(str(table.name).rpartition("_")[2])
    return ChildSpec(
        child, str(table.name), child.title or f"{words}s", words.lower(), describe(table, {}, {})
    )
