"""`QueryCache`: answers to queries, kept under the queries themselves."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cleanarch_kit.application.cache import Cache
from cleanarch_kit.application.caching.computation import Recipe
from cleanarch_kit.application.caching.key_encoding import declared_fields, encode
from cleanarch_kit.application.caching.policy import CachePolicy, Duration, seconds
from cleanarch_kit.application.caching.reader import CacheReader
from cleanarch_kit.application.dispatch.dependencies import location_of, qualified_name
from cleanarch_kit.application.dispatch.result_annotation import result_annotation
from cleanarch_kit.application.dispatch.tracebacks import without_frames_of
from cleanarch_kit.application.messages import Message, Query
from cleanarch_kit.application.middleware.protocol import Next
from cleanarch_kit.application.serialization import Codec
from cleanarch_kit.errors import DefinitionError

__all__ = ["CachedQuery", "QueryCache", "cached_query"]

ResultT = TypeVar("ResultT")
QueryT = TypeVar("QueryT", bound=Query[object])

_CACHING = CacheReader.__module__.rpartition(".")[0]
_FIELD_LISTS = ("__dataclass_fields__", "model_fields", "__struct_fields__", "__attrs_attrs__")


@dataclass(frozen=True, slots=True)
class CachedQuery:
    """How the answers to the queries of a class are kept; `cached_query` makes it.

    Attributes:
        query_type: the class of the queries.
        policy: how long an answer is used.
        tags: takes the query and gives the tags that its answer depends on.
        vary: gives what the answer depends on beside the query.
    """

    query_type: type[object]
    policy: CachePolicy
    tags: Callable[[Any], Sequence[str]]
    vary: Callable[[], object]


def _no_tags(_: object) -> Sequence[str]:
    return ()


def _nothing() -> object:
    return None


def cached_query(
    query_type: type[QueryT],
    /,
    *,
    ttl: Duration,
    tags: Callable[[QueryT], Sequence[str]] = _no_tags,
    vary: Callable[[], object] = _nothing,
) -> CachedQuery:
    """State how the answers to queries are kept.

    Args:
        query_type: the class of the queries; those derived from it do not count.
        ttl: how long an answer is used at most, in seconds or as a timedelta.
        tags: a plain function that takes the query and returns the tags that its answer depends on, for
            ``uow.invalidate`` and ``cache.invalidate``.
        vary: a plain function that returns what the answer depends on beside the query, such as the caller or the
            tenant: one plain value, or a tuple of them.

    Raises:
        DefinitionError: `ttl` is not more than 0.
    """
    return CachedQuery(query_type, CachePolicy(seconds(ttl)), tags, vary)


class QueryCache:
    """Answers queries from a cache.

    The key is the query itself, with all its fields; two equal queries share an answer, and those who ask at the same
    time share one computation. An answer is stored by the type that the query's class states. A query inside a unit of
    work that has changed something passes by the cache, and a fault of the cache only costs time.

    It may stand on either side of the scope; outside, an answer from the cache opens none. It stands behind
    `Authorization`, or it would answer who is not allowed: the bus refuses to be built otherwise.

    Args:
        cache: where answers are kept.
        queries: made by `cached_query`; other messages do not pass here at all.

    Raises:
        DefinitionError: two entries for one query. When the bus is built: a query that declares no fields, an
            answer without a JSON form. When a query is sent: a field of it has no lasting text to make a key of.
    """

    def __init__(self, cache: Cache, queries: Iterable[CachedQuery]) -> None:
        self._cache = cache
        self._queries: dict[type[object], CachedQuery] = {}
        for given in queries:
            if given.query_type in self._queries:
                raise DefinitionError(f"{given.query_type.__qualname__} is given to QueryCache twice: keep one")
            self._queries[given.query_type] = given

    def middleware_for(self, message_type: type[object], /) -> "_CachedAnswers | None":
        """Apply to the queries that were given. See `MiddlewareFactory`."""
        known = self._queries.get(message_type)
        return None if known is None else _CachedAnswers(self._cache, known)


def _fields_of(query_type: type[object]) -> tuple[str, ...]:
    if not any(hasattr(query_type, attribute) for attribute in _FIELD_LISTS):
        raise DefinitionError(
            f"{query_type.__qualname__} ({location_of(query_type)}) does not declare its fields, so that two queries"
            " cannot be told apart: make it a dataclass, a model, a struct or an attrs class"
        )
    return declared_fields(query_type)


class _CachedAnswers:
    answers_itself = True

    def __init__(self, cache: Cache, query: CachedQuery) -> None:
        codec: Codec[Any] = Codec(result_annotation(query.query_type))
        self._query = query
        self._label = qualified_name(query.query_type)
        self._fields = _fields_of(query.query_type)
        self._names = cache.store.names
        self._reader: CacheReader[Any] = CacheReader(cache.store, Recipe(self._label, codec, query.policy))

    async def __call__(self, message: Message[ResultT], call_next: Next[ResultT], /) -> ResultT:
        values = tuple(getattr(message, field) for field in self._fields)
        key = f"{self._label}{encode(values)}:{encode(self._query.vary())}"
        name, tags = self._names(key, tuple(self._query.tags(message)))
        try:
            answer: ResultT = await self._reader.get(name, tags, lambda: call_next(message))
        except Exception as error:
            without_frames_of(error, __name__, _CACHING)
            raise
        return answer

    def __repr__(self) -> str:
        return f"QueryCache({self._query.policy.ttl:g} s)"
