"""Passwords: argon2id hashes and what makes one acceptable."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12
MAX_LENGTH = 256  # argon2 reads all of it, so that an endless one would cost an endless time
MIN_DIFFERENT_CHARACTERS = 5
# Long enough for the length rule and still tried first by everyone who guesses.
COMMON = frozenset(
    {
        "112233445566",
        "123456123456",
        "123456789012",
        "1234567890123",
        "12345678901234",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "1qaz2wsx3edc4rfv",
        "abc123456789",
        "abcd12345678",
        "abcdefghijkl",
        "abcdefghijklm",
        "admin1234567",
        "adminadminadmin",
        "administrator",
        "administrator1",
        "asdfghjkl123",
        "changechange",
        "changeme1234",
        "changemenow1",
        "correcthorsebatterystaple",
        "dragondragon",
        "football1234",
        "iloveyou1234",
        "letmein12345",
        "letmeinletmein",
        "monkeymonkey",
        "mypassword123",
        "mysecretpassword",
        "p@ssw0rd1234",
        "passw0rd1234",
        "password1234",
        "password12345",
        "password123456",
        "password2024",
        "password2025",
        "password2026",
        "passwordpassword",
        "postgres1234",
        "postgrespostgres",
        "princess1234",
        "qwerty123456",
        "qwerty1234567",
        "qwertyuiop123",
        "qwertyuiop[]",
        "qwertyuiopas",
        "secretsecret",
        "steward12345",
        "stewardsteward",
        "sunshine1234",
        "superpassword",
        "trustno1trustno1",
        "welcome12345",
        "welcome123456",
        "zaq12wsxcde3",
        "zxcvbnm12345",
    }
)

_hasher = PasswordHasher()  # argon2id with RFC 9106's low-memory profile: 64 MiB, 3 passes
# Verified in place of a hash that does not exist, so that an unknown account takes as long as a known one.
_NOBODY = _hasher.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """Hash with argon2id."""
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password fits; takes the same time when there is no hash."""
    try:
        return _hasher.verify(password_hash or _NOBODY, password[:MAX_LENGTH]) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def needs_new_hash(password_hash: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(password_hash)


def find_weakness(password: str, email: str) -> str:
    """Return what is wrong with a new password, or an empty string."""
    plain = password.casefold().strip()
    local_part = email.casefold().split("@")[0]
    if len(password) < MIN_LENGTH:
        return f"Use at least {MIN_LENGTH} characters. A short sentence is easy to remember."
    if len(password) > MAX_LENGTH:
        return f"Use at most {MAX_LENGTH} characters."
    if plain in COMMON or len(set(plain)) < MIN_DIFFERENT_CHARACTERS:
        return "This password is among the first that are guessed. Choose another."
    if plain == email.casefold() or (len(local_part) >= 4 and local_part in plain):
        return "Do not use your e-mail address in the password."
    return ""


def generate_password() -> str:
    """Return a random password of 24 characters."""
    return secrets.token_urlsafe(18)
