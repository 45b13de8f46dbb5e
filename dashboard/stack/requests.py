"""Wishes to a running stack (`stop dr`, `start dr`, `restart web`), left as files in its data folder."""

from pathlib import Path

WISHES = ("stop", "start", "restart")
ANSWER = "restarted"


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

    def answer(self, name: str) -> None:
        """Say that a child was restarted."""
        (self.folder / f"{name}.{ANSWER}").touch()

    def take_answer(self, name: str) -> bool:
        """Whether a child was restarted since this was asked before."""
        path = self.folder / f"{name}.{ANSWER}"
        answered = path.exists()
        path.unlink(missing_ok=True)
        return answered

    def clear(self) -> None:
        """Forget wishes to a stack that has ended."""
        for wish in (*WISHES, ANSWER):
            for path in self.folder.glob(f"*.{wish}"):
                path.unlink(missing_ok=True)
