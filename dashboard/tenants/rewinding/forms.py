"""The form that begins a rewind: which tenant, and to when."""

from datetime import datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, SelectField
from wtforms.validators import InputRequired

from dashboard.core.filters import viewer_zone
from dashboard.tenancy.models import TenantRef

# Browsers leave the seconds out when they are zero.
FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.%f"]
PICKER = "%Y-%m-%dT%H:%M:%S"


class RewindForm(FlaskForm):
    """Times are the person's own; the page says from when until when one may choose."""

    tenant = SelectField("Tenant", [InputRequired("Choose a tenant.")], validate_choice=False)
    at = DateTimeLocalField("As of", [InputRequired("Say as of when.")], format=FORMATS)

    def offer(self, tenants: list[TenantRef]) -> None:
        """Fill the picker."""
        named = [(tenant.slug, tenant.name) for tenant in tenants]
        self.tenant.choices = [("", "Choose a tenant"), *named]

    @property
    def moment(self) -> datetime:
        """The chosen time in the zone of the person who chose it."""
        typed: datetime | None = self.at.data
        if typed is None:
            raise LookupError("the form was not validated")
        return typed.replace(tzinfo=viewer_zone())


def bounds(window: dict[str, Any]) -> dict[str, str]:
    """The first and last moment of the picker, as the person's clock shows them."""
    found = {"min": window.get("from_at"), "max": window.get("until_at")}
    return {name: at.astimezone(viewer_zone()).strftime(PICKER) for name, at in found.items() if at}
