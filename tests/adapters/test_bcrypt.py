import asyncio
import threading
import traceback

import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanarch_kit.adapters.bcrypt import BcryptPasswordHasher
from cleanarch_kit.application import PasswordHasher
from cleanarch_kit.domain import Secret
from cleanarch_kit.errors import InvalidValueError

CANARY = "s3cr3t-canary"


@pytest.fixture
def hasher() -> PasswordHasher:
    return BcryptPasswordHasher(rounds=4)


async def test_a_password_matches_its_hash_and_no_other(hasher: PasswordHasher) -> None:
    hashed = await hasher.hash("correct horse")
    assert await hasher.verify("correct horse", hashed)
    assert not await hasher.verify("correct horsf", hashed)
    assert not await hasher.verify("", hashed)


async def test_a_secret_is_the_same_as_its_text(hasher: PasswordHasher) -> None:
    hashed = await hasher.hash(Secret("pässwörd"))
    assert await hasher.verify("pässwörd", hashed)
    assert await hasher.verify(Secret("pässwörd"), hashed)


async def test_every_hash_has_its_own_salt_and_the_given_cost(hasher: PasswordHasher) -> None:
    first, second = await hasher.hash("x"), await hasher.hash("x")
    assert first != second
    assert first.startswith("$2b$04$")
    assert len(first) == 60
    assert first.isascii()


async def test_hashes_are_those_of_any_other_bcrypt(hasher: PasswordHasher) -> None:
    hashed = await hasher.hash("x")
    assert bcrypt.checkpw(b"x", hashed.encode())
    assert await hasher.verify("x", bcrypt.hashpw(b"x", bcrypt.gensalt(5)).decode())
    assert await BcryptPasswordHasher(rounds=6).verify("x", hashed)  # a hash keeps the cost it was made with


@pytest.mark.parametrize("password", ["a" * 72, "é" * 36, "\x7f", " ", "𝕒" * 18])
async def test_up_to_72_bytes_are_hashed_whole(hasher: PasswordHasher, password: str) -> None:
    hashed = await hasher.hash(password)
    assert await hasher.verify(password, hashed)
    assert not await hasher.verify(password[:-1], hashed)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("a" * 73, "must have at most 72 bytes in UTF-8"),
        ("é" * 37, "must have at most 72 bytes in UTF-8"),
        ("x" * 1_000_000, "must have at most 72 bytes in UTF-8"),
        ("a\0b", "must not contain a NUL character"),
        ("\0", "must not contain a NUL character"),
        ("a\ud800", "must be Unicode text without lone surrogates"),
    ],
    ids=["73 bytes", "37 é", "1 MB", "NUL inside", "NUL", "lone surrogate"],
)
async def test_what_bcrypt_would_cut_is_refused_and_matches_nothing(
    hasher: PasswordHasher, password: str, rule: str
) -> None:
    with pytest.raises(InvalidValueError) as raised:
        await hasher.hash(password)
    assert str(raised.value) == f"Password {rule}"
    for cut in ("a" * 72, "é" * 36, "a", ""):
        assert not await hasher.verify(password, await hasher.hash(cut))


@pytest.mark.parametrize("password", [CANARY * 9, CANARY + "\0", CANARY + "\ud800"])
async def test_a_refusal_does_not_show_the_password(hasher: PasswordHasher, password: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        await hasher.hash(password)
    assert CANARY not in "".join(traceback.format_exception(raised.value)) + repr(raised.value)
    assert raised.value.__context__ is None  # an encoding error would hold the whole password


VALID = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "x",
        "$2b$",
        VALID[:-1],
        VALID + "a",
        VALID.replace("$04$", "$99$"),
        VALID.replace("$04$", "$xx$"),
        "$2b$04$" + "!" * 53,
        "\0" * 60,
        "é" * 60,
        "\ud800",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
        VALID * 1000,
    ],
    ids=lambda garbage: ascii(garbage)[1:8],
)
async def test_what_is_no_hash_matches_nothing(hasher: PasswordHasher, garbage: str) -> None:
    assert not await hasher.verify("x", garbage)


@settings(max_examples=300, deadline=None)
@given(password=st.text(st.characters(exclude_categories=[]), max_size=100), hashed=st.text() | st.just(VALID))
def test_verifying_never_raises(password: str, hashed: str) -> None:
    assert asyncio.run(BcryptPasswordHasher(rounds=4).verify(password, hashed)) in {True, False}


async def test_the_event_loop_goes_on_meanwhile(monkeypatch: pytest.MonkeyPatch, hasher: PasswordHasher) -> None:
    """The work waits for the event loop, which it could never do on the loop's own thread."""
    loop, loop_went_on = asyncio.get_running_loop(), threading.Event()
    begun = asyncio.Semaphore(0)

    def hashpw(password: bytes, salt: bytes) -> bytes:
        loop.call_soon_threadsafe(begun.release)
        assert loop_went_on.wait(5)
        return salt

    def checkpw(password: bytes, hashed: bytes) -> bool:
        loop.call_soon_threadsafe(begun.release)
        return loop_went_on.wait(5)

    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    monkeypatch.setattr(bcrypt, "checkpw", checkpw)
    hashing, verifying = asyncio.create_task(hasher.hash("x")), asyncio.create_task(hasher.verify("x", VALID))
    for _ in range(2):
        await begun.acquire()
    loop_went_on.set()
    assert (await hashing).startswith("$2b$04$")
    assert await verifying


@pytest.mark.parametrize("rounds", [3, 32, -1])
def test_the_cost_is_checked_when_the_hasher_is_made(rounds: int) -> None:
    with pytest.raises(ValueError, match="rounds must be from 4 to 31"):
        BcryptPasswordHasher(rounds)
