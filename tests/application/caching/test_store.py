from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from cleanarch_kit.adapters.memory import InMemoryCacheBackend
from cleanarch_kit.application import CacheEntry
from cleanarch_kit.application.caching.key_template import KeyTemplate
from cleanarch_kit.application.caching.store import CacheStore
from cleanarch_kit.domain import SystemClock
from cleanarch_kit.errors import DefinitionError

ENTRY = CacheEntry(b"1", (), (), 0.0)


class Backend(InMemoryCacheBackend):
    is_down = False

    async def get_many(
        self, keys: Sequence[str], tags: Sequence[str] = ()
    ) -> tuple[Sequence[CacheEntry | None], tuple[str | None, ...]]:
        self.check()
        return await super().get_many(keys, tags)

    async def set_many(self, entries: Mapping[str, CacheEntry], ttl: float) -> None:
        self.check()
        await super().set_many(entries, ttl)

    async def tag_versions(self, tags: Sequence[str]) -> tuple[str, ...]:
        self.check()
        return await super().tag_versions(tags)

    def check(self) -> None:
        if self.is_down:
            raise ConnectionError


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 1, 1, 12, tzinfo=UTC)


def store(namespace: str = "ns", backend: Backend | None = None) -> CacheStore:
    return CacheStore(backend or Backend(), namespace, SystemClock())


@pytest.mark.parametrize("namespace", ["", "x" * 65, ":" * 22])
def test_a_namespace_has_a_bounded_name(namespace: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        store(namespace)
    assert str(caught.value) == "the namespace of a cache must have 1 to 64 characters when escaped"


def test_no_name_of_one_namespace_begins_like_one_of_another() -> None:
    names = [
        name
        for namespace in ("a", "a:", "a:=", "a:#", "A", "a*", "aa")
        for name in (*store(namespace).names("k", ("t",))[1],)
    ]
    assert len(set(names)) == 14
    assert store("a:b").names("k") == ("a%3Ab:=k", ("a%3Ab:=k",))


def test_a_key_and_a_tag_of_one_text_are_apart() -> None:
    name, (own, tag) = store().names("user:1", ("user:1",))
    assert (name, own, tag) == ("ns:=user:1", "ns:=user:1", "ns:#user:1")
    assert store().tag_names(("user:1", "x")) == ("ns:#user:1", "ns:#x")


def test_long_keys_and_tags_are_cut_alike_everywhere() -> None:
    async def function(text: str) -> None: ...

    template = KeyTemplate(function, "k:{text}", tags=("t:{text}",))
    for text in ("short", "x" * 500):
        named = store().compile_names(template)(text)
        assert named == store().names(template.compile_key()(text), (f"t:{text}",))
        assert all(len(name) <= 200 for name in named[1])


async def test_reading_and_writing() -> None:
    mine = store()
    versions = await mine.versions(("ns:#t",))
    await mine.write("ns:=k", ENTRY, 60)
    assert await mine.read("ns:=k", ("ns:#t", "ns:#u")) == (ENTRY, (*(versions or ()), None))
    assert mine.guard.faults == 0


async def test_faults_are_counted_and_not_raised() -> None:
    backend = Backend()
    mine = store(backend=backend)
    backend.is_down = True
    assert await mine.read("ns:=k", ()) is None
    assert await mine.versions(("ns:#t",)) is None
    assert mine.guard.faults == 2
    await mine.write("ns:=k", ENTRY, 60)
    assert mine.guard.faults == 3
    assert await mine.read("ns:=k", ()) is None
    await mine.write("ns:=k", ENTRY, 60)
    assert mine.guard.faults == 3  # the circuit is open: nobody asked


async def test_a_success_heals() -> None:
    backend = Backend()
    mine = store(backend=backend)
    backend.is_down = True
    await mine.read("ns:=k", ())
    backend.is_down = False
    assert not mine.guard.healthy
    assert await mine.read("ns:=k", ()) == (None, ())
    assert mine.guard.healthy


def test_the_time_is_that_of_the_clock() -> None:
    assert CacheStore(Backend(), "ns", Noon()).now() == 1767268800.0
