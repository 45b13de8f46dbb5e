"""Small pictures: drawn anew, upright, and only of what can be decoded."""

import io

import pytest
from PIL import Image

from dashboard.files import previews
from tests.files.conftest import PDF, picture


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF"])
def test_every_kind_of_image_gets_a_small_picture(kind: str) -> None:
    drawn = previews.draw(io.BytesIO(picture(kind, (1600, 800))), f"image/{kind.lower()}")
    with Image.open(io.BytesIO(drawn)) as small:
        assert (small.format, small.size) == ("WEBP", (320, 160))


def test_nothing_hidden_in_the_upload_is_in_the_picture() -> None:
    drawn = previews.draw(io.BytesIO(picture() + b"<script>alert(1)</script>"), "image/png")
    assert drawn
    assert b"script" not in drawn


def test_a_photo_taken_sideways_stands_upright() -> None:
    target = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200)).save(target, "JPEG", exif=exif)
    with Image.open(io.BytesIO(previews.draw(target, "image/jpeg"))) as small:
        assert small.height > small.width


def test_transparent_pictures_stay_transparent() -> None:
    target = io.BytesIO()
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(target, "PNG")
    with Image.open(io.BytesIO(previews.draw(target, "image/png"))) as small:
        assert small.mode == "RGBA"


@pytest.mark.parametrize("data", [b"", PDF, picture()[:60], picture("JPEG")[:40]])
def test_what_cannot_be_decoded_has_none(data: bytes) -> None:
    assert previews.draw(io.BytesIO(data), "image/png") == b""


def test_only_images_may_have_one() -> None:
    assert previews.has_preview("image/jpeg")
    assert not previews.has_preview("image/svg+xml")
    assert not previews.has_preview("application/pdf")
