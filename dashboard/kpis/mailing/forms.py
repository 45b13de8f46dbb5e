"""The form of a mailing."""

from collections.abc import Mapping

from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs

from dashboard.collaboration.people import Person
from dashboard.kpis.mailing import queries, timing
from dashboard.kpis.mailing.service import Wanted
from dashboard.kpis.models import KpiMailing

HOURS = [SelectChoice(hour, f"{hour:02}:00") for hour in range(24)]
RHYTHMS = [SelectChoice(key, words[0].upper() + words[1:]) for key, words in timing.WORDS.items()]
USUAL_HOUR = 7


class MailingForm(FlaskForm):
    """To whom, how often and when. The page and its filters come from the address."""

    recipients = SelectMultipleField(
        "To",
        description="Only operators of Steward who may open this page, and only as long as they may: no other"
        " address gets it. For anybody else download the PDF, or ask an administrator to invite them.",
    )
    every = SelectField("How often", choices=RHYTHMS)
    hour = SelectField("At", choices=HOURS, coerce=int)
    is_active = BooleanField("In use", default=True)

    def offer(self, people: Mapping[str, Person], mailing: KpiMailing | None, zone: str) -> None:
        """Fill the choices; who gets it now without access stays visible, so that one can take them out."""
        self.hour.description = f"In the time zone of who set it up: {zone}."
        named = {email: f"{person.name} ({email})" for email, person in people.items()}
        if mailing is not None:
            named |= {
                email: f"{email} (has no access)"
                for email in queries.addresses(mailing)
                if email not in named
            }
        self.recipients.choices = [SelectChoice(email, name) for email, name in named.items()]

    def fill(self, mailing: KpiMailing | None, own: str) -> None:
        """Show what holds now; a new one goes to oneself."""
        if mailing is None:
            self.recipients.data, self.hour.data, self.is_active.data = [own], USUAL_HOUR, True
            return
        self.recipients.data = queries.addresses(mailing)
        self.every.data, self.hour.data = mailing.every, mailing.hour
        self.is_active.data = mailing.is_active

    def wanted(self, page: str, filters: Mapping[str, str]) -> Wanted:
        """What the form asks for."""
        chosen = self.recipients.data or []
        return Wanted(page, filters, chosen, self.every.data, self.hour.data, bool(self.is_active.data))
