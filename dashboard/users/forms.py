"""The forms of login, account and operators."""

from collections.abc import Iterable
from functools import lru_cache
from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    Field,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    ValidationError,
    widgets,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length

from dashboard.core.errors import DashboardError
from dashboard.users.models import EMAIL_LENGTH
from dashboard.users.passwords import MAX_LENGTH, MIN_LENGTH
from dashboard.users.roles import SUMMARIES, Role

ALL_TENANTS = ""
NEW_PASSWORD = {"autocomplete": "new-password", "minlength": str(MIN_LENGTH)}
PASSWORD_HINT = f"At least {MIN_LENGTH} characters. A short sentence is easy to remember and hard to guess."


def strip(value: str | None) -> str | None:
    """Drop blanks around what was typed."""
    return value.strip() if value else value


def typed(field: Field) -> str:
    """What was typed into a field; nothing is an empty string."""
    return field.data or ""


class LoginForm(FlaskForm):
    """Who are you."""

    email = EmailField(
        "E-mail",
        filters=[strip],
        validators=[DataRequired("Enter your e-mail address."), Length(max=EMAIL_LENGTH)],
        render_kw={"autocomplete": "username", "autofocus": True},
    )
    password = PasswordField(
        "Password",
        validators=[InputRequired("Enter your password.")],
        render_kw={"autocomplete": "current-password"},
    )
    remember = BooleanField("Stay logged in on this device for 30 days")


class ForgottenForm(FlaskForm):
    """Ask for a link to set a new password."""

    email = EmailField(
        "E-mail",
        filters=[strip],
        validators=[DataRequired("Enter your e-mail address."), Length(max=EMAIL_LENGTH)],
        render_kw={"autocomplete": "username"},
    )


class SetPasswordForm(FlaskForm):
    """Choose a password, twice."""

    password = PasswordField(
        "New password",
        description=PASSWORD_HINT,
        validators=[InputRequired("Enter a new password."), Length(max=MAX_LENGTH)],
        render_kw=NEW_PASSWORD,
    )
    repeated = PasswordField(
        "New password again",
        validators=[EqualTo("password", "The two passwords differ.")],
        render_kw=NEW_PASSWORD,
    )


class ChangePasswordForm(SetPasswordForm):
    """Choose a new password, proving the current one."""

    current = PasswordField(
        "Current password",
        validators=[InputRequired("Enter your current password.")],
        render_kw={"autocomplete": "current-password"},
    )


class ProfileForm(FlaskForm):
    """What a person says of themselves."""

    name = StringField(
        "Name",
        filters=[strip],
        validators=[DataRequired("Enter your name."), Length(max=200)],
        render_kw={"autocomplete": "name"},
    )
    timezone = SelectField(
        "Time zone", description="Times on all pages are shown in it.", render_kw={"data-picker": True}
    )

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.timezone.choices = [SelectChoice(name, name.replace("_", " ")) for name in zone_names()]


class GrantForm(FlaskForm):
    """One role, for one tenant or for all."""

    role = SelectField("Role", choices=[SelectChoice(role.value, role.label) for role in Role])
    tenant = SelectField("Tenant")

    def __init__(self, tenants: Iterable[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.tenant.choices = [
            SelectChoice(ALL_TENANTS, "All tenants"),
            *(SelectChoice(*pair) for pair in tenants),
        ]

    def validate_tenant(self, field: SelectField) -> None:
        """Refuse a role that would open nothing."""
        if self.role.data == Role.DBA and field.data:
            raise ValidationError("The Database desk is not divided by tenant: grant it for all tenants.")


class InviteForm(FlaskForm):
    """A new operator with first roles."""

    email = EmailField(
        "E-mail",
        filters=[strip],
        validators=[
            DataRequired("Enter an e-mail address."),
            Length(max=EMAIL_LENGTH),
        ],
        render_kw={"autocomplete": "off"},
    )
    name = StringField("Name", filters=[strip], validators=[DataRequired("Enter a name."), Length(max=200)])
    roles = SelectMultipleField(
        "Roles",
        choices=[SelectChoice(role.value, f"{role.label}: {SUMMARIES[role]}") for role in Role],
        widget=widgets.ListWidget(prefix_label=False),
        option_widget=widgets.CheckboxInput(),
        validators=[InputRequired("Choose at least one role.")],
    )
    tenants = SelectMultipleField(
        "Tenants",
        description="Where staff, manager and admin count. Nothing chosen: for all tenants.",
        render_kw={"data-picker": True},
    )

    def __init__(self, tenants: Iterable[tuple[str, str]], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.tenants.choices = [SelectChoice(*pair) for pair in tenants]

    def grants(self) -> list[tuple[str, str | None]]:
        """Every chosen role for every chosen tenant; the DBA's always for all."""
        places: list[str | None] = [*(self.tenants.data or [])] or [None]
        return [(role, place) for role in self.roles.data or [] for place in _places(role, places)]


def _places(role: str, places: list[str | None]) -> list[str | None]:
    return [None] if role == Role.DBA else places


def show_errors(form: FlaskForm, error: DashboardError) -> None:
    """Put what a service refused beside the fields it is about, or above the form."""
    for name, message in error.fields.items():
        if name in form:
            form[name].errors = [*form[name].errors, message]
    if not any(name in form for name in error.fields):
        form.form_errors.append(error.message)


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """IANA names of regions, UTC first."""
    regions = sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/"))
    return ("UTC", *regions)
