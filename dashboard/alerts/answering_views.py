"""Answering alerts: acknowledge, take back, silence, end a silence."""

from datetime import UTC, datetime

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.alerts import answers, badge, queries, service
from dashboard.alerts.desk import EDIT, VIEW, pages, tabs
from dashboard.alerts.forms import NoteForm, SilenceForm
from dashboard.alerts.rules import Rule
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import requires


@pages.get("/database/alerts/acknowledge")
@requires(EDIT)
def note() -> ResponseReturnValue:
    """Ask for a note to go with an acknowledgement; of none, lead to where one chooses."""
    if "rule" not in request.args:
        return redirect(url_for("alerts.page"))
    form = NoteForm(request.args)
    alert = queries.find_alert(form.rule.data or "", form.subject.data or "")
    if alert and not form.note.data:
        form.note.data = alert.acknowledged_note
    return render_template("alerts/note.html", form=form, rule=_rule(form.rule.data or ""), alert=alert)


@pages.post("/database/alerts/acknowledge")
@requires(EDIT)
def acknowledge() -> ResponseReturnValue:
    """Say that one has it in hand."""
    form = NoteForm()
    rule, subject = _rule(form.rule.data or ""), form.subject.data or ""
    if not form.validate_on_submit():
        alert = queries.find_alert(rule.key, subject)
        return render_template("alerts/note.html", form=form, rule=rule, alert=alert), 422
    answers.acknowledge(rule.key, subject, form.note.data or "", actor=current_user.email)
    db.session.commit()
    flash(f"You have it in hand: {rule.title}. It is not told again until it clears.", "success")
    return redirect(url_for("alerts.page"))


@pages.post("/database/alerts/take-back")
@requires(EDIT)
def take_back() -> ResponseReturnValue:
    """Nobody has it in hand any more."""
    rule = _rule(request.form.get("rule", ""))
    answers.take_back(rule.key, request.form.get("subject", ""), actor=current_user.email)
    db.session.commit()
    flash(f"Nobody has it in hand any more: {rule.title}.", "success")
    return redirect(url_for("alerts.page"))


@pages.get("/database/alerts/silences")
@requires(VIEW)
def silences() -> ResponseReturnValue:
    """What is silenced, was and will be, and the form for another one."""
    form = SilenceForm(rule=request.args.get("rule", ""), subject=request.args.get("subject", ""))
    return _silences(form)


@pages.post("/database/alerts/silences")
@requires(EDIT)
def silence() -> ResponseReturnValue:
    """Keep silent about something."""
    form = SilenceForm()
    form.offer(service.rules())
    if not form.validate_on_submit():
        return _silences(form), 422
    try:
        made = answers.silence(form.wanted(), service.rules().keys(), actor=current_user.email)
        db.session.commit()
    except InvalidInputError as error:
        db.session.rollback()
        for name, message in error.fields.items():
            form[name].errors = [*form[name].errors, message]
        return _silences(form), error.status
    badge.forget()
    ahead = made.starts_at > datetime.now(UTC)
    flash("It is planned; you can take it back below." if ahead else "It is silenced.", "success")
    return redirect(url_for("alerts.silences"))


@pages.post("/database/alerts/silences/<int(max=2147483647):silence_id>/end")
@requires(EDIT)
def end_silence(silence_id: int) -> ResponseReturnValue:
    """End it now, or take back one that has not begun."""
    answers.end_silence(silence_id, actor=current_user.email)
    db.session.commit()
    badge.forget()
    flash("It is over: what fires is told again.", "success")
    return redirect(url_for("alerts.silences"))


def _silences(form: SilenceForm) -> str:
    now = datetime.now(UTC)
    form.offer(service.rules())
    return render_template(
        "alerts/silences.html",
        form=form,
        silences=queries.list_all_silences(now),
        rules=service.rules(),
        alerts=queries.list_alerts(),
        now=now,
        tabs=tabs(),
    )


def _rule(key: str) -> Rule:
    rule = service.rules().get(key)
    if rule is None:
        raise NotFoundError("There is no such alert rule.")
    return rule
