"""Writing the functions that turn rows into entities and an entity into a row.

They are written out once per entity, field by field, as a person would write them: a page of a hundred rows is loaded
in one loop, without looking anything up in a mapping. The source is kept, to be read and stepped through.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from types import MemberDescriptorType
from typing import Any, NoReturn, get_origin
from uuid import UUID

from cleanarch_kit.adapters.sqlalchemy._loose_types import Row
from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import Derived, MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Composite, FieldNode, Leaf, Wrapped, columns_of, leaves_of
from cleanarch_kit.adapters.sqlalchemy.mapping.source_code import SourceCode
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import CorruptRowError

__all__ = ["RowCode", "write_row_code"]

_IMMUTABLE = (str, int, float, bool, bytes, Decimal, UUID, date, datetime, time, timedelta, Enum, ScalarValue)
_RESTORE = inspect.getattr_static(ScalarValue, "restore").__func__
_LITERALS: Mapping[object, str] = {list: "[]", dict: "{}", set: "set()"}


@dataclass(frozen=True, slots=True)
class RowCode:
    """The generated functions and their source. Rows have the columns in the order of the fields.

    Row and entity share nothing that can change: lists and the like are copied.

    Attributes:
        load_all: gives the entities of rows. Runs no constructor unless it validates.
        load: gives the entity of one row.
        dump: gives the row of an entity.
        suspects: gives the positions of entities that do not hold the very objects of their rows any more; those that
            do are as the rows made them.
        identity: gives the values of the identity's columns for an identity.
        source: the text of them all.
    """

    load_all: Callable[[Iterable[Any]], list[Any]]
    load: Callable[[Any], Any]
    dump: Callable[[Any], Row]
    suspects: Callable[[Iterable[Any], Iterable[Any]], list[int]]
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
    """Writes field by field."""

    def __init__(self, entity_type: type, derived: Derived, rules: MappingRules) -> None:
        self._entity = entity_type
        self._keys = rules.keys
        self._own_code = rules.own_code
        self._nodes = derived.nodes
        self._defaults = derived.defaults
        self._validate = rules.validate
        self._may_be_corrupt = rules.validate or any(map(_has_derived_field, derived.nodes.values()))
        self._setters: dict[MemberDescriptorType, Callable[[Any, object], None]] = {}
        self._cells = {id(column): f"c{index}" for index, column in enumerate(derived.columns)}
        self._code = SourceCode(
            new=object.__new__,
            assign=object.__setattr__,
            deepcopy=copy.deepcopy,
            checked=_checked,
            present=_present,
            InvalidField=_InvalidFieldError,
            corrupt=self._corruption(),
        )
        self._unpack = f"{', '.join(self._cells.values())}, = row"

    def compiled(self) -> RowCode:
        if not self._own_code:
            self._write_load()
            self._write_dump()
            self._write_suspects()
        self._write_identity()
        written = self._code.compiled(f"<rows of {self._entity.__module__}.{self._entity.__qualname__}>")
        load_all, load, dump = (written.get(name, _theirs) for name in ("load_all", "load", "dump"))
        return RowCode(load_all, load, dump, written.get("suspects", _theirs), written["identity"], self._code.text)

    def _write_load(self) -> None:
        with self._code.block("def load_all(rows):"):
            self._code.add("entities = []")
            with self._code.block("for row in rows:"):
                self._code.add(self._unpack)
                if self._may_be_corrupt:
                    self._write_guarded_loading()
                else:
                    self._write_loading()
            self._code.add("return entities")
        with self._code.block("def load(row):"):
            self._code.add("return load_all((row,))[0]")

    def _write_guarded_loading(self) -> None:
        with self._code.block("try:"):
            self._write_loading()
            self._code.add("continue")
        with self._code.block("except InvalidField as error:"):
            self._code.add("field = error.args[0]")
        self._code.add("corrupt(row, field)")

    def _write_loading(self) -> None:
        values = {name: self._loaded(name, node) for name, node in self._nodes.items()}
        if self._validate:
            taken = [field.name for field in fields(self._entity) if field.init and field.name in values]
            arguments = "".join(f", {name}={values.pop(name)}" for name in taken)
            self._code.add(f"entity = checked(None, {self._class(self._entity)}{arguments})")
        else:
            self._code.add(f"entity = new({self._class(self._entity)})")
        values |= {name: self._default(default) for name, default in self._defaults.items()}
        self._write_attributes("entity", self._entity, values)
        self._code.add("entities.append(entity)")

    def _write_attributes(self, target: str, cls: type, values: Mapping[str, str]) -> None:
        """Write what sets the attributes of an object, which may be frozen, by the cheapest way that there is."""
        plain = inspect.getattr_static(cls, "__setattr__") is object.__setattr__
        for name, value in values.items():
            slot = inspect.getattr_static(cls, name, None)
            if plain:
                self._code.add(f"{target}.{name} = {value}")
            elif isinstance(slot, MemberDescriptorType):
                setter = self._setters.setdefault(slot, slot.__set__)
                self._code.add(
                    f"{self._code.name(setter, f'set_{slot.__objclass__.__name__}_{name}')}({target}, {value})"
                )
            else:
                self._code.add(f"assign({target}, {name!r}, {value})")

    def _write_dump(self) -> None:
        with self._code.block("def dump(entity):"):
            parts = [f"deepcopy({part})" if _is_mutable(leaf) else part for part, leaf, _ in self._dumped_fields()]
            self._code.add(f"return {', '.join(parts)},")

    def _write_suspects(self) -> None:
        with self._code.block("def suspects(entities, rows):"):
            self._code.add("positions = []")
            with self._code.block("for position, (entity, row) in enumerate(zip(entities, rows, strict=True)):"):
                self._code.add(self._unpack)
                dumped = list(self._dumped_fields())
                with self._code.block("if ("):
                    for number, (part, leaf, cell) in enumerate(dumped):
                        differs = "!=" if _is_mutable(leaf) or _is_enum(leaf) else "is not"
                        self._code.add(f"{'or ' if number else ''}{cell} {differs} ({part})")
                with self._code.block("):"):
                    self._code.add("positions.append(position)")
            self._code.add("return positions")

    def _write_identity(self) -> None:
        with self._code.block("def identity(id):"):
            paths = ["id"] if len(self._keys) == 1 else [f"id[{at}]" for at in range(len(self._keys))]
            named = zip(paths, self._keys, strict=True)
            cells = [cell for path, key in named for cell in self._dumped(path, self._nodes[key])]
            self._code.add(f"return {', '.join(cells)}," if cells else "return ()")

    def _loaded(self, path: str, node: FieldNode) -> str:
        """Write what builds a field's value; gives the expression for it."""
        if isinstance(node, Leaf):
            cell = self._cells[id(node.column)]
            if _is_mutable(node):
                cell = f"deepcopy({cell})"
            return f"present({path!r}, {cell})" if self._validate and not node.optional else cell
        if not node.optional:
            return self._built(path, node)
        variable = self._code.variable()
        self._code.add(f"{variable} = None")
        with self._code.block(f"if {self._presence(node)}:"):
            self._code.add(f"{variable} = {self._built(path, node)}")
        return variable

    def _built(self, path: str, node: Wrapped | Composite) -> str:
        cls = self._class(node.type)
        if isinstance(node, Composite):
            parts = [(name, self._loaded(f"{path}.{name}", part)) for name, part in node.parts]
            if self._validate or _derives(node):
                return f"checked({path!r}, {cls}{''.join(f', {name}={value}' for name, value in parts)})"
            variable = self._code.variable()
            self._code.add(f"{variable} = new({cls})")
            self._write_attributes(variable, node.type, dict(parts))
            return variable
        cell = self._cells[id(node.column)]
        if self._validate:
            return f"checked({path!r}, {cls}, {cell})"
        if issubclass(node.type, ScalarValue):
            return self._restored(node.type, cell)
        if issubclass(node.type, Flag):
            return f"{cls}({cell})"
        members = self._code.name({member.value: member for member in node.type}, f"members_{node.type.__name__}")
        return f"{members}[{cell}] if {cell} in {members} else corrupt(row, {path!r})"

    def _restored(self, value_type: type[ScalarValue[Any]], cell: str) -> str:
        """What `ScalarValue.restore` does, written out, or the call of an override."""
        cls = self._class(value_type)
        if getattr(value_type.restore, "__func__", None) is not _RESTORE:
            return f"{cls}.restore({cell})"
        variable = self._code.variable()
        self._code.add(f"{variable} = new({cls})")
        self._write_attributes(variable, value_type, {"value": cell})
        return variable

    def _presence(self, node: Wrapped | Composite) -> str:
        """The condition under which an optional value is there: its first part that must be, else any."""
        if isinstance(node, Wrapped):
            return f"{self._cells[id(node.column)]} is not None"
        required = [*leaves_of(node, required=True)][:1]
        return " or ".join(f"{self._cells[id(leaf.column)]} is not None" for leaf in required or leaves_of(node))

    def _dumped_fields(self) -> Iterator[tuple[str, Leaf | Wrapped, str]]:
        """For each column what the entity has for it, where it lies, and the variable with the row's cell."""
        parts = [part for name, node in self._nodes.items() for part in self._dumped(f"entity.{name}", node)]
        leaves = [leaf for node in self._nodes.values() for leaf in leaves_of(node)]
        return zip(parts, leaves, self._cells.values(), strict=True)

    def _dumped(self, value: str, node: FieldNode, *, optional: bool = False) -> list[str]:
        """Expressions for the columns of a field; ``value`` is the expression for the field itself."""
        if isinstance(node, Leaf):
            return [value]
        optional = optional or node.optional
        if isinstance(node, Wrapped) and not optional:
            return [f"{value}.{_content(node)}"]
        variable = self._code.variable()
        self._code.add(f"{variable} = {value}")
        guard = f"None if {variable} is None else " if optional else ""
        if isinstance(node, Wrapped):
            return [f"{guard}{variable}.{_content(node)}"]
        return [
            cell
            for name, part in node.parts
            for cell in self._dumped(f"{guard}{variable}.{name}", part, optional=optional)
        ]

    def _corruption(self) -> Callable[[Row, str | None], NoReturn]:
        """What raises the error for a row, with the identity that the row has."""
        entity, nodes, columns = self._entity.__name__, [self._nodes[key] for key in self._keys], list(self._cells)
        at = [columns.index(id(column)) for node in nodes for column in columns_of(node)]
        node = nodes[0] if len(nodes) == 1 else None

        def corrupt(row: Row, field: str | None) -> NoReturn:
            values = [row[position] for position in at]
            identity: object = values[0] if len(values) == 1 else tuple(values) or None
            if isinstance(node, Wrapped) and issubclass(node.type, ScalarValue):
                identity = node.type.restore(identity)
            raise CorruptRowError(entity, identity, field)

        return corrupt

    def _default(self, factory: Callable[[], object]) -> str:
        """The expression for a default; ``list[Event]()`` costs several times of ``[]``."""
        name = self._class(factory) if isinstance(factory, type) else self._code.name(factory, "default")
        return _LITERALS.get(get_origin(factory) or factory) or f"{name}()"

    def _class(self, cls: type) -> str:
        return self._code.name(cls, cls.__name__)


def _derives(node: Composite) -> bool:
    """Whether a value works out a field by itself, so that only its constructor can build it."""
    return is_dataclass(node.type) and any(not field.init for field in fields(node.type))


def _has_derived_field(node: FieldNode) -> bool:
    return isinstance(node, Composite) and (_derives(node) or any(_has_derived_field(part) for _, part in node.parts))


def _is_mutable(leaf: Leaf | Wrapped) -> bool:
    return isinstance(leaf, Leaf) and (leaf.hint is None or not issubclass(leaf.hint, _IMMUTABLE))


def _is_enum(leaf: Leaf | Wrapped) -> bool:
    return isinstance(leaf, Wrapped) and issubclass(leaf.type, Enum)


def _content(leaf: Wrapped) -> str:
    """The attribute with what a value holds; that of an enum's member costs a call under its usual name."""
    usual = inspect.getattr_static(leaf.type, "value") is inspect.getattr_static(Enum, "value")
    return "_value_" if usual else "value"


def _theirs(*_: object) -> NoReturn:
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
