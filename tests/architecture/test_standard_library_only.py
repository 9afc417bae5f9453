"""The plain proof: the innermost rings load in an interpreter that has nothing but the standard library."""

import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"

# -I and -S: no environment variables, no user site, no site-packages.
PROOF = """
import sys
sys.path.insert(0, {src!r})
before = set(sys.modules)
import {module}
loaded = set(sys.modules) - before
names = {{name.partition(".")[0] for name in loaded}}
print(*sorted(names - sys.stdlib_module_names - {{"cleanarch_kit"}}))
print(len([name for name in loaded if not name.startswith("cleanarch_kit")]))
"""


def load(module: str, *flags: str) -> tuple[list[str], int]:
    """The third parties that an import loads, and how many modules that are not ours."""
    code = PROOF.format(src=str(SRC), module=module)
    done = subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    third_parties, count = done.stdout.splitlines()
    return third_parties.split(), int(count)


@pytest.mark.parametrize("module", ["cleanarch_kit", "cleanarch_kit.errors", "cleanarch_kit.domain"])
def test_the_inner_rings_need_the_standard_library_alone(module: str) -> None:
    third_parties, _ = load(module, "-I", "-S")
    assert third_parties == []


def test_the_package_itself_imports_nothing() -> None:
    assert load("cleanarch_kit", "-I", "-S") == ([], 0)


def test_the_application_ring_loads_no_pydantic_until_something_is_serialised() -> None:
    third_parties, _ = load("cleanarch_kit.application", "-I")
    assert set(third_parties) <= {"typing_extensions"}


@pytest.mark.parametrize(("module", "limit"), [("cleanarch_kit.domain", 55), ("cleanarch_kit.application", 135)])
def test_an_import_pulls_in_little_beside_our_own(module: str, limit: int) -> None:
    """For scale: `dataclasses` alone loads about 40 modules, `asyncio` about 100."""
    _, count = load(module, "-I")
    assert count <= limit
