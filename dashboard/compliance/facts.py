"""What checks are given: time, configuration, readings and settings, each read once a round."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from dashboard.core.config import Settings
from dashboard.health.models import Reading
from dashboard.health.queries import get_reading, list_readings
from dashboard.settings.queries import Held, list_settings

_asked: set[str] = set()  # what rounds of this process asked for: the next one reads all of it at once


class Facts:
    """One round of judging. Reads the control database only, and nothing twice."""

    def __init__(self, config: Settings, now: datetime | None = None) -> None:
        self.config = config
        self.now = now or datetime.now(UTC)

    @cached_property
    def _readings(self) -> dict[str, Reading | None]:
        return dict.fromkeys(_asked) | dict(list_readings(_asked))

    @cached_property
    def _settings(self) -> Mapping[str, Held]:
        return {held.definition.key: held for held in list_settings()}

    def setting(self, key: str) -> Held:
        """A setting with its owner."""
        return self._settings[key]

    def value(self, key: str) -> Any:
        """What a setting says now."""
        return self._settings[key].value

    def days(self, key: str) -> timedelta:
        """A setting that counts days."""
        return timedelta(days=int(self.value(key)))

    def reading(self, key: str) -> Reading | None:
        """What a probe read last, if it ever did."""
        if key not in self._readings:
            _asked.add(key)
            self._readings[key] = get_reading(key)
        return self._readings[key]

    def age(self, moment: datetime) -> timedelta:
        """How long ago something was."""
        return self.now - moment
