"""Owns how a file's name is made safe to store, to show and to send."""

import re
import secrets
import unicodedata

MAX_NAME = 150
_SEPARATORS = re.compile(r"[/\\]+")
_RESERVED = re.compile(r'[<>:"|?*]')
_SPACES = re.compile(r"\s+")


def clean_name(name: str) -> str:
    r"""Keep what people read of a name: no folders, no control or direction characters, at most 150 long.

    `../../etc/passwd` → passwd; `invoice\u202egnp.exe` → invoicegnp.exe.
    """
    last = _SEPARATORS.split(unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()))[-1]
    # Cc control, Cf direction overrides and joiners, Cs halves of characters, Co private, Cn undefined
    kept = "".join(letter for letter in last if not unicodedata.category(letter).startswith("C"))
    tidy = _SPACES.sub(" ", _RESERVED.sub("_", kept)).strip(" .")
    stem, dot, extension = tidy.rpartition(".")
    if dot and len(extension) <= 10:
        return f"{stem[: MAX_NAME - len(extension) - 1] or 'file'}.{extension}"
    return tidy[:MAX_NAME] or "file"


def extension_of(name: str) -> str:
    """The extension in small letters without its dot, empty where there is none."""
    _stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot else ""


def new_key(prefix: str) -> str:
    """A random key below a tenant's prefix, spread over 256 folders."""
    word = secrets.token_hex(16)
    return f"{prefix}/{word[:2]}/{word}"
