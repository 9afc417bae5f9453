"""`Email`: an address as mail servers know it."""

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from cleanarch_kit.domain._primitives import text
from cleanarch_kit.domain.value_object import ScalarValue
from cleanarch_kit.errors import InvalidValueError

__all__ = ["Email"]

_LONGEST: Final = 254
_LONGEST_LOCAL: Final = 64
_WORD = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOT_ATOM = re.compile(rf"{_WORD}(?:\.{_WORD})*", re.ASCII).fullmatch
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}", re.ASCII).fullmatch
# What nearly every address looks like, short enough that no part of it can be too long.
_ORDINARY = re.compile(
    r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]++)*+"
    r"@(?:[a-zA-Z0-9]++(?:-[a-zA-Z0-9]++)*+\.)+[a-zA-Z]{2,}+",
    re.ASCII,
).fullmatch
_SHORT: Final = 64
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~]|\\[ -~])*"', re.ASCII).fullmatch


class Email(ScalarValue[str]):
    """An e-mail address: ``local@domain``, checked as a whole and normalised as a whole.

    One mailbox is one value: capitals become small, the domain takes its ASCII form (``xn--``), quotes that the local
    part does not need go. Whoever needs the address as it was typed keeps it in a field of its own.

    Taken are the local parts of RFC 5321 (words joined by dots, or quoted text) of at most 64 octets, in front of a
    host name of two labels or more, IDN included, 254 octets in all. Not taken are comments, white space around, domain
    literals, bare host names, and local parts beyond ASCII, which most servers do not take either. Whether the mailbox
    exists, only a mail to it can tell.
    """

    __slots__ = ()

    max_length = _LONGEST
    sensitive = True
    json_schema: ClassVar[Mapping[str, object]] = {"format": "email"}

    @classmethod
    def validate(cls, value: object) -> str:
        """Return the address in its normal form. See `ScalarValue.validate`; no error contains the address."""
        if type(value) is str and len(value) <= _SHORT and _ORDINARY(value):
            return value.lower()
        address = text(cls.__name__, value)
        if len(address) > 2 * _LONGEST:
            raise InvalidValueError(cls.__name__, "must have at most 254 octets")
        local, at, domain = address.rpartition("@")
        if not at:
            raise InvalidValueError(cls.__name__, "must have the form local@domain")
        normal = f"{_local(cls.__name__, local)}@{_host(cls.__name__, domain)}"
        if len(normal) > _LONGEST:
            raise InvalidValueError(cls.__name__, "must have at most 254 octets")
        return normal

    @property
    def local(self) -> str:
        """What stands before the last ``@``."""
        return self.value.rpartition("@")[0]

    @property
    def domain(self) -> str:
        """What stands behind the last ``@``, in its ASCII form."""
        return self.value.rpartition("@")[2]


def _local(owner: str, local: str) -> str:
    if not local.isascii():
        raise InvalidValueError(owner, "must have a local part (before the @) in ASCII")
    local = local.lower()
    if not _DOT_ATOM(local):
        if not _QUOTED(local):
            raise InvalidValueError(
                owner, "must have a local part (before the @) of words joined by dots, or in double quotes"
            )
        local = _requoted(local)
    if len(local) > _LONGEST_LOCAL:
        raise InvalidValueError(owner, "must have a local part (before the @) of at most 64 octets")
    return local


def _requoted(quoted: str) -> str:
    """The same local part with no more quotes and backslashes than it needs."""
    content = re.sub(r"\\(.)", r"\1", quoted[1:-1])
    if _DOT_ATOM(content):
        return content
    return '"' + re.sub(r'(["\\])', r"\\\1", content) + '"'


def _host(owner: str, domain: str) -> str:
    host = domain.lower()
    if not host.isascii() or "xn--" in host:
        from cleanarch_kit.domain.values._idna import to_ascii  # noqa: PLC0415 - brings the Unicode database

        converted = to_ascii(host)
        if converted is None:
            raise InvalidValueError(owner, "must have a domain that is a valid internationalised name")
        host = converted
    if not _DOMAIN(host) or len(host) > 253 or host.rpartition(".")[2].isdigit():
        raise InvalidValueError(owner, "must have a domain such as example.com")
    return host
