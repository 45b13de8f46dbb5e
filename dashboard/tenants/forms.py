"""The form that creates a tenant."""

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import AnyOf, DataRequired, Length, Optional, Regexp


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
        [Optional(), Regexp("^[a-z0-9.-]{1,253}$", message="A host name such as erp.example.com.")],
        description="The host name that leads here; <short name>.localhost when left out.",
    )


class DomainForm(FlaskForm):
    """A host name and what to do with it."""

    host = StringField(
        "Host name",
        [
            DataRequired("Give a host name."),
            Regexp("^[a-z0-9.-]{1,253}$", message="A host name such as erp.example.com."),
        ],
    )
    action = StringField("Action", [AnyOf(["add", "make_primary", "remove"])])
