"""`ScalarValue`: the base of values with one field."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Protocol, Self, TypeVar, cast, get_args, get_origin

from cleanarch_kit.domain._primitives import PRIMITIVES, from_wire
from cleanarch_kit.domain._pydantic import JSON_SCHEMAS, json_value, masked_schema, scalar_schema
from cleanarch_kit.errors import DefinitionError, InvalidValueError

__all__ = ["ScalarValue"]


class _Ordered(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...
    def __le__(self, other: Any, /) -> bool: ...
    def __gt__(self, other: Any, /) -> bool: ...
    def __ge__(self, other: Any, /) -> bool: ...


T_co = TypeVar("T_co", bound=_Ordered, covariant=True)


class ScalarValue(Generic[T_co]):
    """An immutable value with one field, told apart from its bare content by its type.

    Two values are equal if they are of the same class and hold the same; they hash accordingly and are ordered by
    what they hold. Values are immutable: copying gives the same object, and they may be shared between threads.

    A subclass names the plain type and, where the type alone does not say enough, overrides `validate`:

        class Sku(ScalarValue[str]):
            max_length = 8

            @classmethod
            def validate(cls, value: object) -> str:
                text = super().validate(value).upper()
                if not text.isalnum():
                    raise InvalidValueError(cls.__name__, "must consist of letters and digits")
                return text

    It then works as a pydantic field and FastAPI parameter, as a database column and in hypothesis, without more.

    Attributes:
        value: what it holds: `str`, `int`, `float`, `bool`, `Decimal`, `UUID`, `date` or `datetime`.
        value_type: the plain type, taken from the base `ScalarValue[...]`.
        max_length: for text, how many characters it may have; None for no limit.
        sensitive: whether an error must not show the input, which pydantic's otherwise do: personal data, for example.
        json_schema: what to add to the JSON schema of the plain type, for example ``{"format": "uri"}``.
    """

    value_type: ClassVar[type[Any]]
    max_length: ClassVar[int | None] = None
    sensitive: ClassVar[bool] = False
    json_schema: ClassVar[Mapping[str, object]] = {}

    if TYPE_CHECKING:

        @property
        def value(self) -> T_co:
            """What it holds."""
            ...
    else:
        __slots__ = ("value",)

    def __init__(self, value: T_co) -> None:
        """Check and keep the value.

        Raises:
            InvalidValueError: the value breaks a rule of this type.
        """
        _store(self, self.validate(value))

    def __init_subclass__(cls, **keywords: object) -> None:
        super().__init_subclass__(**keywords)
        for base in cls.__dict__.get("__orig_bases__", ()):
            if get_origin(base) is ScalarValue and isinstance(plain := get_args(base)[0], type):
                if plain not in PRIMITIVES:
                    known = ", ".join(known.__name__ for known in PRIMITIVES)
                    raise DefinitionError(f"{cls.__name__}: ScalarValue holds one of {known}, not {plain.__name__}")
                cls.value_type = plain

    @classmethod
    def validate(cls, value: object) -> T_co:
        """Check a value of any type and return it in the form to keep.

        The base checks type and `max_length`, and refuses NUL and lone surrogates in text, NaN and infinities, a
        bool as a number and a datetime without a time zone. Call it first in an override.

        Raises:
            InvalidValueError: the value breaks a rule; its text never contains the value.
        """
        plain = getattr(cls, "value_type", None)
        if plain is None:
            raise DefinitionError(f"{cls.__name__} must name its plain type: class {cls.__name__}(ScalarValue[str])")
        checked: Any = PRIMITIVES[plain](cls.__name__, value)
        if cls.max_length is not None and len(checked) > cls.max_length:
            raise InvalidValueError(cls.__name__, f"must have at most {cls.max_length} characters")
        return cast("T_co", checked)

    @classmethod
    def parse(cls, value: object) -> Self:
        """Build a value from what JSON or a URL carries: the plain value, or its text where JSON has no other form.

        Raises:
            InvalidValueError: see `validate`.
        """
        return cls.restore(cls.validate(from_wire(cls.value_type, value)))

    @classmethod
    def restore(cls, value: object) -> Self:
        """Rebuild a value from what an earlier one of this type held, without checking it again.

        For adapters that load what they stored. `value` must be of the plain type. Override it where a store gives
        back an equal value in another form.
        """
        restored = cls.__new__(cls)
        _store(restored, value)
        return restored

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((type(self), self.value))

    def __lt__(self, other: Self) -> bool:
        return NotImplemented if type(other) is not type(self) else self.value < other.value

    def __le__(self, other: Self) -> bool:
        return NotImplemented if type(other) is not type(self) else self.value <= other.value

    def __gt__(self, other: Self) -> bool:
        return NotImplemented if type(other) is not type(self) else self.value > other.value

    def __ge__(self, other: Self) -> bool:
        return NotImplemented if type(other) is not type(self) else self.value >= other.value

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: build a new one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is immutable: build a new one")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).restore, (self.value,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> object:
        schema = masked_schema if cls.sensitive else scalar_schema
        return schema(cls, cls.parse, _json_form)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, handler: object) -> dict[str, object]:
        limit = {} if cls.max_length is None else {"maxLength": cls.max_length}
        return {"title": cls.__name__, **JSON_SCHEMAS[cls.value_type], **limit, **cls.json_schema}


def _json_form(value: Any) -> object:
    return json_value(value.value)


_store: Callable[[object, object], None] = vars(ScalarValue)["value"].__set__
