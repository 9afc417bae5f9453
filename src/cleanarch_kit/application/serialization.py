"""Values as JSON and back, by the type they are declared with.

The one place that uses pydantic. It is imported when the first codec is built, so that a program which stores
and sends nothing never pays for it.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from cleanarch_kit.errors import DefinitionError, SerializationError

if TYPE_CHECKING:
    pass

__all__ = ["Codec", "codec"]

T = TypeVar("T")


class Codec(Generic[T]):
    """Turns values of one declared type into JSON bytes and back.

    Writing is exact: a value that is not of its declared type is refused and not written in some other form.
    Reading is tolerant the way JSON needs it: unknown fields are ignored, text becomes dates, ids and value objects,
    and each of them validates as if it were built by hand. Immutable and safe to share between tasks and threads.
    """

    __slots__ = ("_adapter", "_fields", "_name")

    def __init__(self, annotation: object) -> None:
        """Compile the codec; costs milliseconds, so build it once and keep it.

        Args:
            annotation: a type as it stands in an annotation: a class, ``list[int]``, ``User | None`` and so on.

        Raises:
            DefinitionError: no JSON form can be derived from the annotation.
        """
        from pydantic import TypeAdapter  # noqa: PLC0415 - see above: paid by those who need it
        from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError  # noqa: PLC0415

        self._name = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
        self._fields = _declared_fields(annotation)
        try:
            self._adapter: TypeAdapter[T] = TypeAdapter(annotation)
        except (PydanticUserError, PydanticUndefinedAnnotation) as error:
            raise DefinitionError(
                f"no JSON form can be derived from {self._name}: {str(error).splitlines()[0]}"
            ) from error

    def encode(self, value: T, *, exclude: Iterable[str] = ()) -> bytes:
        """Write a value as compact JSON in UTF-8.

        Args:
            value: a value of the declared type.
            exclude: fields that are left out.

        Raises:
            SerializationError: the value, or something in it, is not of its declared type or has no JSON form.
        """
        try:
            return self._adapter.dump_json(value, exclude=set(exclude) or None, warnings="error")
        except Exception:
            field = self._field_at_fault(value, exclude)
        raise SerializationError(self._name, field, "must be of its declared type and have a JSON form")

    def to_plain(self, value: T, *, exclude: Iterable[str] = ()) -> object:
        """Take a value apart into dicts, lists and leaves, the leaves as Python has them (dates stay dates).

        Args:
            value: a value of the declared type.
            exclude: fields that are left out.

        Raises:
            SerializationError: the value, or something in it, is not of its declared type.
        """
        try:
            return self._adapter.dump_python(value, exclude=set(exclude) or None, warnings="error")
        except Exception:
            field = self._field_at_fault(value, exclude)
        raise SerializationError(self._name, field, "must be of its declared type and have a JSON form")

    def decode(self, data: bytes) -> T:
        """Read and validate a value.

        Args:
            data: JSON in UTF-8.

        Raises:
            SerializationError: the data is no JSON, or no value of the declared type.
        """
        from pydantic import ValidationError  # noqa: PLC0415 - already imported by now

        try:
            return self._adapter.validate_json(data)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            place = first["loc"][0] if first["loc"] else None
            field = place if isinstance(place, str) and place in self._fields else None
            rule = f"is not valid ({first['type']})"
        except Exception:  # a constructor that refuses with an error of its own
            field, rule = None, "is not valid (refused by a constructor)"
        raise SerializationError(self._name, field, rule)

    def json_schema(self) -> dict[str, object]:
        """JSON Schema (draft 2020-12) of what `decode` reads."""
        return dict(self._adapter.json_schema(mode="validation"))

    def _field_at_fault(self, value: T, exclude: Iterable[str]) -> str | None:
        for field in sorted(self._fields.difference(exclude)):
            try:
                self._adapter.dump_json(value, include={field}, warnings="error")
            except Exception:
                return field
        return None

    def __repr__(self) -> str:
        return f"Codec({self._name})"


@lru_cache(maxsize=512)
def codec(annotation: type[T]) -> Codec[T]:
    """The codec of a type, compiled once and remembered (the 512 used last).

    Args:
        annotation: a hashable type; for one that is only known as an object, build a `Codec` and keep it.

    Raises:
        DefinitionError: no JSON form can be derived from it.
    """
    return Codec(annotation)


def _declared_fields(annotation: object) -> frozenset[str]:
    """Field names that stand in the code, in contrast to keys that stand in the data."""
    for attribute in ("__dataclass_fields__", "model_fields", "__struct_fields__"):
        if names := getattr(annotation, attribute, None):
            return frozenset(names)
    return frozenset()
