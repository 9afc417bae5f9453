"""`DomainEvent`: something that happened, stated in the past tense and never changed."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from cleanarch_kit.domain._primitives import aware_datetime
from cleanarch_kit.domain.clock import SystemClock
from cleanarch_kit.domain.identity import uuid7
from cleanarch_kit.errors import DefinitionError, InvalidValueError

__all__ = ["DomainEvent"]

_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*", re.ASCII).fullmatch
_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainEvent:
    """Something that happened in the domain.

    Derive with ``@dataclass(frozen=True, kw_only=True)``, with or without ``slots=True``, and give the event the
    name and version under which it is stored and sent:

        @dataclass(frozen=True, kw_only=True)
        class OrderPlaced(DomainEvent, name="shop.order.placed", version=2):
            order_id: OrderId

    Without a name it is called after its module and class, which no two classes share, but which changes when the
    class is moved: name every event that is stored. Events with equal fields are equal, whenever they happened.

    Attributes:
        event_id: a UUID of version 7; not compared.
        occurred_at: when it happened, in UTC; not compared.
        event_name: the name, on the class.
        event_version: the version of the event's fields, on the class; 1 if not given.
        event_type: both together, on the class: ``"shop.order.placed.v2"``.
    """

    event_name: ClassVar[str]
    event_version: ClassVar[int]
    event_type: ClassVar[str]

    event_id: UUID = field(default_factory=uuid7, compare=False)
    occurred_at: datetime = field(default_factory=SystemClock().now, compare=False)

    def __init_subclass__(cls, *, name: str | None = None, version: int | None = None, **keywords: object) -> None:
        super(DomainEvent, cls).__init_subclass__(**keywords)
        if name is None and version is None and "event_type" in cls.__dict__:
            return  # dataclass(slots=True) makes the class a second time, without the keywords
        if name is not None and (len(name) > _LONGEST_NAME or not _NAME(name)):
            raise DefinitionError(
                f"{cls.__qualname__}: an event's name is made of words joined by dots, such as 'shop.order.placed',"
                f" with {_LONGEST_NAME} characters at most"
            )
        if version is not None and (isinstance(version, bool) or version < 1):
            raise DefinitionError(f"{cls.__qualname__}: an event's version is a whole number from 1 upwards")
        cls.event_name = name or f"{cls.__module__}.{cls.__qualname__}"
        cls.event_version = version or 1
        cls.event_type = f"{cls.event_name}.v{cls.event_version}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "occurred_at", aware_datetime(type(self).__name__, self.occurred_at))
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, datetime) and value.utcoffset() is None:
                raise InvalidValueError(
                    type(self).__name__, f"field {name!r} must have a time zone: a naive datetime names no instant"
                )
