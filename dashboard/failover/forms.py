"""The forms of failover: each change asks on a page of its own why it is made."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, TextAreaField
from wtforms.validators import DataRequired, Length

from dashboard.failover.providers import PROMOTE, SWITCH_OVER, Provider

LONGEST = 500


def _trimmed(typed: str | None) -> str | None:
    return " ".join(typed.split()) if typed else typed


class ReasonForm(FlaskForm):
    """Why; it is kept as evidence."""

    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why: it is kept as evidence."), Length(max=LONGEST)],
        filters=[_trimmed],
        description="Kept with the evidence for ever.",
    )

    def options(self) -> dict[str, bool]:
        """What the job is told beside target and reason."""
        return {}


class SwitchOverForm(ReasonForm):
    """Whether a backup follows."""

    backup = BooleanField(
        "Back up the new primary",
        default=True,
        description="Backups of before stay good; a full one of the new timeline makes a restore shorter.",
    )

    def options(self) -> dict[str, bool]:
        """The backup."""
        return {"backup": bool(self.backup.data)}


class PromoteForm(SwitchOverForm):
    """Whether a loss that could be avoided is taken."""

    despite_loss = BooleanField(
        "Take this one although another standby has more",
        description="Otherwise the promotion is refused when another standby has received more.",
    )

    def options(self) -> dict[str, bool]:
        """Both."""
        return super().options() | {"despite_loss": bool(self.despite_loss.data)}


def form_of(provider: Provider, action: str) -> ReasonForm:
    """Return the form of an action; what Patroni decides itself is not asked."""
    kinds = {SWITCH_OVER: SwitchOverForm, PROMOTE: PromoteForm} if provider.key == "streaming" else {}
    return kinds.get(action, ReasonForm)()
