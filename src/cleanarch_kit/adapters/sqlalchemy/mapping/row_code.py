"""Writing the functions that turn a row into an entity and an entity into a row.

They are written out once per entity, field by field, as a person would write them: a page of a hundred rows is loaded
without looking anything up in a mapping. The source is kept, to be read and stepped through.
"""

import copy
import inspect
import linecache
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any, NoReturn, get_origin
from uuid import UUID

from cleanarch_kit.adapters.sqlalchemy._loose_types import Parameters, Row
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import Derived, MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode, Leaf, Wrapped, columns_of
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import CorruptRowError

__all__ = ["RowCode", "write_row_code"]

_IMMUTABLE = (str, int, float, bool, bytes, Decimal, UUID, date, datetime, time, timedelta, Enum, ScalarValue)
_LITERALS: Mapping[object, str] = {list: "[]", dict: "{}", set: "set()"}


@dataclass(frozen=True, slots=True)
class RowCode:
    """The generated functions and their source. Rows have the columns in the order of the fields.

    Row and entity share nothing that can change: lists and the like are copied.

    Attributes:
        load: gives the entity of a row. Runs no constructor unless it validates.
        dump: gives the row of an entity.
        identity: gives the values of the identity's columns for an identity.
        source: the text of them all.
    """

    load: Callable[[Any], Any]
    dump: Callable[[Any], Row]
    identity: Callable[[Any], Row]
    source: str


def write_row_code(entity_type: type, derived: Derived, rules: MappingRules) -> RowCode:
    """Write and compile the functions of one entity.

    Args:
        entity_type: class of the entity.
        derived: where its fields lie.
        rules: whether `load` validates and whether `load` and `dump` are written at all; which field is the identity.
    """
    return _Writer(entity_type, derived, rules).compiled()


class _Writer:
    """Writes line by line; what the code refers to is kept under the name it has there."""

    def __init__(self, entity_type: type, derived: Derived, rules: MappingRules) -> None:
        self._entity = entity_type
        self._key = rules.key
        self._own_code = rules.own_code
        self._nodes = derived.nodes
        self._defaults = derived.defaults
        self._validate = rules.validate
        self._may_be_corrupt = rules.validate or any(map(_has_derived_field, derived.nodes.values()))
        self._lines: list[str] = []
        self._depth = 0
        self._variables = 0
        self._globals: Parameters = {
            "new": object.__new__,
            "assign": object.__setattr__,
            "store": inspect.getattr_static(ScalarValue, "value").__set__,
            "deepcopy": copy.deepcopy,
            "checked": _checked,
            "present": _present,
            "InvalidField": _InvalidFieldError,
        }
        self._cells = {id(column): f"c{index}" for index, column in enumerate(derived.columns)}
        self._globals["corrupt"] = self._corruption()
        self._unpack = f"{', '.join(self._cells.values())}, = row"

    def compiled(self) -> RowCode:
        if not self._own_code:
            self._write_load()
            self._write_dump()
        self._write_identity()
        source = "\n".join(self._lines) + "\n"
        file = f"<rows of {self._entity.__module__}.{self._entity.__qualname__}>"
        exec(compile(source, file, "exec"), self._globals)  # noqa: S102 - text of our own, from names in the program
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        names = self._globals
        return RowCode(names.get("load", _theirs), names.get("dump", _theirs), names["identity"], source)

    def _write_load(self) -> None:
        with self._block("def load(row):"):
            self._add(self._unpack)
            if not self._may_be_corrupt:
                return self._write_loading()
            with self._block("try:"):
                self._write_loading()
            with self._block("except InvalidField as error:"):
                self._add("field = error.args[0]")
            return self._add("corrupt(row, field)")

    def _write_loading(self) -> None:
        values = {name: self._loaded(name, node) for name, node in self._nodes.items()}
        entity = self._name(self._entity)
        if self._validate:
            taken = [field.name for field in fields(self._entity) if field.init and field.name in values]
            arguments = "".join(f", {name}={values.pop(name)}" for name in taken)
            self._add(f"entity = checked(None, {entity}{arguments})")
        else:
            self._add(f"entity = new({entity})")
        values |= {name: self._default(default) for name, default in self._defaults.items()}
        plain = inspect.getattr_static(self._entity, "__setattr__") is object.__setattr__
        for name, value in values.items():
            self._add(f"entity.{name} = {value}" if plain else f"assign(entity, {name!r}, {value})")
        self._add("return entity")

    def _write_dump(self) -> None:
        with self._block("def dump(entity):"):
            cells = [cell for name, node in self._nodes.items() for cell in self._dumped(f"entity.{name}", node)]
            self._add(f"return {', '.join(cells)},")

    def _write_identity(self) -> None:
        with self._block("def identity(id):"):
            self._add(f"return {', '.join(self._dumped('id', self._nodes[self._key]))},")

    def _loaded(self, path: str, node: FieldNode) -> str:
        """Write what builds a field's value; gives the expression for it."""
        if isinstance(node, Leaf):
            cell = self._cells[id(node.column)]
            if _is_mutable(node):
                cell = f"deepcopy({cell})"
            return f"present({path!r}, {cell})" if self._validate and not node.optional else cell
        if not node.optional:
            return self._built(path, node)
        variable = self._variable()
        self._add(f"{variable} = None")
        with self._block(f"if {self._presence(node)}:"):
            self._add(f"{variable} = {self._built(path, node)}")
        return variable

    def _built(self, path: str, node: Wrapped | Composite) -> str:
        cls = self._name(node.type)
        if isinstance(node, Composite):
            parts = [(name, self._loaded(f"{path}.{name}", part)) for name, part in node.parts]
            if self._validate or _derives(node):
                return f"checked({path!r}, {cls}{''.join(f', {name}={value}' for name, value in parts)})"
            variable = self._variable()
            self._add(f"{variable} = new({cls})")
            for name, value in parts:
                self._add(f"assign({variable}, {name!r}, {value})")
            return variable
        cell = self._cells[id(node.column)]
        if self._validate:
            return f"checked({path!r}, {cls}, {cell})"
        if issubclass(node.type, ScalarValue):
            variable = self._variable()
            self._add(f"{variable} = new({cls})")
            self._add(f"store({variable}, {cell})")
            return variable
        if issubclass(node.type, Flag):
            return f"{cls}({cell})"
        members = self._name({member.value: member for member in node.type}, f"members_{node.type.__name__}")
        return f"{members}[{cell}] if {cell} in {members} else corrupt(row, {path!r})"

    def _presence(self, node: Wrapped | Composite) -> str:
        """The condition under which an optional value is there: its first part that must be, else any."""
        if isinstance(node, Wrapped):
            return f"{self._cells[id(node.column)]} is not None"
        required = [*_required_leaves(node)][:1]
        return " or ".join(f"{self._cells[id(leaf.column)]} is not None" for leaf in required or _leaves(node))

    def _dumped(self, value: str, node: FieldNode, *, optional: bool = False) -> list[str]:
        """Expressions for the columns of a field; ``value`` is the expression for the field itself."""
        if isinstance(node, Leaf):
            return [f"deepcopy({value})" if _is_mutable(node) else value]
        optional = optional or node.optional
        if isinstance(node, Wrapped) and not optional:
            return [f"{value}.value"]
        variable = self._variable()
        self._add(f"{variable} = {value}")
        guard = f"None if {variable} is None else " if optional else ""
        if isinstance(node, Wrapped):
            return [f"{guard}{variable}.value"]
        return [
            cell
            for name, part in node.parts
            for cell in self._dumped(f"{guard}{variable}.{name}", part, optional=optional)
        ]

    def _corruption(self) -> Callable[[Row, str | None], NoReturn]:
        """What raises the error for a row, with the identity that the row has."""
        entity, node, columns = self._entity.__name__, self._nodes[self._key], list(self._cells)
        at = [columns.index(id(column)) for column in columns_of(node)]

        def corrupt(row: Row, field: str | None) -> NoReturn:
            values = [row[position] for position in at]
            identity: object = tuple(values) if len(values) > 1 else values[0]
            if isinstance(node, Wrapped) and issubclass(node.type, ScalarValue):
                identity = node.type.restore(identity)
            raise CorruptRowError(entity, identity, field)

        return corrupt

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"

    def _default(self, factory: Callable[[], object]) -> str:
        """The expression for a default; ``list[Event]()`` costs several times of ``[]``."""
        return _LITERALS.get(get_origin(factory) or factory) or f"{self._name(factory)}()"

    def _name(self, thing: object, hint: str = "") -> str:
        """The name under which the code knows a class or another object."""
        base = hint or (thing.__name__ if isinstance(thing, type) else "default")
        name = base
        number = 1
        while self._globals.setdefault(name, thing) is not thing:
            number += 1
            name = f"{base}_{number}"
        return name

    def _add(self, line: str) -> None:
        self._lines.append("    " * self._depth + line)

    @contextmanager
    def _block(self, head: str) -> Generator[None]:
        self._add(head)
        self._depth += 1
        yield
        self._depth -= 1


def _derives(node: Composite) -> bool:
    """Whether a value works out a field by itself, so that only its constructor can build it."""
    return is_dataclass(node.type) and any(not field.init for field in fields(node.type))


def _has_derived_field(node: FieldNode) -> bool:
    return isinstance(node, Composite) and (_derives(node) or any(_has_derived_field(part) for _, part in node.parts))


def _leaves(node: FieldNode) -> Iterator[Leaf | Wrapped]:
    if isinstance(node, Composite):
        for _, part in node.parts:
            yield from _leaves(part)
    else:
        yield node


def _is_mutable(leaf: Leaf) -> bool:
    return leaf.hint is None or not issubclass(leaf.hint, _IMMUTABLE)


def _theirs(_: object) -> NoReturn:
    raise NotImplementedError("rows of this entity are turned by to_entity and to_row")


class _InvalidFieldError(Exception):
    """A stored value was refused. Only the field is told; None for the entity as a whole."""


def _checked(field: str | None, cls: Callable[..., object], *arguments: object, **parts: object) -> object:
    try:
        return cls(*arguments, **parts)
    except _InvalidFieldError:
        raise
    except Exception:
        raise _InvalidFieldError(field) from None


def _present(field: str, value: object) -> object:
    if value is None:
        raise _InvalidFieldError(field)
    return value


def _required_leaves(node: Composite) -> Iterator[Leaf | Wrapped]:
    """The parts that are there whenever the value is: not those of an optional value inside it."""
    for _, part in node.parts:
        if part.optional:
            continue
        if isinstance(part, Composite):
            yield from _required_leaves(part)
        else:
            yield part
