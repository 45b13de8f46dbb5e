"""The forms of plans and runs: where to, the approval, and how a run goes about it."""

from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from dashboard.schema_migrations.fleet.approving import REASON, TYPED, Options
from dashboard.schema_migrations.fleet.running import MAX_WORKERS
from dashboard.schema_migrations.queries import Revision
from dashboard.tenancy.models import TenantRef

MAX_WAVES = 8


class PlanForm(FlaskForm):
    """Where the fleet shall stand."""

    to = SelectField("Bring every schema to", validate_choice=False, default="head")

    def offer(self, revisions: Iterable[Revision]) -> None:
        """Fill the picker, the newest first."""
        older = [SelectChoice(each.id, f"{each.id}: {each.title}") for each in revisions if not each.is_head]
        self.to.choices = [SelectChoice("head", "The head: the newest revision of the code"), *older]


class ApprovalForm(FlaskForm):
    """What is typed before a plan may run."""

    sql_hash = StringField(
        f"First {TYPED} characters of the hash", [InputRequired("Type the hash."), Length(min=TYPED, max=64)]
    )
    note = TextAreaField("Why it may run", [Optional(), Length(max=1000)])


class StartForm(FlaskForm):
    """How a run goes about the fleet."""

    canary = SelectField("Canary, changed first and alone", validate_choice=False)
    waves = StringField(
        "Waves, in per cent of the fleet", [InputRequired("Name the waves.")], default="5, 25, 100"
    )
    workers = IntegerField(
        "Schemas at a time",
        [InputRequired(), NumberRange(1, MAX_WORKERS, f"From 1 to {MAX_WORKERS}.")],
        default=3,
    )
    skip_backup = BooleanField("Without a backup and restore point")
    reason = TextAreaField(
        "Why without a backup",
        [Optional(), Length(max=1000)],
        description=f"At least {REASON} characters; shown in red on this run ever after.",
    )

    def offer(self, tenants: Iterable[TenantRef]) -> None:
        """Fill the picker of canaries."""
        named = [SelectChoice(tenant.slug, tenant.name) for tenant in tenants]
        self.canary.choices = [SelectChoice("", "The smallest tenant"), *named]

    def options(self) -> Options:
        """Return what was chosen. Waves that are no numbers come out as none, which is refused."""
        return Options(self.canary.data or "", shares_of(self.waves.data or ""), self.workers.data or 1)

    @property
    def skipped(self) -> str:
        """The reason for going without a backup; '' with one. A blank reason stays one, to be refused."""
        return (self.reason.data or " ") if self.skip_backup.data else ""


def shares_of(text: str) -> tuple[float, ...]:
    """Read "5, 25, 100" as shares of one; nothing when it cannot be read."""
    try:
        return tuple(float(part.strip().rstrip("%")) / 100 for part in text.split(","))[:MAX_WAVES]
    except ValueError:
        return ()
