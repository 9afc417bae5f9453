"""`Slug`: a name for a place in a URL."""

import re
from collections.abc import Mapping
from typing import ClassVar

from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["Slug"]

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII).fullmatch


class Slug(ScalarValue[str]):
    """Small ASCII letters and digits in words joined by single hyphens: ``clean-code-2``. 100 characters at most."""

    __slots__ = ()

    max_length = 100
    json_schema: ClassVar[Mapping[str, object]] = {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}

    @classmethod
    def validate(cls, value: object) -> str:
        """Return the slug. See `ScalarValue.validate`."""
        slug = super().validate(value)
        if not _SLUG(slug):
            raise InvalidValueError(
                cls.__name__, "must consist of small letters a to z and digits, in words joined by single hyphens"
            )
        return slug
