"""Pages of duplicate suppliers: the pairs found, and merging two into one."""

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.erp.suppliers import merging, page, pairs
from dashboard.erp.suppliers.models import Supplier
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.jobs.queries import last_success
from dashboard.records import registry
from dashboard.records.columns import Column
from dashboard.records.extensions import Action, add_list_links, add_panels
from dashboard.records.pickers import read_labels
from dashboard.records.render import DASH, text_of
from dashboard.records.spec import Spec
from dashboard.records.urls import record_url

pages = Blueprint("suppliers", __name__, url_prefix="/t/<tenant>/records/supplier")
MOST_PAGES = 10_000
LONGEST_ID = 2**63 - 1


@pages.get("/duplicates")
@requires("records.supplier.view")
def duplicates() -> ResponseReturnValue:
    """The pairs found, the likeliest first."""
    number = min(max(request.args.get("page", 1, type=int), 1), MOST_PAGES)
    dismissed = request.args.get("dismissed") == "1"
    found = pairs.list_pairs(db.session(), number, dismissed=dismissed)
    return render_template(
        "erp/suppliers/duplicates.html",
        pairs=found[: pairs.PAGE],
        page=number,
        has_next=len(found) > pairs.PAGE,
        dismissed=dismissed,
        looked_at=last_success("suppliers.find_duplicates", g.tenant.slug),
        may_edit=can("records.supplier.edit"),
        may_merge=can("records.supplier.merge"),
    )


@pages.post("/duplicates/look")
@requires("records.supplier.edit")
def look() -> ResponseReturnValue:
    """Look through all suppliers again, as a job."""
    run = jobs.enqueue("suppliers.find_duplicates", {}, actor=current_user.email, tenant=g.tenant.slug)
    return redirect(run_url(run))


@pages.post("/duplicates/<int(max=9223372036854775807):pair_id>/dismiss")
@requires("records.supplier.edit")
def dismiss(pair_id: int) -> ResponseReturnValue:
    """Remember that two suppliers are not one, or forget it."""
    again = request.form.get("again") == "1"
    pairs.dismiss(db.session(), pair_id, current_user.email, again=again)
    db.session.commit()
    flash("The pair is listed again." if again else "Remembered: these two are not duplicates.", "success")
    return redirect(url_for("suppliers.duplicates", dismissed="1" if again else None))


@pages.get("/merge")
@requires("records.supplier.merge")
def ask() -> ResponseReturnValue:
    """Both suppliers side by side: which value stays, what moves, what cannot."""
    if not request.args:  # an address typed by hand: begin where pairs are chosen
        return redirect(url_for("suppliers.duplicates"))
    survivor, loser = _two(request.args.get("keep", type=int), request.args.get("other", type=int))
    spec = registry.by_entity()["supplier"].spec
    rows = [_row(spec.columns[key], survivor, loser) for key in merging.CHOSEN]
    return render_template(
        "erp/suppliers/merge.html",
        survivor=survivor,
        loser=loser,
        rows=[row for row in rows if row["texts"] != (DASH, DASH)],
        plan=merging.plan(db.session(), survivor.id, loser.id),
        pair=pairs.find_pair(db.session(), survivor.id, loser.id),
    )


@pages.post("/merge")
@requires("records.supplier.merge")
def merge() -> ResponseReturnValue:
    """Merge them; the message says how to take it back."""
    survivor, loser = _two(request.form.get("keep", type=int), request.form.get("other", type=int))
    chosen = {key: request.form.get(key, survivor.id, type=int) for key in merging.CHOSEN}
    versions = {row.id: request.form.get(f"version-{row.id}", 0, type=int) for row in (survivor, loser)}
    name, kept = loser.name, survivor.id
    change, plan = merging.merge(db.session(), survivor.id, loser.id, chosen, versions)
    change_id = change.id
    db.session.commit()
    moved = ", ".join(f"{count} {title.lower()}" for title, count in plan.moves) or "nothing referred to it"
    flash(
        f"{name} was merged into this supplier ({moved}). It can be undone on the page of changes.", "success"
    )
    return redirect(f"{record_url('supplier', kept)}?merged={change_id}")


def _two(first: int | None, second: int | None) -> tuple[Supplier, Supplier]:
    """The two suppliers asked for. Raises InvalidInputError, NotFoundError."""
    ids = [each for each in (first, second) if each is not None and 0 < each <= LONGEST_ID]
    if len(set(ids)) != 2:
        raise InvalidInputError("Name two different suppliers to merge.")
    found = [db.session.get(Supplier, each) for each in ids]
    if found[0] is None or found[1] is None:
        raise NotFoundError("There are no such two suppliers.")
    if any(each is not None and each.deleted_at is not None for each in found):
        raise NotFoundError("One of the two suppliers is deleted.", fix="Restore it first.")
    return found[0], found[1]


def _row(column: Column, survivor: Supplier, loser: Supplier) -> dict[str, object]:
    """A field with both values as text; the survivor's stays unless it has none."""
    values = getattr(survivor, column.key), getattr(loser, column.key)
    texts = tuple(_text(column, value) for value in values)
    empty = values[0] in (None, "", {}) and values[1] not in (None, "", {})
    return {"key": column.key, "label": column.label, "texts": texts, "keep": 1 if empty else 0}


def _text(column: Column, value: object) -> str:
    if column.reference and isinstance(value, int):
        return read_labels(db.session(), [(column.reference, value)]).get(
            (column.reference.entity, value), f"#{value}"
        )
    return text_of(column, value)


def _links(spec: Spec) -> list[Action]:
    """The way to the duplicates from the list of suppliers."""
    if spec.entity != "supplier":
        return []
    return [Action("Duplicates", url_for("suppliers.duplicates"), "copy-check")]


def init_app(app: Flask) -> None:
    """Register the pages, and what the record's page and the list show of them."""
    app.register_blueprint(pages)
    add_list_links(app, _links)
    add_panels(app, page.panels)
