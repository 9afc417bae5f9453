"""The programs of this folder are what a user would write: each runs as it stands, in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(program: str, *arguments: str) -> str:
    """Run a program with warnings as errors; it prints nothing and exits 0 when everything holds.

    Returns:
        What was logged, which goes to the standard error where a program sets up no logging.
    """
    command = [sys.executable, "-W", "error", str(HERE / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_quickstart() -> None:
    assert run("quickstart.py") == ""


def test_shop_on_sqlite() -> None:
    assert run("shop_sql.py") == ""


def test_shop_on_postgresql(postgresql_url: str) -> None:
    assert run("shop_sql.py", postgresql_url.replace("postgresql://", "postgresql+asyncpg://", 1)) == ""


def test_shop_on_postgresql_through_psycopg(postgresql_url: str) -> None:
    assert run("shop_sql.py", postgresql_url.replace("postgresql://", "postgresql+psycopg://", 1)) == ""


def test_shop_on_mariadb(mariadb_url: str) -> None:
    logged = run("shop_sql.py", mariadb_url.replace("mysql://", "mysql+asyncmy://", 1)).splitlines()
    assert [line.partition(" (")[0] for line in logged] == ["text in table customers"]


def test_cache_in_memory() -> None:
    assert run("cache.py") == ""


def test_cache_in_redis(redis_url: str) -> None:
    assert run("cache.py", redis_url) == ""
