"""What each module imports from outside: the linter proves the rings, this proves that nothing unnamed slips in."""

import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

# What an adapter may import, by its own name, which is also the name of its extra: that extra's import names.
TECHNOLOGIES = {
    "memory": set[str](),
    "sqlalchemy": {"sqlalchemy"},
    "alembic": {"alembic", "sqlalchemy"},  # Alembic works on SQLAlchemy
    "fastapi": {"fastapi", "pydantic", "pydantic_core", "starlette"},  # FastAPI is Starlette and pydantic, joined
    "bcrypt": {"bcrypt"},
    "phonenumbers": {"phonenumbers"},
    "redis": {"redis"},
    "opentelemetry": {"opentelemetry"},
    "hypothesis": {"hypothesis"},
}
BY_RING = {
    "errors": set[str](),
    "domain": set[str](),
    "application": {"typing_extensions"},
    "testing": {"pytest", "hypothesis", "typing_extensions", "anyio"},  # anyio only where it is there
}
GRAPH = grimp.build_graph("cleanarch_kit", include_external_packages=True, cache_dir=None)
MODULES = sorted(module for module in GRAPH.modules if module.split(".")[0] == "cleanarch_kit")


def third_parties(module: str) -> set[str]:
    imported = {name.split(".")[0] for name in GRAPH.find_modules_directly_imported_by(module)}
    return imported - sys.stdlib_module_names - {"cleanarch_kit"}


def allowed(module: str) -> set[str]:
    ring, *rest = [*module.split(".")[1:], ""]
    if module == "cleanarch_kit.application.serialization":
        return {"pydantic", "typing_extensions"}
    if ring == "adapters" and rest[0]:
        return TECHNOLOGIES[rest[0]] | {"typing_extensions"}
    return BY_RING.get(ring, set())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_place_allows(module: str) -> None:
    assert third_parties(module) <= allowed(module)


def test_every_adapter_has_an_extra_of_its_name() -> None:
    adapters = {path.stem for path in (ROOT / "src/cleanarch_kit/adapters").iterdir() if not path.stem.startswith("_")}
    assert adapters - {"memory"} <= EXTRAS.keys()
    assert adapters <= TECHNOLOGIES.keys()


def test_the_extra_all_is_all_of_them() -> None:
    (everything,) = EXTRAS["all"]
    names = everything.removeprefix("cleanarch-kit[").removesuffix("]").split(",")
    assert sorted(names) == sorted(EXTRAS.keys() - {"all"})
