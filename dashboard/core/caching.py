"""Owns the named caches. Keys carry the tenant; a lost Redis costs speed, never correctness (CAC-1)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from flask import Flask, g
from flask_caching import Cache
from redis.exceptions import RedisError

from dashboard.core.config import Settings
from dashboard.core.redis_links import open_redis

log = structlog.get_logger()
Value = TypeVar("Value")


@dataclass(frozen=True)
class NamedCache:
    """One cache with its own lifetime in seconds."""

    name: str
    lifetime: int
    backend: Cache = field(default_factory=lambda: Cache(with_jinja2_ext=False))

    def get(self, key: str) -> Any:
        """Return what is cached for the current tenant, or None, also when Redis is away."""
        try:
            return self.backend.get(self._key(key))
        except (RedisError, OSError) as error:
            log.warning("cache_unavailable", cache=self.name, error=str(error))
            return None

    def set(self, key: str, value: Any, lifetime: int | None = None) -> None:
        """Remember a value for the current tenant; silently not, when Redis is away."""
        try:
            self.backend.set(self._key(key), value, timeout=lifetime or self.lifetime)
        except (RedisError, OSError) as error:
            log.warning("cache_unavailable", cache=self.name, error=str(error))

    def get_or(self, key: str, compute: Callable[[], Value], lifetime: int | None = None) -> Value:
        """Return the cached value, else compute and remember it."""
        found: Value | None = self.get(key)
        if found is not None:
            return found
        computed = compute()
        self.set(key, computed, lifetime)
        return computed

    def _key(self, key: str) -> str:
        tenant = getattr(g, "tenant", None)
        return f"{tenant.slug if tenant else '-'}:{key}"


@dataclass(frozen=True)
class Caches:
    """The caches of the product."""

    default: NamedCache = NamedCache("default", 300)
    permissions: NamedCache = NamedCache("permissions", 60)
    reports: NamedCache = NamedCache("reports", 120)

    def all(self) -> tuple[NamedCache, ...]:
        """Every cache, for set-up."""
        return (self.default, self.permissions, self.reports)


caches = Caches()


def init_app(app: Flask, settings: Settings) -> None:
    """Connect each cache to the evicting Redis, under a prefix of its own."""
    for cache in caches.all():
        cache.backend.init_app(
            app,
            config={
                "CACHE_TYPE": "RedisCache",
                "CACHE_REDIS_HOST": open_redis(
                    settings.cache_url, socket_connect_timeout=0.5, socket_timeout=0.5
                ),
                "CACHE_KEY_PREFIX": f"steward:{cache.name}:",
                "CACHE_DEFAULT_TIMEOUT": cache.lifetime,
            },
        )
