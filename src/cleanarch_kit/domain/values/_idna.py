"""Internationalised domain names (IDNA 2008, RFC 5890 to 5893) in their strict form."""

import re
import unicodedata
from typing import Final

__all__ = ["to_ascii"]

_LONGEST_LABEL: Final = 63
_PLAIN_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII).fullmatch
_CATEGORIES: Final = frozenset({"Ll", "Lu", "Lo", "Lm", "Mn", "Mc", "Nd"})
# RFC 5892, section 2.6: characters whose general properties would say otherwise
_VALID_EXCEPTIONS: Final = frozenset("\u00df\u03c2\u06fd\u06fe\u0f0b\u3007")
_DISALLOWED_EXCEPTIONS: Final = frozenset("\u0640\u07fa\u302e\u302f\u3031\u3032\u3033\u3034\u3035\u303b")
# RFC 5892, sections 2.3, 2.4 and 2.9: ignorable characters, marks for symbols, musical notation, conjoining Hangul
_DISALLOWED_BLOCKS: Final = (
    range(0x034F, 0x0350),
    range(0x17B4, 0x17B6),
    range(0x180B, 0x1810),
    range(0xFE00, 0xFE10),
    range(0xE0100, 0xE01F0),
    range(0x20D0, 0x2100),
    range(0x1D100, 0x1D250),
    range(0x1100, 0x1200),
    range(0xA960, 0xA980),
    range(0xD7B0, 0xD800),
)
_RIGHT: Final = frozenset({"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"})


def to_ascii(domain: str) -> str | None:
    """The ASCII form of a domain in small letters, or None if a label is not valid.

    Stricter than the standard in one point: characters that are valid in some context only (joiners, middle dots, the
    Greek and Hebrew numeral signs) are refused.
    """
    labels = [_label_to_ascii(label) for label in domain.split(".")]
    return None if None in labels else ".".join(label for label in labels if label is not None)


def _label_to_ascii(label: str) -> str | None:
    if len(label) > _LONGEST_LABEL:
        return None
    if label.startswith("xn--"):
        try:
            unicode_form = label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            return None
        return label if not unicode_form.isascii() and _encoded(unicode_form) == label else None
    if label.isascii():
        return label if _PLAIN_LABEL(label) else None
    return _encoded(unicodedata.normalize("NFC", label))


def _encoded(label: str) -> str | None:
    if not _is_valid(label):
        return None
    encoded = "xn--" + label.encode("punycode").decode("ascii")
    return encoded if len(encoded) <= _LONGEST_LABEL else None


def _is_valid(label: str) -> bool:
    return (
        unicodedata.is_normalized("NFC", label)
        and not label.startswith("-")
        and not label.endswith("-")
        and label[2:4] != "--"
        and not unicodedata.category(label[0]).startswith("M")
        and all(map(_is_valid_character, label))
        and _obeys_bidi(label)
    )


def _is_valid_character(character: str) -> bool:
    """PVALID in the sense of RFC 5892."""
    if character in _VALID_EXCEPTIONS:
        return True
    if character in _DISALLOWED_EXCEPTIONS or any(ord(character) in block for block in _DISALLOWED_BLOCKS):
        return False
    if character.isascii():
        return character == "-" or "a" <= character <= "z" or character.isdigit()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", character).casefold())
    return folded == character and unicodedata.category(character) in _CATEGORIES


def _obeys_bidi(label: str) -> bool:
    """RFC 5893, section 2, for one label: no mixing of directions that would display in another order."""
    directions = [unicodedata.bidirectional(character) for character in label]
    if not any(direction in {"R", "AL", "AN"} for direction in directions):
        return True
    ending = next((direction for direction in reversed(directions) if direction != "NSM"), "")
    if directions[0] in {"R", "AL"}:
        return set(directions) <= _RIGHT and ending in {"R", "AL", "EN", "AN"} and not {"EN", "AN"} <= set(directions)
    return False
