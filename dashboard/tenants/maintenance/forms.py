"""The form that announces maintenance."""

from datetime import datetime

from flask_wtf import FlaskForm
from wtforms import BooleanField, DateTimeLocalField, SelectField, StringField
from wtforms.validators import DataRequired, Length, Optional, ValidationError

from dashboard.core.filters import viewer_zone
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.maintenance.service import LONGEST_MESSAGE

# Browsers leave the seconds out when they are zero.
FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
ALL = ("", "All tenants")


class AnnouncementForm(FlaskForm):
    """Times are the person's own; without a start it holds at once, without an end until it is ended."""

    message = StringField(
        "Message",
        [
            DataRequired("Say what is done and what people notice."),
            Length(max=LONGEST_MESSAGE, message=f"At most {LONGEST_MESSAGE} characters."),
        ],
        description="Shown at the top of every page, also to suppliers who answer a request.",
    )
    tenant = SelectField("For", validate_choice=False)
    read_only = BooleanField(
        "Read-only", description="PostgreSQL refuses every change; people keep what they have typed."
    )
    starts_at = DateTimeLocalField(
        "From", [Optional()], format=FORMATS, description="At once when left out. Announced a day ahead."
    )
    ends_at = DateTimeLocalField(
        "Until", [Optional()], format=FORMATS, description="Until somebody ends it when left out."
    )

    def offer(self) -> None:
        """Fill the picker."""
        self.tenant.choices = [ALL, *((tenant.slug, tenant.name) for tenant in tenancy.known_tenants())]

    def validate_tenant(self, field: SelectField) -> None:
        """One that is not there (any more) must not turn into all."""
        known = {tenant.slug for tenant in tenancy.known_tenants()}
        if field.data and field.data not in known:
            raise ValidationError("There is no such tenant.")

    def moment(self, typed: datetime | None) -> datetime | None:
        """A typed time in the zone of the person who typed it."""
        return typed.replace(tzinfo=viewer_zone()) if typed else None
