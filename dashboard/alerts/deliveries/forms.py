"""The form of a route. What is secret is written here and never shown again."""

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import DataRequired, Email, Length, Optional, ValidationError

from dashboard.alerts.deliveries.models import REPEAT_SECONDS, Body, Kind, Route
from dashboard.alerts.deliveries.service import Wanted
from dashboard.core.filters import viewer_zone, zone

SEVERITIES = (("", "Critical ones and warnings"), ("critical", "Critical ones"), ("warning", "Warnings"))
REPEATS = (
    (0, "Never"),
    (1800, "Every 30 minutes"),
    (3600, "Every hour"),
    (4 * 3600, "Every 4 hours"),
    (12 * 3600, "Every 12 hours"),
    (24 * 3600, "Every day"),
)
BODIES = (
    (Body.FULL.value, "Everything, for programs"),
    (Body.TEXT.value, "One text, for chat (Slack, Mattermost, Teams and the like)"),
)
CLOCK = ["%H:%M", "%H:%M:%S"]


class RouteForm(FlaskForm):
    """Where alerts go, which, and how often. The fields of the other kind are left out by the page."""

    name = StringField(
        "Name",
        [DataRequired("Give it a name."), Length(max=80)],
        filters=[lambda text: " ".join(text.split()) if text else text],
        description="Whom it reaches, for example: DBA on call.",
    )
    address = StringField(
        "E-mail address", [Optional(), Email("This is no e-mail address."), Length(max=254)]
    )
    url = PasswordField(
        "Address of the webhook",
        [Optional(), Length(max=2000)],
        description="Begins with https://. It is kept sealed and only its host is shown again.",
    )
    secret = PasswordField(
        "Secret of the signature",
        [Optional(), Length(min=16, max=200, message="Between 16 and 200 characters.")],
        description="Each message is signed with it (HMAC-SHA256), so that the receiver knows who sent it.",
    )
    forget_secret = BooleanField("Send without a signature from now on")
    body = SelectField("What it gets", choices=[SelectChoice(*choice) for choice in BODIES])
    severity = SelectField("Which alerts", choices=[SelectChoice(*choice) for choice in SEVERITIES])
    areas = SelectMultipleField(
        "Of which areas", description="All of them when none is chosen.", validate_choice=True
    )
    repeat = SelectField(
        "Say it again while it fires",
        choices=[SelectChoice(*choice) for choice in REPEATS],
        coerce=int,
        description="Until somebody acknowledges it.",
    )
    quiet_from = TimeField(
        "Warnings wait from",
        [Optional()],
        format=CLOCK,
        description="What is critical never waits. Warnings that still fire in the morning are told then.",
    )
    quiet_until = TimeField("Until", [Optional()], format=CLOCK)
    quiet_zone = StringField("In the time zone", [Length(max=64)], description="For example Europe/Berlin.")
    is_active = BooleanField("In use", default=True)
    version = HiddenField(default="0")

    def offer(self, areas: list[str], kind: str) -> None:
        """Fill the choices and leave out what this kind does not have."""
        self.areas.choices = [(area, area.replace("_", " ")) for area in areas]
        for name in ("url", "secret", "forget_secret", "body") if kind == Kind.MAIL else ("address",):
            del self[name]

    def fill(self, route: Route | None) -> None:
        """Show what holds now."""
        if route is None:
            self.repeat.data, self.quiet_zone.data = REPEAT_SECONDS, str(viewer_zone())
            return
        self.name.data, self.is_active.data = route.name, route.is_active
        self.severity.data = route.severities[0] if len(route.severities) == 1 else ""
        self.areas.data, self.repeat.data = route.areas, route.repeat_seconds
        self.quiet_from.data, self.quiet_until.data = route.quiet_from, route.quiet_until
        self.quiet_zone.data, self.version.data = route.quiet_zone, str(route.version)
        if route.kind == Kind.MAIL:
            self.address.data = route.address
        else:
            self.body.data = route.body

    def wanted(self, kind: str) -> Wanted:
        """Return what was written."""

        def word(name: str) -> str:
            return str(self[name].data or "").strip() if name in self else ""

        version = word("version")
        return Wanted(
            name=word("name"),
            kind=kind,
            address=word("address"),
            url=word("url"),
            secret=word("secret"),
            forget_secret="forget_secret" in self and bool(self.forget_secret.data),
            body=word("body") or Body.FULL,
            severities=[self.severity.data] if self.severity.data else [],
            areas=sorted(self.areas.data or []),
            repeat_seconds=self.repeat.data,
            quiet_from=self.quiet_from.data,
            quiet_until=self.quiet_until.data,
            quiet_zone=word("quiet_zone") or "UTC",
            is_active=bool(self.is_active.data),
            version=int(version) if version.isdigit() else -1,
        )

    def validate_quiet_zone(self, field: StringField) -> None:
        """A zone nobody knows would be read as UTC."""
        name = (field.data or "").strip()
        if name not in {"", "UTC"} and str(zone(name)) != name:
            raise ValidationError("There is no such time zone; write one as Europe/Berlin.")
