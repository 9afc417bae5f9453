"""Values as JSON and back, by the type they are declared with.

The one place that uses pydantic. It is imported when the first codec is built, so that a program which stores
and sends nothing never pays for it.
"""

from collections.abc import Collection, Hashable
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

from cleanarch_kit.errors import DefinitionError, SerializationError

__all__ = ["Codec", "codec"]

T = TypeVar("T")


class Codec(Generic[T]):
    """Turns values of one declared type into JSON bytes and back.

    Writing is exact: a value that is not of its declared type is refused, not written in some other form.
    Reading is tolerant the way JSON needs it: unknown fields are ignored, text becomes dates, ids and value objects,
    and each of them is checked as if it were built by hand. Immutable; tasks and threads may share it.
    """

    __slots__ = ("_adapter", "_exclude", "_fields", "_name", "_type")

    def __init__(self, annotation: object, *, exclude: Collection[str] = ()) -> None:
        """Compile the codec; costs milliseconds, so build it once and keep it.

        Args:
            annotation: a type as it stands in an annotation: a class, ``list[int]``, ``User | None`` and so on.
            exclude: fields that are not written; `decode` wants them all the same.

        Raises:
            DefinitionError: no JSON form can be derived from the annotation.
        """
        import pydantic  # noqa: PLC0415 - paid for by those who need it

        self._name = annotation.__qualname__ if isinstance(annotation, type) else str(annotation)
        self._fields = _declared_fields(annotation)
        self._type = annotation if isinstance(annotation, type) else object
        self._exclude = set(exclude) or None
        try:
            self._adapter: pydantic.TypeAdapter[T] = pydantic.TypeAdapter(cast("type[T]", annotation))
            self._adapter.rebuild(raise_errors=True)  # does nothing, unless a name in the annotation is not defined yet
        except (pydantic.PydanticUserError, pydantic.PydanticUndefinedAnnotation) as error:
            reason = str(error).splitlines()[0]
            raise DefinitionError(f"no JSON form can be derived from {self._name}: {reason}") from error

    def encode(self, value: T) -> bytes:
        """Write a value as compact JSON in UTF-8.

        Raises:
            SerializationError: the value, or something in it, is not of its declared type or has no JSON form.
        """
        try:
            return self._adapter.dump_json(value, exclude=self._exclude, warnings="error")
        except Exception:  # whatever a serializer raised: it may quote the value
            refusal = self._unwritable(value)
        raise refusal

    def to_fields(self, value: T) -> dict[str, object]:
        """Take a value with fields apart into dicts, lists and leaves; the leaves stay as Python has them.

        Raises:
            SerializationError: the value, or something in it, is not of its declared type.
        """
        try:
            fields: dict[str, object] = self._adapter.dump_python(value, exclude=self._exclude, warnings="error")
        except Exception:  # as above
            refusal = self._unwritable(value)
        else:
            return fields
        raise refusal

    def decode(self, data: bytes) -> T:
        """Read and check a value.

        Raises:
            SerializationError: the data is no JSON, or no value of the declared type.
        """
        try:
            return self._adapter.validate_json(data)
        except Exception as error:  # a constructor may refuse with an error of its own
            refusal = self._unreadable(error)
        raise refusal

    def json_schema(self) -> dict[str, object]:
        """JSON Schema (draft 2020-12) of what `decode` reads."""
        return dict(self._adapter.json_schema(mode="validation"))

    def _unwritable(self, value: T) -> SerializationError:
        rule = "must be of its declared type and have a JSON form"
        fields = self._fields.difference(self._exclude or ()) if isinstance(value, self._type) else ()
        for field in sorted(fields):
            try:
                self._adapter.dump_json(value, include={field}, warnings="error")
            except Exception:
                return SerializationError(self._name, field, rule)
        return SerializationError(self._name, None, rule)

    def _unreadable(self, error: Exception) -> SerializationError:
        import pydantic  # noqa: PLC0415 - loaded long ago

        if not isinstance(error, pydantic.ValidationError):
            return SerializationError(self._name, None, "is not valid (refused by a constructor)")
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = first["loc"][0] if first["loc"] else None
        field = place if isinstance(place, str) and place in self._fields else None
        return SerializationError(self._name, field, f"is not valid ({first['type']})")

    def __repr__(self) -> str:
        return f"Codec({self._name})"


def codec(annotation: type[T]) -> Codec[T]:
    """The codec of a type, compiled once and remembered (the 512 used last).

    For an annotation that is no class, or one that cannot be hashed, build a `Codec` and keep it.

    Raises:
        DefinitionError: no JSON form can be derived from it.
    """
    compiled: Codec[T] = _compiled(cast("Hashable", annotation))
    return compiled


@lru_cache(maxsize=512)
def _compiled(annotation: Hashable) -> Codec[Any]:
    return Codec(annotation)


def _declared_fields(annotation: object) -> frozenset[str]:
    """Names that stand in the code, in contrast to keys that stand in the data."""
    for attribute in ("__dataclass_fields__", "model_fields", "__struct_fields__"):
        if names := getattr(annotation, attribute, None):
            return frozenset(names)
    return frozenset()
