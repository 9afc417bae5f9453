"""The ASCII form of names, with the package idna as the judge."""

import random
import re
import unicodedata

import idna

from cleanarch_kit.domain.values._idna import to_ascii

LETTERS = [
    "abcxyz019-",
    "äöüßéèñçøåłđ",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "αβγδεζηθικλμνξοπρστυφχψως",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "中文字日本語",
    "ひらがなカタカナー",
    "한국어",
    "नमस्ते",
    "ไทย",
    "০১২",
    "٣٤۴۵",
    "\u0301\u0308",
]
# valid in some context only: refused here, weighed by the judge
CONTEXTUAL = set("\u00b7\u0375\u05f3\u05f4\u200c\u200d\u30fb")


def judged(label: str) -> str | None:
    """What idna makes of a label in its normal form; a plain ASCII label is a host's name, hyphens or not."""
    normal = unicodedata.normalize("NFC", label)
    if re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", normal):
        return normal
    try:
        return idna.encode(normal).decode()
    except (idna.IDNAError, UnicodeError):
        return None


def test_every_character_is_judged_alike() -> None:
    codes = [*range(0x80, 0x3400), *range(0x3400, 0xA000, 97), *range(0xA000, 0xD800, 13), *range(0xE000, 0x30000, 17)]
    characters = [chr(code) for code in (*codes, *range(0xF900, 0x10000))]
    different = [
        character
        for character in characters
        if unicodedata.category(character) != "Cn"
        and character not in CONTEXTUAL
        and character not in "\u3002\uff0e\uff61"  # dots, to the judge
        and to_ascii(f"a{character}a") != judged(f"a{character}a")
    ]
    assert different == ["\u212a"]  # the Kelvin sign, which becomes a capital letter


def test_random_labels_are_judged_alike() -> None:
    rng = random.Random(20240501)  # noqa: S311 - a seed, not a secret
    taken = 0
    for _ in range(8_000):
        letters = "".join(rng.sample(LETTERS, rng.choice((1, 1, 1, 2))))
        label = "".join(rng.choices(letters, k=rng.randint(1, 8)))
        if not label.startswith("xn--"):
            assert to_ascii(label) == judged(label), ascii(label)
            taken += to_ascii(label) is not None
    assert taken > 2_000


def test_the_ascii_form_of_the_ascii_form_is_itself() -> None:
    for label in ("münchen", "straße", "пример", "例え", "한국", "עברית", "उदाहरण"):
        encoded = to_ascii(label)
        assert encoded is not None
        assert to_ascii(encoded) == encoded == idna.encode(label).decode()


def test_characters_that_need_a_context_are_refused() -> None:
    for character in CONTEXTUAL:
        assert to_ascii(f"l{character}l") is None
    assert to_ascii("l\u00b7l") is None
    assert judged("l\u00b7l") == "xn--ll-0ea"


def test_a_domain_is_valid_if_every_label_is() -> None:
    assert to_ascii("mail.münchen.de") == "mail.xn--mnchen-3ya.de"
    assert to_ascii("mail.☃.de") is None
    assert to_ascii("mail..de") is None
    assert to_ascii("xn--mnchen-3ya.de") == "xn--mnchen-3ya.de"
    assert to_ascii("xn--example-.de") is None
    assert to_ascii("xn--ü.de") is None
    assert to_ascii("ü" * 60) is None
