"""Takes values out of SQL and log lines before they are stored: what people typed stays theirs."""

import re

HIDDEN = "?"
_DOLLAR = r"\$(?P<tag>[A-Za-z_]\w*)?\$.*?(?:\$(?P=tag)\$|\Z)"
_DOLLAR_BARE = r"\$\$.*?(?:\$\$|\Z)"
_QUOTED = r"(?:\b[EeBbXxNn]|\b[Uu]&)?'(?:[^'\\]|''|\\.)*(?:'|\Z)"
_NUMBER = r"(?<![\w$.\"])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b"
_LITERALS = re.compile(f"{_DOLLAR_BARE}|{_DOLLAR}|{_QUOTED}|{_NUMBER}", re.DOTALL)
_COMMENTS = re.compile(r"/\*.*?(?:\*/|\Z)|--[^\n]*", re.DOTALL)
_LISTS = re.compile(r"\(\s*\?(?:\s*,\s*\?){2,}\s*\)?")
# PostgreSQL writes names and values in the same quotes: behind a colon, and at a syntax error, it is a
# value.
_VALUES = re.compile(r"(?<=: )\"[^\"]*\"|(?<=at or near )\"[^\"]*\"")
_PASSWORDS = re.compile(
    r"(?i)\b(password|passwd|secret|token|passphrase)(\s*[=:]\s*)('[^']*'|\"[^\"]*\"|\S+)"
)
_URLS = re.compile(r"(\b[\w+.-]+://[^\s:/@]*:)[^\s@]+(@)")


def mask_sql(text: str, longest: int = 300) -> str:
    """Return a statement on one line without literals and comments, cut to `longest` characters."""
    masked = _LITERALS.sub(HIDDEN, _COMMENTS.sub(" ", text))
    masked = _LISTS.sub("(?, …)", " ".join(masked.split()))
    return masked if len(masked) <= longest else masked[: longest - 1] + "…"


def mask_message(text: str, longest: int = 300) -> str:
    """Return a message of the server's log without values, so that equal messages read the same."""
    masked = mask_secrets(_VALUES.sub('"…"', text))
    return mask_sql(masked, longest)


def mask_secrets(text: str) -> str:
    """Blank passwords in connection strings, addresses and commands."""
    return _URLS.sub(r"\1***\2", _PASSWORDS.sub(r"\1\2***", text))
