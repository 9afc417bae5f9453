"""Each server answers, so that a run that missed one says so even where no other test asked for it."""

import asyncio
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine


async def one(url: str) -> object:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return (await connection.execute(text("SELECT 1"))).scalar_one()
    finally:
        await engine.dispose()


async def talk(url: str, say: bytes, until: bytes) -> bytes:
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(say)
        return await asyncio.wait_for(reader.readuntil(until), timeout=5)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_postgresql_lends_a_database_of_its_own(postgresql_url: str) -> None:
    assert urlsplit(postgresql_url).path.startswith("/clean_")
    assert await one(postgresql_url.replace("postgresql://", "postgresql+asyncpg://", 1)) == 1


async def test_mariadb_lends_a_database_of_its_own(mariadb_url: str) -> None:
    assert urlsplit(mariadb_url).path.startswith("/clean_")
    assert await one(mariadb_url.replace("mysql://", "mysql+asyncmy://", 1)) == 1


@pytest.mark.parametrize(
    ("fixture", "say", "answer"),
    [
        ("redis_url", b"PING\r\n", b"+PONG\r\n"),
        ("rabbitmq_url", b"AMQP\x00\x00\x09\x01", b"\x01"),
        ("nats_url", b"PING\r\n", b"PONG\r\n"),
    ],
)
async def test_brokers_and_caches_answer(
    request: pytest.FixtureRequest, fixture: str, say: bytes, answer: bytes
) -> None:
    url: str = request.getfixturevalue(fixture)
    assert (await talk(url, say, answer)).endswith(answer)


async def test_redis_keys_under_the_prefix_are_removed_afterwards(redis_url: str, redis_prefix: str) -> None:
    assert await talk(redis_url, f"SET {redis_prefix}key value\r\n".encode(), b"\r\n") == b"+OK\r\n"
