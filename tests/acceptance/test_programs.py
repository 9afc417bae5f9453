"""The programs of this folder are what a user would write: each runs as it stands, in an interpreter of its own."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def run(program: str, *arguments: str) -> None:
    """Run a program with warnings as errors; it prints nothing and exits 0 when everything holds."""
    command = [sys.executable, "-W", "error", str(HERE / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


def test_quickstart() -> None:
    run("quickstart.py")


def test_shop_on_sqlite() -> None:
    run("shop_sql.py")


def test_shop_on_postgresql(postgresql_url: str) -> None:
    run("shop_sql.py", postgresql_url.replace("postgresql://", "postgresql+asyncpg://", 1))


def test_shop_on_postgresql_through_psycopg(postgresql_url: str) -> None:
    run("shop_sql.py", postgresql_url.replace("postgresql://", "postgresql+psycopg://", 1))


def test_shop_on_mariadb(mariadb_url: str) -> None:
    run("shop_sql.py", mariadb_url.replace("mysql://", "mysql+asyncmy://", 1))


def test_cache_in_memory() -> None:
    run("cache.py")


def test_cache_in_redis(redis_url: str) -> None:
    run("cache.py", redis_url)
