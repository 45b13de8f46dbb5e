"""Owns download links: signed, for one person, one file and a few minutes."""

from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from dashboard.core.errors import ForbiddenError

SALT = "steward.files.download"
GONE = "Go back to the record and ask for the file again."


@dataclass(frozen=True)
class Pass:
    """What a link says: which file of which tenant, for whom."""

    tenant: str
    attachment_id: int
    person: str


def sign(given: Pass) -> str:
    """Make the token of a link."""
    return _signer().dumps([given.tenant, given.attachment_id, given.person])


def read(token: str, lifetime: int) -> Pass:
    """Read a token not older than `lifetime` seconds. Raises ForbiddenError."""
    try:
        tenant, attachment_id, person = _signer().loads(token, max_age=lifetime)
    except SignatureExpired as error:
        raise ForbiddenError("This link to a file has expired.", fix=GONE) from error
    except (BadSignature, ValueError) as error:
        raise ForbiddenError("This link to a file is not valid.", fix=GONE) from error
    return Pass(str(tenant), int(attachment_id), str(person))


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt=SALT)
