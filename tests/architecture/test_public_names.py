"""Every public name stands in an ``__all__``, and has one path by which users import it."""

import ast
import importlib
import pkgutil
from collections import Counter
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

import pytest

import cleanarch_kit

SRC = Path(cleanarch_kit.__file__).parent
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(cleanarch_kit.__path__, "cleanarch_kit.")
    if not any(part.startswith("_") for part in module.name.split("."))
)
PACKAGES = {module.name for module in pkgutil.walk_packages(cleanarch_kit.__path__, "cleanarch_kit.") if module.ispkg}
RINGS = {"cleanarch_kit.domain", "cleanarch_kit.application", "cleanarch_kit.errors", "cleanarch_kit.testing"}
ADAPTERS = {name for name in MODULES if name.startswith("cleanarch_kit.adapters.") and name.count(".") == 2}
FACADES = sorted(RINGS | ADAPTERS)


def defined_in(module: ModuleType) -> set[str]:
    """Names that the module's own source gives a public meaning: classes, functions, constants and aliases."""
    assert module.__file__ is not None
    names: set[str] = set()
    for node in ast.parse(Path(module.__file__).read_text()).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if not name.startswith("_")}


def is_type_variable(module: ModuleType, name: str) -> bool:
    return type(getattr(module, name)).__name__ in {"TypeVar", "ParamSpec", "TypeVarTuple"}


def exported(module: ModuleType) -> list[str]:
    """A package that gathers nothing, like `cleanarch_kit.adapters`, needs no ``__all__``; a module does."""
    names: list[str] = getattr(module, "__all__", []) if module.__name__ in PACKAGES else module.__all__
    return names


@pytest.mark.parametrize("name", MODULES)
def test_every_exported_name_exists_and_stands_there_once(name: str) -> None:
    module = importlib.import_module(name)
    assert len(exported(module)) == len(set(exported(module)))
    assert [missing for missing in exported(module) if not hasattr(module, missing)] == []


@pytest.mark.parametrize("name", [name for name in MODULES if name not in PACKAGES])
def test_a_module_exports_exactly_what_it_defines(name: str) -> None:
    module = importlib.import_module(name)
    public = {name for name in defined_in(module) if not is_type_variable(module, name)}
    assert public == set(exported(module))


@pytest.mark.parametrize("name", FACADES)
def test_a_facade_exports_what_lies_in_its_own_ring(name: str) -> None:
    module = importlib.import_module(name)
    values = {public: getattr(module, public) for public in exported(module)}
    defined = {public: value.__module__ for public, value in values.items() if isclass(value) or isfunction(value)}
    assert {public: place for public, place in defined.items() if not place.startswith(name)} == {}


def test_a_name_has_one_path() -> None:
    paths = Counter(public for name in FACADES for public in exported(importlib.import_module(name)))
    assert [public for public, count in paths.items() if count > 1] == []


@pytest.mark.parametrize("name", [name for name in FACADES if name in PACKAGES])
def test_no_exported_name_hides_a_module_of_its_ring(name: str) -> None:
    """``import ring.noun`` would otherwise give the class or function, and documentation tools go round in circles."""
    module = importlib.import_module(name)
    assert {public for public in exported(module) if f"{name}.{public}" in MODULES} == set()
