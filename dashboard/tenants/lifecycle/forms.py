"""The forms of a tenant's life; each action asks on a page of its own."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, TextAreaField
from wtforms.validators import DataRequired, Email, Length, Optional, Regexp
from wtforms.widgets import ColorInput

from dashboard.tenancy.models import TenantRef
from dashboard.tenants.forms import HOST
from dashboard.tenants.lifecycle import queries
from dashboard.tenants.service import slug_of

SLUG = "^[a-z][a-z0-9-]{0,39}$"
SLUG_RULE = "Lower-case letters, digits and hyphens; a letter first; 40 at most."


def _trimmed(typed: str | None) -> str | None:
    return " ".join(typed.split()) if typed else typed


def _plain(typed: str | None) -> str | None:
    return typed.strip().lower() if typed else typed


class AskForm(FlaskForm):
    """Nothing but the question."""

    def fill(self, tenant: TenantRef) -> None:
        """Propose what holds now."""

    def arguments(self, _tenant: TenantRef) -> dict[str, Any]:
        """What the job is told beside the tenant."""
        return {}


class ReasonForm(AskForm):
    """Why; people who come by are told."""

    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why: it is shown to people who open one of its pages."), Length(max=500)],
        filters=[_trimmed],
        description="Shown to people who open one of its pages, and kept in the log.",
    )

    def arguments(self, _tenant: TenantRef) -> dict[str, Any]:
        """The reason."""
        return {"reason": self.reason.data}


class DeleteForm(ReasonForm):
    """Why; it has no pages afterwards on which anybody could be told."""

    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why: it is kept in the log."), Length(max=500)],
        filters=[_trimmed],
        description="Kept in the log. Who opens one of its pages is told that there is no such tenant.",
    )


class RenameForm(AskForm):
    """Everything a tenant is called by."""

    name = StringField("Name", [DataRequired("A tenant needs a name."), Length(max=120)], filters=[_trimmed])
    slug = StringField(
        "Short name",
        [DataRequired("Give a short name."), Regexp(SLUG, message=SLUG_RULE)],
        filters=[_plain],
        description="Used in addresses; old ones lead on for 90 days, and nobody else gets it meanwhile.",
    )
    owner_email = StringField(
        "Owner's e-mail",
        [Optional(), Email("An e-mail address such as owner@example.com."), Length(max=254)],
        filters=[_plain],
        description="Who answers for it at the customer's side.",
    )
    colour = StringField(
        "Colour",
        [Regexp("^#[0-9a-f]{6}$", message="A colour such as #2563eb.")],
        filters=[_plain],
        widget=ColorInput(),
        description="Marks its pages, so that nobody works in the wrong tenant.",
    )
    domain = StringField(
        "Primary domain",
        [Optional(), Regexp(HOST, message="A host name such as erp.example.com.")],
        filters=[_plain],
        description="The host name that leads here.",
    )
    keep_domain = BooleanField("Keep the domain it had, as a second one", default=True)

    def fill(self, tenant: TenantRef) -> None:
        """What it is called now."""
        row = queries.get_row(tenant.id)
        self.name.data, self.slug.data, self.colour.data = row.name, row.slug, row.colour
        self.owner_email.data, self.domain.data = row.owner_email, queries.primary_host(tenant.id)

    def arguments(self, tenant: TenantRef) -> dict[str, Any]:
        """The names, and which tenant it is whatever it is called when the job runs."""
        fields = (self.name, self.slug, self.owner_email, self.colour, self.domain, self.keep_domain)
        names = {field.name: field.data if field.data is not None else "" for field in fields}
        return {"tenant_id": tenant.id, "names": names}


class CloneForm(AskForm):
    """What the new tenant is called and what it takes along."""

    name = StringField("Name", [DataRequired("A tenant needs a name."), Length(max=120)], filters=[_trimmed])
    new_slug = StringField(
        "Short name",
        [Optional(), Regexp(SLUG, message=SLUG_RULE)],
        filters=[_plain],
        description="Made from the name when left out.",
    )
    with_data = BooleanField(
        "With its records, their history and the uploaded files",
        description="As of one moment. Without: empty tables, as a new tenant has them.",
    )
    open_at_once = BooleanField(
        "Open it at once",
        description="A copy with records sends their waiting mails and reminders to real suppliers, "
        "as the original does. Left out, it is suspended until somebody resumes it.",
    )

    def fill(self, tenant: TenantRef) -> None:
        """A name that says where it comes from."""
        self.name.data = f"{tenant.name} copy"

    def arguments(self, _tenant: TenantRef) -> dict[str, Any]:
        """The new names and the choices."""
        name = self.name.data or ""
        return {
            "name": name,
            "new_slug": self.new_slug.data or slug_of(name),
            "with_data": bool(self.with_data.data),
            "open_at_once": bool(self.open_at_once.data),
        }
