"""The wheel as users get it: what is in it, and that it works in environments that hold nothing else."""

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import cleanarch_kit

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]

# What each extra is for: its adapter, or for a driver the driver.
IMPORTS = {
    "sqlalchemy": ["cleanarch_kit.adapters.sqlalchemy"],
    "sqlite": ["aiosqlite"],
    "asyncpg": ["asyncpg"],
    "psycopg": ["psycopg"],
    "asyncmy": ["asyncmy"],
    "alembic": ["cleanarch_kit.adapters.alembic"],
    "fastapi": ["cleanarch_kit.adapters.fastapi"],
    "bcrypt": ["cleanarch_kit.adapters.bcrypt"],
    "phonenumbers": ["cleanarch_kit.adapters.phonenumbers"],
    "redis": ["cleanarch_kit.adapters.redis"],
    "opentelemetry": ["cleanarch_kit.adapters.opentelemetry"],
    "hypothesis": ["cleanarch_kit.adapters.hypothesis"],
    "testing": ["cleanarch_kit.testing"],
}
ADAPTERS = {extra for extra, modules in IMPORTS.items() if modules[0].startswith("cleanarch_kit.adapters.")}

pytestmark = pytest.mark.gate


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that has the wheel and, at most, one extra."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        python = self.folder / "bin" / "python"
        return subprocess.run(
            [python, "-I", "-W", "error", *arguments], capture_output=True, text=True, timeout=120, check=False
        )


def tool(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    tool("build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


def install(wheel: Path, folder: Path, extra: str | None) -> Environment:
    venv.create(folder, with_pip=False)
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    tool("pip", "-qq", "--disable-pip-version-check", "--python", str(folder), "install", "--no-compile", wanted)
    return Environment(folder)


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(wheel, tmp_path_factory.mktemp("bare"), None)


@pytest.fixture(scope="module")
def everything(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return install(wheel, tmp_path_factory.mktemp("everything"), "all")


def test_the_index_would_take_it(wheel: Path) -> None:
    tool("twine", "check", "--strict", *map(str, wheel.parent.iterdir()))


def test_it_holds_the_package_its_marker_of_types_and_its_licence_and_nothing_else(wheel: Path) -> None:
    info = f"cleanarch_kit-{cleanarch_kit.__version__}.dist-info"
    package = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    metadata = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    assert set(zipfile.ZipFile(wheel).namelist()) == package | metadata
    assert "cleanarch_kit/py.typed" in package


def test_the_source_distribution_can_be_tested(wheel: Path) -> None:
    (source,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "Makefile", "tests/conftest.py", "mkdocs.yml"} <= names
    assert [name for name in names if name.startswith((".venv", "dist", "site"))] == []


def test_metadata_names_the_extras_and_what_is_always_needed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"cleanarch_kit-{cleanarch_kit.__version__}.dist-info/METADATA").decode()
    assert set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE)) == EXTRAS.keys()
    always = {line for line in re.findall(r"^Requires-Dist: (.+)$", metadata, re.MULTILINE) if "extra ==" not in line}
    assert {re.split(r"[<>=]", line)[0] for line in always} == {"pydantic", "typing-extensions"}


def test_the_changelog_speaks_of_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert cleanarch_kit.__version__ in headings[1:2]


def test_the_quickstart_runs_without_any_extra(bare: Environment) -> None:
    done = bare.run(str(ROOT / "tests" / "acceptance" / "quickstart.py"))
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("extra", sorted(ADAPTERS))
def test_an_adapter_without_its_extra_names_the_command_that_installs_it(bare: Environment, extra: str) -> None:
    done = bare.run("-c", f"import cleanarch_kit.adapters.{extra}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        f"MissingExtraError: this needs the extra {extra!r}: pip install 'cleanarch-kit[{extra}]'"
    )


def test_every_extra_is_tried() -> None:
    assert IMPORTS.keys() == EXTRAS.keys() - {"all"}


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"all"}))
def test_an_extra_alone_is_enough(wheel: Path, tmp_path: Path, extra: str) -> None:
    environment = install(wheel, tmp_path, extra)
    done = environment.run("-c", f"import {', '.join(IMPORTS[extra])}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_all_extras_go_together(everything: Environment) -> None:
    done = everything.run("-c", f"import {', '.join(module for modules in IMPORTS.values() for module in modules)}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_no_type_is_unknown_to_those_who_install_it(everything: Environment) -> None:
    command = [sys.executable, "-m", "pyright", "--verifytypes", "cleanarch_kit", "--ignoreexternal", "--outputjson"]
    done = subprocess.run(
        command,
        cwd=everything.folder,  # away from the sources, which would be found first
        env=os.environ | {"PATH": f"{everything.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    counts = json.loads(done.stdout)["typeCompleteness"]["exportedSymbolCounts"]
    assert counts["withKnownType"] > 1000
    assert counts["withUnknownType"] == 0
