"""Owns languages: how they are written, what they are called, which ones a tenant works in."""

import re
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.core.db import TenantModel
from dashboard.core.errors import InvalidInputError
from dashboard.translations.models import ContentTranslation

RIGHT_TO_LEFT = "rtl"
_SHAPE = re.compile(r"[a-z]{2,3}([-_][a-z0-9]+)*", re.IGNORECASE)
MAX_LENGTH = 20


def parse(text: str) -> str:
    """Write a language one way: `PT_br` → pt-BR. Raises InvalidInputError for what is none."""
    text = text.strip()
    if len(text) > MAX_LENGTH or not _SHAPE.fullmatch(text):
        raise InvalidInputError("Choose a language from the list.", fields={"language": "Choose a language."})
    try:
        locale = Locale.parse(text.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as error:
        raise InvalidInputError(
            f"“{text}” is not a language Steward knows.", fix="Choose one from the list."
        ) from error
    return "-".join(part for part in (locale.language, locale.script, locale.territory) if part)


def base(language: str) -> str:
    """The language without script and region: `pt-BR` → pt."""
    return re.split(r"[-_]", language)[0].lower()


def chain(language: str) -> tuple[str, ...]:
    """Where to look for a text, best first: `pt-BR` → pt-BR, pt."""
    parts = language.replace("_", "-").split("-")
    return tuple("-".join(parts[:count]) for count in range(len(parts), 0, -1))


@lru_cache(maxsize=512)
def name_of(language: str) -> str:
    """What a language is called in English; its code where nobody knows."""
    try:
        return Locale.parse(language.replace("-", "_")).get_display_name("en") or language
    except (UnknownLocaleError, ValueError):
        return language


@lru_cache(maxsize=512)
def direction(language: str) -> str:
    """`rtl` or `ltr`, for the field a text is typed in."""
    try:
        return str(Locale.parse(language.replace("-", "_")).text_direction)
    except (UnknownLocaleError, ValueError):
        return "ltr"


@lru_cache(maxsize=1)
def choices() -> tuple[tuple[str, str], ...]:
    """Every language by its name, for the list to add one from."""
    names = Locale("en").languages
    written = ((code, name) for code, name in names.items() if re.fullmatch(r"[a-z]{2,3}", code))
    return tuple(sorted((pair for pair in written if pair[0] not in {"mul", "und", "zxx"}), key=_by_name))


def _by_name(pair: tuple[str, str]) -> str:
    return pair[1].casefold()


def in_use(session: Session) -> list[str]:
    """Languages of the tenant: those of its organizations, and those something was translated into."""
    organization = TenantModel.metadata.tables["organization"]
    locales = session.scalars(
        select(organization.c.locale).where(organization.c.deleted_at.is_(None)).distinct()
    )
    added = session.scalars(select(ContentTranslation.language).distinct())
    return sorted({base(locale) for locale in locales} | set(added))


def source_of(session: Session, org_id: int | None) -> str:
    """The language an organization writes its records in; empty where no organization is named."""
    if org_id is None:
        return ""
    organization = TenantModel.metadata.tables["organization"]
    locale = session.scalar(select(organization.c.locale).where(organization.c.id == org_id))
    return base(locale) if locale else ""


def source_in_sql(locale: object) -> object:
    """`base` in SQL, for a column that holds a locale."""
    return func.lower(func.split_part(func.replace(locale, "_", "-"), "-", 1))
