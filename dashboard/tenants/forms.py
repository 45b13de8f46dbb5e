"""The form that creates a tenant."""

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import AnyOf, DataRequired, Length, Optional, Regexp, ValidationError

from dashboard.tenancy import queries as tenancy

HOST = r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"


def _plain(typed: str | None) -> str | None:
    """Host names know no case, and blanks around one are a slip."""
    return typed.strip().lower() if typed else typed


class TenantForm(FlaskForm):
    """Name, and optionally the short name and the domain."""

    name = StringField("Name", [DataRequired("A tenant needs a name."), Length(max=120)])
    slug = StringField(
        "Short name",
        [
            Optional(),
            Regexp(
                "^[a-z][a-z0-9-]{0,39}$", message="Lower-case letters, digits and hyphens; a letter first."
            ),
        ],
        description="Used in addresses; made from the name when left out.",
    )
    domain = StringField(
        "Domain",
        [Optional(), Regexp(HOST, message="A host name such as erp.example.com.")],
        filters=[_plain],
        description="The host name that leads here; <short name>.localhost when left out.",
    )

    def validate_name(self, field: StringField) -> None:
        """Two tenants of one name could not be told apart in the switcher."""
        name = " ".join((field.data or "").split()).casefold()
        if any(tenant.name.casefold() == name for tenant in tenancy.known_tenants()):
            message = "There is a tenant of this name already."
            raise ValidationError(message)


class DomainForm(FlaskForm):
    """A host name and what to do with it."""

    host = StringField(
        "Host name",
        [
            DataRequired("Give a host name."),
            Regexp(HOST, message="A host name such as erp.example.com."),
        ],
        filters=[_plain],
    )
    action = StringField("Action", [AnyOf(["add", "make_primary", "remove"])])
