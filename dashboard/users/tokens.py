"""Secrets handed out to browsers and mailboxes: random, and kept here only as hashes."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return a secret of 256 random bits, safe in a URL."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what is stored. No salt or slow hash: the token itself is random and long."""
    return hashlib.sha256(token.encode()).hexdigest()
