"""The forms of promises: attesting what no server shows, and ticking a step of the checklist."""

from io import BytesIO
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import BooleanField, DateField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from dashboard.compliance.attested import Document, Statement
from dashboard.files.kinds import check_kind

KINDS = frozenset({"application/pdf", "image/png", "image/jpeg", "text/plain", "message/rfc822"})


class StatementForm(FlaskForm):
    """What somebody answers for, by which source, and until when it counts."""

    statement = TextAreaField(
        "What is true",
        validators=[InputRequired("Write what is true."), Length(max=2000)],
        description="As the source says it: which disks, which method, whose keys.",
    )
    source = StringField(
        "Source",
        validators=[InputRequired("Name the source."), Length(max=500)],
        description="Who said so, and in which document or ticket it stands.",
    )
    stated_on = DateField(
        "Stated on", validators=[InputRequired("Enter the day.")], description="The day of the source."
    )
    expires_on = DateField(
        "Counts until",
        validators=[InputRequired("Enter the day.")],
        description="Then somebody must look again. A month before, the promise is at risk.",
    )
    document = FileField(
        "File", description="Optional: PDF, picture, text or mail, up to 2 MiB; kept for ever, with its hash."
    )

    def fill_in(self, promise: str) -> Statement:
        """Return what was written. Raises InvalidInputError for a file that is none of the allowed kinds."""
        assert self.stated_on.data and self.expires_on.data  # noqa: S101, PT018  # for the type checker
        return Statement(
            promise,
            self.statement.data or "",
            self.source.data or "",
            self.stated_on.data,
            self.expires_on.data,
            _document(self.document.data),
        )


def _document(upload: Any) -> Document | None:
    if not upload or not upload.filename:
        return None
    content = upload.read()
    name, kind = check_kind(upload.filename, BytesIO(content), KINDS)
    return Document(name, kind, content)


class TickForm(FlaskForm):
    """A step that nobody but a person can see."""

    is_done = BooleanField("Done")
    note = StringField("Where it is written", validators=[Length(max=500)])
