"""The page of a proof, and its rows as a file."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Response, g, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.core.filters import NOTHING, url_if, zone
from dashboard.core.web import requires
from dashboard.kpis import composites, filters, registry, targets
from dashboard.kpis.filters import Selection
from dashboard.kpis.pages import wording as pages
from dashboard.kpis.pages.links import Links
from dashboard.kpis.pages.service import PAGES
from dashboard.kpis.proof import download, naming, narrowing, queries, rows, wording
from dashboard.kpis.proof.question import STATUSES, Question, Status, TooLongError
from dashboard.kpis.proof.rows import Listing
from dashboard.kpis.registry import Kpi
from dashboard.kpis.versions.queries import Revision, list_revisions
from dashboard.kpis.views import blueprint
from dashboard.replication import reading

VIEW = "insights.proof.view"
REPLAY = ("as_of", "revision")


@blueprint.get("/proof/<code>")
@requires(VIEW)
def proof(code: str) -> ResponseReturnValue:
    """Prove one number."""
    kpi = registry.get(code)
    page, place = reading.ask(g.tenant, lambda session: _page(session, kpi))
    return render_template("kpis/proof/proof.html", **page, place=place)


@blueprint.get("/proof/<code>/rows.csv")
@requires(VIEW)
def proof_rows(code: str) -> ResponseReturnValue:
    """Send every record behind a number, with those left out and why."""
    kpi, session = registry.get(code), db.session()
    if kpi.kind == "composite":
        raise NotFoundError("This figure is made of others.", fix="Download the records of each of those.")
    question = _question(session, kpi, filters.read(session, request.args))
    session.rollback()  # the rows have a session of their own; this one would wait for the last of them
    headers = {"Content-Disposition": f'attachment; filename="{g.tenant.slug}-{code}-records.csv"'}
    pieces = stream_with_context(download.lines(session, question))
    return Response(pieces, content_type="text/csv; charset=utf-8", headers=headers)


def _page(session: Session, kpi: Kpi) -> dict[str, Any]:
    selection = filters.read(session, request.args)
    question = _question(session, kpi, selection)
    made = queries.prove(session, question, check=request.args.get("check") == "1")
    currency = question.terms.currency
    status: Status = next((each for each in STATUSES if each == request.args.get("status")), "included")
    listing, is_too_long = _listing(session, question, status)
    named = naming.name(session, kpi.facts, listing.rows)
    kept, links = _kept(selection), Links()
    return {
        "kpi": kpi,
        "selection": selection,
        "question": question,
        "proof": made,
        "shown": pages.write(kpi, made.value, currency),
        "exact": lambda value: wording.with_unit(kpi, value, currency),
        "worked": _worked(session, question, made),
        "parts": [(part, pages.write(part.kpi, part.figure.value, currency)) for part in made.parts],
        "part_url": lambda code: _url(code, selection.arguments),
        "target": _target(session, kpi, question, currency),
        "tabs": _tabs(kpi.code, kept, status, made),
        "status": status,
        "rows": [(one, links.record(kpi.facts.entity, one.opens) if one.opens else "") for one in named],
        "measures": [(name, wording.measure(name)) for name in question.measures],
        "is_too_long": is_too_long,
        "is_first": not _after(),
        "first": _url(kpi.code, kept | {"status": status}),
        "next": _next(kpi.code, kept | {"status": status}, listing),
        "check": _url(kpi.code, kept | {"check": "1"}),
        "narrower": _narrower(session, made, selection, kept),
        "most": narrowing.MOST_REPLAYED,
        "back_title": PAGES[kpi.area].title,
        "back": links.page(kpi.area, selection.arguments | {"kpi": kpi.code}),
        "download": url_if("insights.proof_rows", code=kpi.code, **kept),
        "kept": selection.arguments,
        "counted": rows.COUNTED,
        "cell": lambda value: NOTHING if value is None else wording.exact(value),
    } | _replaying(session, question, kept)


def _kept(selection: Selection) -> dict[str, str]:
    """What of the address the addresses on the page keep."""
    given = {name: request.args.get(name, "") for name in (*REPLAY, "subject")}
    return selection.arguments | {name: text for name, text in given.items() if text}


def _narrower(
    session: Session, proof: queries.Proof, selection: Selection, kept: dict[str, str]
) -> list[tuple[str, int, str]]:
    """The parts of a number that is over too many records, or took too long, each with its address."""
    if not proof.is_too_much and proof.made is not None:
        return []
    return [
        (part.title, part.records, _url(proof.question.kpi.code, _changed(kept, part.changes)))
        for part in narrowing.parts(session, proof.question, selection)
    ]


def _changed(kept: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in {**kept, **changes}.items() if text}


def _replaying(session: Session, question: Question, kept: Mapping[str, str]) -> dict[str, Any]:
    """What the form for another definition or day shows, and the way back."""
    code = question.kpi.code
    return {
        "leave": _url(code, {name: text for name, text in kept.items() if name not in REPLAY}),
        "asked": {name: request.args.get(name, "") for name in REPLAY},
        "revisions": list_revisions(session, code),
        "values": _values(question),
    }


def _worked(session: Session, question: Question, proof: queries.Proof) -> str:
    """Write the formula with the numbers put in; a composite's code may tell more than that it was asked."""
    if proof.made is None:
        return ""
    told = "" if question.is_replay else composites.explain(session, question.kpi, question.filters)
    return told or wording.worked(question.kpi, proof.made, question.terms.currency)


def _question(session: Session, kpi: Kpi, selection: Selection) -> Question:
    chosen = selection.sums
    if kpi.facts.subject != "supplier":  # the filter names a supplier, which these facts do not know
        chosen = replace(chosen, subject_id=None)
    subject = request.args.get("subject", type=int)
    if subject is not None:
        chosen = replace(chosen, subject_id=subject)
    return queries.ask(session, kpi, chosen, _as_of(selection), _revisions(session, kpi))


def _as_of(selection: Selection) -> datetime | None:
    """The end of the day that is asked for, in the time zone of the (first) organization shown."""
    asked = request.args.get("as_of", "")
    if not asked:
        return None
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        raise InvalidInputError(
            f"“{asked[:20]}” is not a date; write it as 2026-03-31.", fields={"as_of": "is not a date"}
        ) from None
    if not 1900 <= day.year <= 2999:
        raise InvalidInputError("There are no figures of that year.", fields={"as_of": "is too far away"})
    where = zone(selection.orgs[0].time_zone) if selection.orgs else UTC
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=where) - timedelta(microseconds=1)


def _revisions(session: Session, kpi: Kpi) -> dict[str, int] | None:
    asked = request.args.get("revision", "")
    if not asked:
        return None
    known: list[Revision] = list_revisions(session, kpi.code)
    if asked != "0" and asked not in {str(one.row.id) for one in known}:
        raise NotFoundError("There is no such revision of this definition.", fix="Choose one on the page.")
    return {kpi.code: int(asked)}


def _listing(session: Session, question: Question, status: Status) -> tuple[Listing, bool]:
    if question.kpi.kind == "composite":
        return Listing((), None), False
    try:
        return rows.read(session, question, status, _after()), False
    except TooLongError:
        return Listing((), None), True


def _next(code: str, kept: dict[str, str], listing: Listing) -> str:
    return _url(code, kept | {"after": str(listing.after)}) if listing.after is not None else ""


def _after() -> int:
    after = request.args.get("after", 0, type=int)
    return after if 0 <= after < 2**63 else 0


def _tabs(code: str, kept: dict[str, str], status: Status, proof: queries.Proof) -> list[tuple[Any, ...]]:
    """The kinds of rows with how many there are; a count that stopped at a limit ends with +."""
    reasons, made = proof.reasons, proof.made
    counts: dict[Status, str | None] = dict.fromkeys(STATUSES)
    if made is not None:
        counts["included"] = f"{made.included:,}"
    if reasons is not None:
        for each in STATUSES[1:]:
            counts[each] = f"{reasons.of(each):,}" + ("+" if reasons.is_capped else "")
    return [
        (each.capitalize(), _url(code, kept | {"status": each}), each == status, counts[each])
        for each in STATUSES
    ]


def _target(session: Session, kpi: Kpi, question: Question, currency: str) -> str:
    found = targets.find(session, [kpi.code], question.filters).get(kpi.code)
    return pages.write(kpi, found, currency) if found is not None else ""


def _values(question: Question) -> list[tuple[str, str]]:
    """The parameters the number was computed with; where organizations differ, all of theirs."""
    shown = set(question.filters.org_ids)
    found = []
    for parameter in question.kpi.parameters:
        key = f"{question.kpi.code}_{parameter.name}"
        values = [str(one[key]) for one in question.terms.parameters if one["org_id"] in shown]
        unit = f" {parameter.unit}" if parameter.unit else ""
        found.append((parameter.title, " or ".join(f"{value}{unit}" for value in dict.fromkeys(values))))
    return found


def _url(code: str, arguments: dict[str, str]) -> str:
    return url_if("insights.proof", code=code, **arguments)
