"""Owns the signed links of invited suppliers: tenant, invitation, and a serial that can be voided.

A link does not carry its end: it ends some days after the deadline, which may be put off after mailing.
"""

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from itsdangerous import BadSignature, URLSafeSerializer

from dashboard.core.config import get_settings

GRACE = timedelta(days=30)
PATH = "/s/"


@dataclass(frozen=True)
class Link:
    """What a genuine link says."""

    tenant_id: int
    invitation_id: int
    serial: int


def make(link: Link) -> str:
    """The address to mail. The secret is in the query string, since logs keep paths only."""
    return f"{get_settings().url}{PATH}?key={token_of(link)}"


def token_of(link: Link) -> str:
    """The signed secret of a link."""
    return str(_signer().dumps([link.tenant_id, link.invitation_id, link.serial]))


def read(token: str) -> Link | None:
    """What a link says; None where it was not made here."""
    try:
        tenant_id, invitation_id, serial = _signer().loads(token)
        return Link(int(tenant_id), int(invitation_id), int(serial))
    except (BadSignature, ValueError, TypeError):
        return None


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(
        get_settings().secret_key, salt="supplier-link", signer_kwargs={"digest_method": sha256}
    )
