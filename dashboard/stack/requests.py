"""Wishes to a running stack (`stop dr`, `start dr`), left as files in its data folder."""

from pathlib import Path

WISHES = ("stop", "start")


class Requests:
    """The folder of wishes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, wish: str) -> None:
        """Leave a wish for one child."""
        (self.folder / f"{name}.{wish}").touch()

    def take(self, name: str) -> str | None:
        """Return the wish for a child, once."""
        for wish in WISHES:
            path = self.folder / f"{name}.{wish}"
            if path.exists():
                path.unlink(missing_ok=True)
                return wish
        return None

    def clear(self) -> None:
        """Forget wishes to a stack that has ended."""
        for wish in WISHES:
            for path in self.folder.glob(f"*.{wish}"):
                path.unlink(missing_ok=True)
