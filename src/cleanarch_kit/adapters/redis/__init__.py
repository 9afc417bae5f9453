"""Adapters for Redis through redis-py: needs the extra `redis`."""

from cleanarch_kit.adapters.redis import _installed as _installed
from cleanarch_kit.adapters.redis.cache import RedisCacheBackend
from cleanarch_kit.adapters.redis.idempotency import RedisIdempotencyStore

__all__ = ["RedisCacheBackend", "RedisIdempotencyStore"]
