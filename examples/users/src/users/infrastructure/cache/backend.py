from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application import CacheBackend

__all__ = ["open_cache_backend"]


def open_cache_backend() -> CacheBackend:
    """A cache in this process, for a service that runs in one: another process would not hear of an invalidation."""
    return InMemoryCacheBackend()
