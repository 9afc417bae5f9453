"""`cached`: results of a function, kept under keys that are made from its arguments."""

import inspect
import warnings
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeAlias, TypeVar, get_type_hints, overload
from weakref import WeakKeyDictionary

from cleanarch_kit.application.cache import Cache, current_cache
from cleanarch_kit.application.caching.computation import Recipe
from cleanarch_kit.application.caching.key_template import KeyTemplate
from cleanarch_kit.application.caching.policy import CachePolicy, Duration, seconds
from cleanarch_kit.application.caching.reader import CacheReader
from cleanarch_kit.application.caching.store import CacheStore
from cleanarch_kit.application.serialization import Codec
from cleanarch_kit.errors import DefinitionError

__all__ = ["CachedFunction", "CachedMethod", "cached"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")

_Call: TypeAlias = Coroutine[Any, Any, R]

_ATTRIBUTES = ("_cache", "cache")


def cached(  # noqa: PLR0913 - each says one thing about the cached values
    key: str,
    *,
    ttl: Duration,
    tags: Sequence[str] = (),
    ignore: Collection[str] = (),
    cache: Cache | None = None,
    jitter: float = 0.1,
    lock: bool = False,
    early: bool = False,
    stale: Duration = 0.0,
    stale_on_error: Duration = 0.0,
) -> Callable[[Callable[P, _Call[R]]], "CachedFunction[P, R]"]:
    """Keep the results of an async function or method in a cache.

    Calls at the same time with the same arguments share one computation. The result is stored by the annotated
    return type; every caller gets a copy of its own, and a fresh result is equal in type to one from the cache.

    Args:
        key: template of the key, ``"user:{command.user_id}:{page}"``: placeholders are parameters or public
            attributes of them. Every parameter except ``self`` stands in it or in ``ignore``.
        ttl: how long a result is fresh at most, in seconds or as a timedelta.
        tags: templates of what the result depends on. A tag is exactly what an f-string of the same text gives.
        ignore: parameters that the result does not depend on, such as a repository.
        cache: the cache. By default the attribute ``_cache`` or ``cache`` of ``self``, else the one of the innermost
            ``async with cache:`` around the call. Where there is none, the function is called and a warning given
            once.
        jitter: share of ``ttl`` that is taken off at random, so that not all results expire at once.
        lock: whether only one process computes at a time. The others wait for its result, 10 seconds at most.
        early: whether one of many callers computes the result anew shortly before its time is over.
        stale: how long after ``ttl`` the old result is still given out while a new one is computed.
        stale_on_error: how long after ``ttl`` the old result is given out when the function fails, unless by a
            `DomainError`, `InputError` or `NotFoundError`.

    Raises:
        DefinitionError: when decorating: the function is not async or has no return annotation, a template does not
            fit its parameters, or a number is out of bounds. At the first call: the return annotation has no
            JSON form.
    """
    policy = CachePolicy(
        seconds(ttl),
        jitter=jitter,
        lock=lock,
        early=early,
        stale=seconds(stale),
        stale_on_error=seconds(stale_on_error),
    )

    def decorate(function: Callable[P, _Call[R]]) -> CachedFunction[P, R]:
        _check(function)
        return CachedFunction(function, KeyTemplate(function, key, tags=tags, ignore=ignore), policy, cache)

    return decorate


@dataclass(frozen=True, slots=True)
class _Use(Generic[R]):
    """One function with one cache."""

    store: CacheStore
    reader: CacheReader[R]
    names: Callable[..., tuple[str, tuple[str, ...]]]
    get: Callable[
        [str, tuple[str, ...], Callable[..., Awaitable[R]], tuple[object, ...], Mapping[str, object]], _Call[R]
    ]


class CachedFunction(Generic[P, R]):
    """An async function whose results are cached; made by `cached`.

    It is called like the function, and looks like it to `inspect`. In a class it becomes a method.
    """

    __name__: str

    def __init__(
        self,
        function: Callable[P, _Call[R]],
        template: KeyTemplate,
        policy: CachePolicy,
        cache: Cache | None,
    ) -> None:
        """Use `cached` instead."""
        self._function = function
        self._template = template
        self._policy = policy
        self._key = template.compile_key()
        self._given_cache = cache
        self._given: _Use[R] | None = None
        self._uses: WeakKeyDictionary[Cache, _Use[R]] = WeakKeyDictionary()
        self._recipe: Recipe[R] | None = None
        self._is_method = next(iter(inspect.signature(function).parameters), None) == "self"
        self._has_warned = False
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> _Call[R]:
        """The result for these arguments: from the cache, or computed and stored.

        What the function raises is raised and not stored. Faults of the cache are not raised.
        """
        use = self._given or self._find(args)
        if use is None:
            return self._function(*args, **kwargs)
        name, tags = use.names(*args, **kwargs)
        return use.get(name, tags, self._function, args, kwargs)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """The key for these arguments, as `Cache.get` and `Cache.delete` take it."""
        return self._key(*args, **kwargs)

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget the result for these arguments. Computations under way do not bring it back.

        It takes effect at once. In a unit of work give the function a tag, and call ``uow.invalidate``.
        """
        use = self._given or self._find(args)
        if use is not None:
            name, tags = use.names(*args, **kwargs)
            await use.store.guard.delete((name,), tags[:1])

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute the result for these arguments now, store it and return it."""
        use = self._given or self._find(args)
        if use is None:
            return await self._function(*args, **kwargs)
        name, tags = use.names(*args, **kwargs)
        return await use.reader.refresh(name, tags, lambda: self._function(*args, **kwargs))

    async def fresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute the result for these arguments, and leave the cache as it is."""
        use = self._given or self._find(args)
        value = await self._function(*args, **kwargs)
        return value if use is None else use.reader.hand_out(value)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self: "CachedFunction[Concatenate[S, Q], R]", instance: S, owner: type | None = None
    ) -> "CachedMethod[S, Q, R]": ...
    def __get__(self: Any, instance: Any, owner: type | None = None) -> object:
        """The method of an instance; on the class, the function itself."""
        return self if instance is None else CachedMethod(self, instance)

    def _find(self, args: tuple[object, ...]) -> _Use[R] | None:
        cache = self._given_cache or (_attribute_of(args[0]) if self._is_method and args else None) or current_cache()
        if cache is None:
            self._warn()
            return None
        use = self._uses.get(cache)
        if use is None:
            use = self._uses[cache] = self._use(cache.store)
        if self._given_cache is not None:
            self._given = use
        return use

    def _use(self, store: CacheStore) -> _Use[R]:
        if self._recipe is None:
            label = f"{self._function.__module__}.{self._function.__qualname__}"
            self._recipe = Recipe(label, Codec(_return_type(self._function)), self._policy)
        reader = CacheReader(store, self._recipe)
        return _Use(store, reader, store.compile_names(self._template), reader.get)

    def _warn(self) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"{self._function.__qualname__} is called without a cache, so nothing is cached: give it one by"
                " cache=, as an attribute of self, or by `async with cache:` around the call",
                RuntimeWarning,
                stacklevel=4,
            )


class CachedMethod(Generic[S, P, R]):
    """A cached function as a method of one instance: the same, without ``self``."""

    __slots__ = ("_function", "_instance")

    def __init__(self, function: CachedFunction[Concatenate[S, P], R], instance: S) -> None:
        """Look the method up on its instance instead."""
        self._function = function
        self._instance = instance

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> _Call[R]:
        """See `CachedFunction`."""
        return self._function(self._instance, *args, **kwargs)

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """See `CachedFunction.key`."""
        return self._function.key(self._instance, *args, **kwargs)

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """See `CachedFunction.invalidate`."""
        await self._function.invalidate(self._instance, *args, **kwargs)

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """See `CachedFunction.refresh`."""
        return await self._function.refresh(self._instance, *args, **kwargs)

    async def fresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """See `CachedFunction.fresh`."""
        return await self._function.fresh(self._instance, *args, **kwargs)


def _attribute_of(instance: object) -> Cache | None:
    for name in _ATTRIBUTES:
        if isinstance(cache := getattr(instance, name, None), Cache):
            return cache
    return None


def _check(function: Callable[..., object]) -> None:
    name = getattr(function, "__qualname__", repr(function))
    if not inspect.iscoroutinefunction(inspect.unwrap(function)):
        raise DefinitionError(f"{name}: only an async function can be cached: write `async def`")
    annotation = inspect.signature(function).return_annotation
    if annotation is inspect.Signature.empty or annotation in (Any, "Any"):
        raise DefinitionError(f"{name} must say what it returns, because results are stored by that type")


def _return_type(function: Callable[..., object]) -> object:
    try:
        return get_type_hints(function, include_extras=True)["return"]
    except NameError as error:
        raise DefinitionError(
            f"{function.__qualname__}: the return annotation cannot be resolved ({error}): import its names at run"
            " time, not only under TYPE_CHECKING"
        ) from None
