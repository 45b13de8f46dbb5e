"""Owns the Translations panel of records whose model marks fields as translatable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, render_template, request
from markupsafe import Markup

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.web import can
from dashboard.records.extensions import Panel, add_panels
from dashboard.records.spec import Spec
from dashboard.translations import languages, queries
from dashboard.translations.fields import fields_of

ORDER = 50


@dataclass(frozen=True)
class Tab:
    """One language of the switch."""

    language: str
    name: str
    state: str
    is_chosen: bool


def init_app(app: Flask) -> None:
    """Add the panel."""
    add_panels(app, show)


def show(spec: Spec, record: Any) -> Iterable[Panel]:
    """The panel of one record, in the language of the address."""
    if not fields_of(spec.entity):
        return
    html = editor(spec, record, request.args.get("language", ""))
    yield Panel("translations", "Translations", html, order=ORDER)


def editor(
    spec: Spec,
    record: Any,
    asked: str,
    typed: Mapping[str, str] | None = None,
    theirs: Mapping[str, str] | None = None,
) -> Markup:
    """Draw the switch and the texts; `typed` are texts that were not stored, `theirs` what stands instead."""
    session = db.session()
    source = languages.source_of(session, getattr(record, "org_id", None))
    used = [language for language in languages.in_use(session) if language != source]
    chosen = _chosen(asked, used, source)
    states = queries.states_of(session, spec.entity, record)
    shown = [*used, *([chosen] if chosen and chosen not in used else [])]
    html = render_template(
        "translations/editor.html",
        spec=spec,
        record=record,
        source=languages.name_of(source) if source else "",
        tabs=[
            Tab(
                language,
                languages.name_of(language),
                states.get(language, queries.MISSING),
                language == chosen,
            )
            for language in shown
        ],
        language=chosen,
        direction=languages.direction(chosen) if chosen else "ltr",
        texts=queries.texts_of(session, spec.entity, record, chosen) if chosen else [],
        others=[pair for pair in languages.choices() if pair[0] not in {*shown, source}],
        typed=typed or {},
        theirs=theirs or {},
        editable=can(f"records.{spec.entity}.edit") and not getattr(record, "deleted_at", None),
    )
    return Markup(html)  # noqa: S704  # rendered with escaping


def _chosen(asked: str, used: list[str], source: str) -> str:
    try:
        language = languages.parse(asked) if asked else ""
    except InvalidInputError:
        language = ""
    return language if language and language != source else next(iter(used), "")
