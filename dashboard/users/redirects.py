"""Where to go after logging in: only to pages of this site."""

from urllib.parse import urlsplit


def own_path(target: str | None, default: str = "/") -> str:
    r"""Return the target when it is a plain path of this site, else the default.

    Browsers read `//host`, `/\host` and addresses with control characters as other sites.
    """
    if not target or not target.startswith("/") or target.startswith("//"):
        return default
    if "\\" in target or any(ord(character) < 32 or ord(character) == 127 for character in target):
        return default
    try:
        parts = urlsplit(target)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else target
