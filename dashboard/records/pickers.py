"""Owns the pickers: labels of chosen records, remote search, and making a record by its name."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms import Form

from dashboard.records import registry
from dashboard.records.columns import Column, Reference, find_reference
from dashboard.records.fields import ReferenceSelectField
from dashboard.records.filters import like
from dashboard.records.spec import Spec
from dashboard.records.values import clean

PAGE = 20
MAX_TEXT = 100
MAX_EXACT = 100
Labels = Mapping[tuple[str, int], str]


def read_labels(session: Session, wanted: Iterable[tuple[Reference, int]]) -> Labels:
    """Labels of referenced records by (entity, id), in one query for all of them."""
    by_model: dict[Reference, set[int]] = {}
    for reference, row_id in wanted:
        by_model.setdefault(reference, set()).add(row_id)
    parts = []
    for reference, ids in by_model.items():
        table = reference.model.__table__
        text = naming(table, reference.label)
        parts.append(sa.select(sa.literal(reference.entity), table.c.id, text).where(table.c.id.in_(ids)))
    if not parts:
        return {}
    rows = session.execute(parts[0] if len(parts) == 1 else sa.union_all(*parts))
    return {(entity, row_id): label or f"#{row_id}" for entity, row_id, label in rows}


def naming(table: Any, label: str) -> sa.ColumnElement[Any]:
    """The words for a record; a line without words of its own is called after its product."""
    words = sa.cast(table.c[label], sa.Text)
    product = _product_of(table)
    if product is None or not table.c[label].nullable:
        return words
    target = product.model.__table__.alias()
    name = sa.select(sa.cast(target.c[product.label], sa.Text)).where(target.c.id == table.c.product_id)
    return sa.func.coalesce(sa.func.nullif(words, ""), name.scalar_subquery())


def _product_of(table: Any) -> Reference | None:
    return find_reference(table.c.product_id) if "product_id" in table.c else None


def chosen(form: Form) -> list[tuple[Reference, int]]:
    """The references a form holds."""
    return [
        (item.column.reference, item.data)
        for item in form
        if isinstance(item, ReferenceSelectField) and item.column.reference and isinstance(item.data, int)
    ]


def dress(form: Form, labels: Labels) -> None:
    """Give the pickers of a form their addresses to search and create, and the label of what is chosen."""
    for field in form:
        if not isinstance(field, ReferenceSelectField):
            continue
        reference = field.column.reference
        screen = registry.find(reference.entity) if reference else None
        attributes = {"class": "form-select", "data-picker": ""}
        if screen and reference:
            attributes["data-picker-url"] = screen.spec.url("lookup_view")
            if screen.spec.allows("create") and quick_key(screen.spec):
                attributes["data-picker-create-url"] = screen.spec.url("quick_create_view")
        field.render_kw = {**(field.render_kw or {}), **attributes}
        if reference and isinstance(field.data, int):
            field.label_text = labels.get((reference.entity, field.data), "")


def answer(session: Session, spec: Spec, arguments: MultiDict[str, str]) -> dict[str, Any]:
    """What a picker asked: records that contain `q`, or for each `exact` text the one record it names.

    With `org_id` only records of that organization count, where the entity has one.
    """
    org_id = _organization(spec, arguments.get("org_id", ""))
    texts = arguments.getlist("exact")
    if texts:
        return {"found": find_exact(session, spec, texts[:MAX_EXACT], org_id)}
    return {"results": search(session, spec, arguments.get("q", ""), org_id)}


def _organization(spec: Spec, text: str) -> int | None:
    known = "org_id" in spec.columns and text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if known else None


def find_exact(
    session: Session, spec: Spec, texts: Iterable[str], org_id: int | None = None
) -> dict[str, dict[str, str] | None]:
    """The one record each text names by its label or code, in any case of letters.

    None where there is no such record, or more than one.
    """
    wanted = {text: clean(text)[:MAX_TEXT].lower() for text in texts}
    keys = dict.fromkeys((spec.label, *spec.search_keys))
    columns = [sa.func.lower(sa.cast(spec.columns[key].column, sa.Text)) for key in keys]
    name = spec.columns[spec.label].column
    query = sa.select(spec.table.c.id, name, *columns).where(
        sa.or_(*(column.in_(list(wanted.values())) for column in columns))
    )
    named: dict[str, dict[int, str]] = {}
    for row_id, label, *words in session.execute(_live(spec, query, org_id).limit(MAX_EXACT * PAGE)):
        for word in words:
            named.setdefault(word, {})[row_id] = str(label or f"#{row_id}")
    return {text: _only(named.get(word, {})) for text, word in wanted.items()}


def _only(found: Mapping[int, str]) -> dict[str, str] | None:
    if len(found) != 1:
        return None
    row_id, text = next(iter(found.items()))
    return {"id": str(row_id), "text": text}


def _live(spec: Spec, query: sa.Select[Any], org_id: int | None) -> sa.Select[Any]:
    if spec.soft_delete:
        query = query.where(spec.table.c.deleted_at.is_(None))
    return query if org_id is None else query.where(spec.table.c.org_id == org_id)


def search(session: Session, spec: Spec, text: str, org_id: int | None = None) -> list[dict[str, str]]:
    """Records whose label or search columns contain the text, those that begin with it first."""
    text = clean(text)[:MAX_TEXT]
    name = spec.columns[spec.label].column
    hint = next(
        (spec.columns[key].column for key in spec.search_keys if key not in {spec.label, "email"}), None
    )
    owner = spec.columns.get("org_id")
    query: sa.Select[Any] = sa.select(
        spec.table.c.id,
        naming(spec.table, spec.label),
        sa.null() if hint is None else hint,
        sa.null() if owner is None else owner.column,
    ).limit(PAGE)
    query = _live(spec, query, org_id)
    if text:
        keys = dict.fromkeys((spec.label, *spec.search_keys))
        found: list[sa.ColumnElement[bool]] = [
            sa.cast(spec.columns[key].column, sa.Text).ilike(f"%{like(text)}%") for key in keys
        ]
        if product := _product_of(spec.table):
            target = product.model.__table__.c
            same = sa.select(target.id).where(target[product.label].ilike(f"%{like(text)}%"))
            found.append(spec.table.c.product_id.in_(same))
        if text.lstrip("#").isdecimal() and len(text) < 18:
            found.append(spec.table.c.id == int(text.lstrip("#")))
        query = query.where(sa.or_(*found))
    rows = session.execute(query.order_by(name, spec.table.c.id)).all()
    owners = _owners(session, owner, rows)
    return [_option(row_id, label, (more, owners.get(row_id, ""))) for row_id, label, more, _ in rows]


def _owners(session: Session, owner: Column | None, rows: Sequence[Any]) -> dict[int, str]:
    """The organization of each row that reads like another one, by the row's id."""
    if owner is None or owner.reference is None:
        return {}
    seen = Counter((label, more) for _, label, more, _ in rows)
    alike = {row_id: org_id for row_id, label, more, org_id in rows if seen[label, more] > 1 and org_id}
    labels = read_labels(session, [(owner.reference, org_id) for org_id in alike.values()])
    return {row_id: labels.get((owner.reference.entity, org_id), "") for row_id, org_id in alike.items()}


def _option(row_id: int, label: object, hints: Iterable[object]) -> dict[str, str]:
    option = {"id": str(row_id), "text": str(label) if label not in (None, "") else f"#{row_id}"}
    hint = " · ".join(str(part) for part in hints if part)
    return option | ({"hint": hint} if hint else {})


def quick_key(spec: Spec) -> str:
    """The column a record can be made from alone; '' where a form must ask for more."""
    table = spec.table
    needed = {
        column.key
        for column in table.columns
        if not column.nullable
        and column.default is None
        and column.server_default is None
        and column.identity is None
    }
    return (
        spec.label
        if needed - {"org_id", "version", "code", "sku"} <= {spec.label} and spec.label in needed
        else ""
    )


def only_org(session: Session, column: Column) -> Any:
    """The organization a new record belongs to when nobody said which: the oldest one."""
    if column.reference is None:
        return None
    table = column.reference.model.__table__
    return session.scalar(
        sa.select(table.c.id).where(table.c.deleted_at.is_(None)).order_by(table.c.id).limit(1)
    )
