"""Owns small pictures of images: decoded within bounds and drawn anew, so that no upload is shown as is."""

import io
import warnings
from typing import BinaryIO

from PIL import Image, ImageOps

from dashboard.core.caching import caches
from dashboard.files.kinds import IMAGES

EDGE = 320
"""Longest edge of a preview in pixels."""
MAX_PIXELS = 40_000_000
"""More is not decoded: 40 million pixels are 160 MB of memory."""
MEDIA_TYPE = "image/webp"
LIFETIME_SECONDS = 7 * 86_400
NO_PREVIEW = b"-"


def has_preview(content_type: str) -> bool:
    """Whether a type of file may have one."""
    return content_type in IMAGES


def draw(stream: BinaryIO, content_type: str) -> bytes:
    """Return a small WebP of an image; empty for what is no image, damaged or too large to decode."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS is stricter
            with Image.open(stream, formats=(IMAGES[content_type],)) as image:
                return _shrink(image)
    except Exception:  # noqa: BLE001  # Pillow raises many kinds for broken files; none is worth a page
        return b""


def _shrink(image: Image.Image) -> bytes:
    image.draft("RGB", (EDGE * 2, EDGE * 2))  # a JPEG is decoded small at once
    if image.width * image.height > MAX_PIXELS:
        return b""
    small: Image.Image = image.convert("RGBA" if _is_translucent(image) else "RGB")
    small.thumbnail((EDGE, EDGE))
    upright = ImageOps.exif_transpose(small)
    target = io.BytesIO()
    upright.save(target, "WEBP", quality=80, exif=b"")
    return target.getvalue()


def _is_translucent(image: Image.Image) -> bool:
    return image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info


def remembered(sha256: str) -> bytes | None:
    """A preview drawn before, empty bytes where there can be none; None where nobody has tried."""
    found = caches.default.get(f"preview:{sha256}")
    return (b"" if found == NO_PREVIEW else found) if isinstance(found, bytes) else None


def remember(sha256: str, preview: bytes) -> None:
    """Keep a preview in the cache of the tenant."""
    caches.default.set(f"preview:{sha256}", preview or NO_PREVIEW, LIFETIME_SECONDS)
