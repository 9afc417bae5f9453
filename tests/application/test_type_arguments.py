from typing import Generic, TypeVar

from cleanarch_kit.application.type_arguments import type_argument

A = TypeVar("A")
B = TypeVar("B")


class Base(Generic[A, B]): ...


class Swapped(Base[B, A], Generic[A, B]): ...


class Half(Base[int, A]): ...


class Plain(Base[str, int]): ...


class Bare(Base):  # type: ignore[type-arg] # pyright: ignore[reportMissingTypeArgument]
    """Gives nothing."""


class Unrelated: ...


def test_arguments_are_found_however_many_classes_stand_between() -> None:
    class Deep(Plain): ...

    class Mixed(Unrelated, Half[bytes]): ...

    class Turned(Swapped[int, str]): ...

    class Twice(Deep, Plain): ...

    for cls, expected in (
        (Plain, (str, int)),
        (Deep, (str, int)),
        (Mixed, (int, bytes)),
        (Turned, (str, int)),
        (Twice, (str, int)),
        (Half, (int, None)),
        (Swapped, (None, None)),
        (Base, (None, None)),
        (Bare, (None, None)),
        (Unrelated, (None, None)),
    ):
        assert (type_argument(cls, Base, 0), type_argument(cls, Base, 1)) == expected, cls


def test_a_generic_argument_is_its_class() -> None:
    class Listed(Base[list[int], dict[str, int]]): ...

    assert (type_argument(Listed, Base, 0), type_argument(Listed, Base, 1)) == (list, dict)


def test_the_first_base_that_tells_is_taken() -> None:
    class Port(Base[A, B]): ...

    class Adapter(Base[A, B]): ...

    class Port2(Port[int, str]): ...

    class Both(Adapter[int, str], Port2): ...

    assert type_argument(Both, Base, 1) is str
