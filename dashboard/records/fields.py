"""Owns the form field of each kind of column: reading what was typed, refusing what cannot be stored."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

import sqlalchemy as sa
from markupsafe import Markup
from wtforms import BooleanField, Field, Form, SelectField, StringField, TextAreaField
from wtforms.fields.choices import Choice, SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import Optional, StopValidation
from wtforms.widgets import html_params

from dashboard.core.filters import viewer_zone
from dashboard.records.columns import LABEL_NAMES, Column, Kind
from dashboard.records.values import NUL, ValueInvalidError, parse

NAME_LIMIT, TEXT_LIMIT = 200, 10_000
DOCUMENT_LIMIT = 100_000
MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%S"


def no_nul(_form: Form, field: Field) -> None:
    """Refuse NUL, which PostgreSQL cannot store."""
    if NUL in (field.data or ""):
        raise StopValidation("This text contains a character that cannot be stored (NUL).")


def _stripped(text: str | None) -> str | None:
    return text.strip() if text and NUL not in text else text


class ShortTextField(StringField):
    """One line of text; blank is no value where the column allows none."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Strip blanks around the text."""
        super().process_formdata(valuelist)
        self.data = _stripped(self.data) or None


class LongTextField(TextAreaField):
    """Several lines of text."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Strip blanks around the text and use one kind of line end."""
        super().process_formdata(valuelist)
        self.data = (_stripped(self.data) or "").replace("\r\n", "\n") or None


class ParsedField(StringField):
    """A field whose text the column's reader turns into a value."""

    data: Any

    def __init__(self, *args: Any, column: Column, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.column = column

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the value; what cannot be read stays in the field beside its message."""
        if not valuelist:
            return
        text = valuelist[0].strip()
        self.data = None
        if text:
            try:
                self.data = parse(self.column, text)
            except ValueInvalidError as error:
                raise ValueError(str(error)) from None

    def __call__(self, **attributes: Any) -> Any:
        """Render it; what no date or number input could show is in a plain one."""
        if self.errors and not isinstance(self.widget, ReferenceWidget):
            attributes.setdefault("type", "text")
        return super().__call__(**attributes)

    @property
    def text(self) -> str:
        """What the input holds: what was typed, else the stored value."""
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.shown(self.data)

    def _value(self) -> str:
        return self.text

    def shown(self, value: Any) -> str:
        """Text of a stored value in the input."""
        if isinstance(value, Decimal):
            text = f"{value:f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        return str(value)


class MomentField(ParsedField):
    """Date and time in the viewer's zone; an untouched field keeps the stored microseconds."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Keep the stored value when the text is the one shown for it."""
        stored = self.object_data
        text = valuelist[0].strip() if valuelist else ""
        if isinstance(stored, datetime) and text and self.shown(stored).startswith(text):
            self.data = stored
            return
        super().process_formdata(valuelist)

    def shown(self, value: datetime) -> str:
        """Local time as the browser's input wants it."""
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(viewer_zone()).strftime(MOMENT_FORMAT)


class DocumentField(LongTextField):
    """JSON as text."""

    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read JSON; PostgreSQL stores no NUL in it either."""
        super().process_formdata(valuelist)
        if self.data is None:
            self.data = {}
            return
        if len(self.data) > DOCUMENT_LIMIT:
            raise ValueError(f"At most {DOCUMENT_LIMIT:,} characters can be stored here.")
        try:
            value = json.loads(self.data)
        except (ValueError, RecursionError):
            raise ValueError("This is not valid JSON.") from None
        if "\\u0000" in json.dumps(value):
            raise ValueError("This text contains a character that cannot be stored (NUL).")
        self.data = value

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data in (None, {}) else json.dumps(self.data, ensure_ascii=False, indent=2)


class ReferenceWidget:
    """A select with the chosen record only; the picker's script searches for the rest."""

    validation_attrs = ("required",)

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        """Render it; the label is escaped."""
        attributes.setdefault("id", field.id)
        if field.flags.required:
            attributes.setdefault("required", True)
        value = field.text
        chosen = Markup('<option value="{}" selected>{}</option>').format(
            value, field.label_text or f"#{value}"
        )
        # html_params escapes the attributes.
        opening = Markup(f"<select {html_params(name=field.name, **attributes)}>")  # noqa: S704
        return (
            opening + Markup('<option value=""></option>') + (chosen if value else "") + Markup("</select>")
        )


class ReferenceSelectField(ParsedField):
    """A picker of another record: the id is posted, the label is looked up to show the form."""

    widget = ReferenceWidget()
    label_text = ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read the id; a text stays as it is and asks to be chosen from the list."""
        text = valuelist[0].strip() if valuelist else ""
        if text and not re.fullmatch(r"[+-]?\d+", text):
            self.data, self.label_text = None, text
            raise ValueError(f"“{text[:100]}” was not found: choose one of the list.")
        super().process_formdata(valuelist)


class ChoiceField(SelectField):
    """One of a column's words; blank is no value."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Blank means no value."""
        super().process_formdata(valuelist)
        self.data = self.data or None

    def iter_choices(self) -> Iterator[Any]:
        """The choices, and a word that is none of them as it was typed."""
        yield from super().iter_choices()
        typed = self.raw_data[0] if self.raw_data else ""
        if typed and typed not in {choice.value for choice in cast("list[Any]", self.choices)}:
            yield Choice(typed, typed, selected=True, render_kw={})

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms calls it so
        """Refuse a word that is none of the choices."""
        choices: Any = self.choices
        if self.data is not None and self.data not in {choice.value for choice in choices}:
            raise StopValidation("Choose one of the listed values.")


class Required:
    """Demand a value; text that could not be read already has its message."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __call__(self, _form: Form, field: Field) -> None:
        """Check a field."""
        if field.data in (None, "") and not field.process_errors:
            raise StopValidation("This is required.")


class WithinColumn:
    """Refuse a number that its NUMERIC(p, s) column cannot hold exactly."""

    def __init__(self, precision: int, scale: int) -> None:
        self.limit = Decimal(10) ** (precision - scale)
        self.scale = scale

    def __call__(self, _form: Form, field: Field) -> None:
        """Check a field."""
        value = field.data
        if value is None:
            return
        if abs(value) >= self.limit:
            raise StopValidation(f"This is too large; at most {self.limit - 1:,.0f} fits.")
        if value != round(value, self.scale):
            raise StopValidation(f"At most {self.scale} decimals can be stored.")


def make_field(column: Column, **attributes: Any) -> Any:
    """Make the unbound field of a column."""
    required = _required(column)
    validators: list[Any] = [Required() if required else Optional(strip_whitespace=False)]
    kind = column.kind
    options: dict[str, Any] = {"label": column.label, "validators": validators, "render_kw": attributes}
    options["description"] = str(column.column.info.get("help", ""))
    if kind is not Kind.REFERENCE and (given := _default(column)) is not None:
        options["default"] = given
    if kind is Kind.BOOLEAN:
        return BooleanField(**options | {"validators": []})
    if kind is Kind.CHOICE:
        words = column.choices if required else (("", "\N{EN DASH}"), *column.choices)
        choices = [SelectChoice(value, label) for value, label in words]
        return ChoiceField(**options, choices=choices, validate_choice=False)
    if kind is Kind.DOCUMENT:
        options["render_kw"] = {"data-document": ""} | attributes
        return DocumentField(**options | {"validators": []})
    if kind in {Kind.TEXT, Kind.LONG_TEXT}:
        return _text(column, options)
    return _parsed(column, options)


def text_limit(column: Column) -> int:
    """How many characters a text may have: what its column holds, and never more than people can read."""
    length: int | None = getattr(column.column.type, "length", None)
    limit = NAME_LIMIT if column.key in LABEL_NAMES and column.kind is Kind.TEXT else TEXT_LIMIT
    return min(length, limit) if length else limit


class AtMost:
    """Refuse a text that is too long; one that was stored so before may stay."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # not as maxlength: a browser would cut off what is pasted, unsaid

    def __call__(self, _form: Form, field: Field) -> None:
        """Check a field."""
        count = len(field.data or "")
        if count > self.limit and field.data != field.object_data:
            raise StopValidation(
                f"At most {self.limit:,} characters can be stored here; these are {count:,}."
            )


def _text(column: Column, options: dict[str, Any]) -> Any:
    options["validators"] = [no_nul, *options["validators"], AtMost(text_limit(column))]
    if column.kind is Kind.LONG_TEXT:
        return LongTextField(**options)
    return ShortTextField(**options)


def _parsed(column: Column, options: dict[str, Any]) -> Any:
    kinds = {Kind.MOMENT: MomentField, Kind.REFERENCE: ReferenceSelectField}
    inputs = {Kind.MOMENT: "datetime-local", Kind.DATE: "date", Kind.INTEGER: "number"}
    if column.kind in inputs:
        options["render_kw"] = {"type": inputs[column.kind]} | options["render_kw"]
    if column.kind is Kind.MOMENT:
        options["render_kw"]["step"] = "1"
    if column.kind is Kind.DECIMAL:
        options["render_kw"] = {"inputmode": "decimal"} | options["render_kw"]
        if isinstance(column.column.type, sa.Numeric) and column.column.type.precision:
            scale = column.column.type.scale or 0
            options["validators"].append(WithinColumn(column.column.type.precision, scale))
    return kinds.get(column.kind, ParsedField)(column=column, **options)


def _required(column: Column) -> bool:
    """Whether a value must be given: the column takes none as none, and the database would not fill it in."""
    plain = column.column
    filled_in = plain.default is None and plain.server_default is not None
    return not plain.nullable and not filled_in and column.kind is not Kind.DOCUMENT


def _default(column: Column) -> Any:
    default = column.column.default
    value = getattr(default, "arg", None) if getattr(default, "is_scalar", False) else None
    return getattr(value, "value", value)
