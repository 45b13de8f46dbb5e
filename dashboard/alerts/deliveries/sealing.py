"""Seals what a route must not show: addresses and secrets, with a key made from STEWARD_SECRET_KEY."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken

from dashboard.core.errors import UnavailableError

PURPOSE = b"steward: routes of alerts"


def seal(text: str, secret_key: str) -> str:
    """Return the text so that only this installation can read it; '' stays ''."""
    return _fernet(secret_key).encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str, secret_key: str) -> str:
    """Return what was sealed. Raises UnavailableError when the key is another one now."""
    try:
        return _fernet(secret_key).decrypt(sealed.encode()).decode() if sealed else ""
    except InvalidToken as error:
        raise UnavailableError(
            "route",
            "What is stored of this route was sealed with another STEWARD_SECRET_KEY.",
            fix="Enter its address and its secret anew.",
        ) from error


def _fernet(secret_key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hmac.digest(secret_key.encode(), PURPOSE, hashlib.sha256().name)))
