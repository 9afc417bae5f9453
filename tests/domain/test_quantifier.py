from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from cleanarch_kit.domain import Email, Specification, any_, contains, is_null, not_, one_of, present
from cleanarch_kit.domain.criteria import And, AnyOf, Comparison, Criterion, Field, IsNull, Node, Not, Or, Value
from cleanarch_kit.domain.evaluation import evaluate
from cleanarch_kit.domain.tracing import trace, trace_ordering


@dataclass
class Allocation:
    place: str
    count: int = 1


@dataclass
class Line:
    sku: str
    note: str | None = None
    open: bool = True
    allocations: list[Allocation] = field(default_factory=list[Allocation])


@dataclass
class Order:
    name: str = ""
    email: Email | None = None
    lines: list[Line] = field(default_factory=list[Line])
    by_sku: dict[str, Line] = field(default_factory=dict[str, Line])
    kinds: frozenset[str] = frozenset()
    sent: tuple[Line, ...] = ()
    gift: Line | None = None
    unknown: Any = None


LINES = Field(("lines",))
SKU_IS_X = Comparison("==", Field(("sku",)), Value("x"))

CRITERIA: list[tuple[Criterion[Order], Node]] = [
    (lambda o: any_(o.lines), AnyOf(LINES, None)),
    (lambda o: any_(o.lines, lambda line: line.sku == "x"), AnyOf(LINES, SKU_IS_X)),
    (lambda o: any_(o.by_sku, lambda line: line.sku == "x"), AnyOf(Field(("by_sku",)), SKU_IS_X)),
    (lambda o: any_(o.sent, lambda line: line.sku == "x"), AnyOf(Field(("sent",)), SKU_IS_X)),
    (lambda o: any_(o.gift, lambda line: line.sku == "x"), AnyOf(Field(("gift",)), SKU_IS_X)),
    (lambda o: any_(present(o.gift), lambda line: line.sku == "x"), AnyOf(Field(("gift",)), SKU_IS_X)),
    (lambda o: any_(o.unknown, lambda line: line.sku == "x"), AnyOf(Field(("unknown",)), SKU_IS_X)),
    (lambda o: not_(any_(o.lines, lambda line: not_(line.sku == "x"))), Not(AnyOf(LINES, Not(SKU_IS_X)))),
    (
        lambda o: (o.name == "x") & any_(o.lines, lambda line: (line.sku == "x") | is_null(line.note)),
        And(
            (
                Comparison("==", Field(("name",)), Value("x")),
                AnyOf(LINES, Or((SKU_IS_X, IsNull(Field(("note",)))))),
            )
        ),
    ),
    (
        lambda o: any_(o.lines, lambda line: any_(line.allocations, lambda it: it.place == "x") & (line.sku == "x")),
        AnyOf(
            LINES,
            And((AnyOf(Field(("allocations",)), Comparison("==", Field(("place",)), Value("x"))), SKU_IS_X)),
        ),
    ),
    (
        lambda o: any_(o.lines, lambda line: line.sku == line.note),
        AnyOf(LINES, Comparison("==", Field(("sku",)), Field(("note",)))),
    ),
    (lambda o: any_(o.lines, Specification[Line](lambda line: line.sku == "x")), AnyOf(LINES, SKU_IS_X)),
]


@pytest.mark.parametrize(("criterion", "node"), CRITERIA, ids=range(len(CRITERIA)))
def test_it_becomes_a_tree(criterion: Criterion[Order], node: Node) -> None:
    assert trace(criterion, Order) == node
    assert trace(criterion) == node


def test_captured_values_are_read_anew_each_time() -> None:
    wanted = "x"
    criterion: Criterion[Order] = lambda o: any_(o.lines, lambda line: line.sku == wanted)  # noqa: E731 - it is one
    assert trace(criterion, Order) == AnyOf(LINES, SKU_IS_X)
    wanted = "y"
    assert trace(criterion, Order) == AnyOf(LINES, Comparison("==", Field(("sku",)), Value("y")))


THROUGH = (
    "lines holds several objects: write any_(o.lines, lambda item: ...) for a condition on one of them,"
    " any_(o.lines) for whether there is any"
)

NO_LAMBDA: Any = "x"

MISUSES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda o: o.lines, THROUGH),
    (lambda o: o.lines.sku == "x", THROUGH),
    (lambda o: o.lines == [], THROUGH),
    (lambda o: len(o.lines) > 0, THROUGH),
    (lambda o: o.lines[0].sku == "x", THROUGH),
    (lambda o: contains(o.kinds, "x"), "kinds holds several objects: write any_(o.kinds, lambda item: ...)"),
    (lambda o: one_of(o.lines, []), THROUGH),
    (lambda o: any(line.sku == "x" for line in o.lines), "a criterion cannot go through a field: write any_(o.lines,"),
    (lambda o: "x" in o.kinds, "any_(o.lines, lambda line: ...) for what the entity owns"),
    (lambda o: any_(o.lines, lambda line: line.suk == "x"), "Line has no stored field 'suk': did you mean 'sku'?"),
    (lambda o: any_(o.lines, lambda line: line), "a criterion reads a field of the entity, not the entity as a whole:"),
    (lambda o: any_(o.lines, lambda line: True), "True is no condition:"),
    (lambda o: any_(o.lines, lambda line: (line.sku == "x") and line.open), "a criterion is neither true nor false"),
    (
        lambda o: any_(o.lines, NO_LAMBDA),
        "any_(o.lines, ...) takes a lambda over one object, such as lambda item: item.name == name, not 'x'",
    ),
    (lambda o: any_(["x"]), "any_() reads a field of the entity, such as u.name in lambda u: ..., not a value of type"),
    (lambda o: any_(o), "any_() reads a field of the entity, not the entity as a whole: write u.id, for example"),
    (
        lambda o: any_(o.kinds, lambda kind: kind == "x"),
        "kinds holds no objects with fields of their own: compare it, or write contains()",
    ),
    (lambda o: any_(o.email), "email holds no objects with fields of their own: compare it, or write contains()"),
    (lambda o: any_(o.nmae), "Order has no stored field 'nmae': did you mean 'name'?"),
    (
        lambda o: any_(o.lines, lambda line: o.name == "x"),
        "inside any_(o.lines, ...) a condition is about one object, and name is none of its fields:"
        " join it to any_() with & or |",
    ),
    (lambda o: any_(o.lines, lambda line: line.sku == o.name), "and name is none of its fields:"),
    (lambda o: any_(o.lines, lambda line: (line.sku == "x") & not_(o.name == "y")), "and name is none of its fields:"),
    (lambda o: any_(o.lines, lambda line: any_(o.lines)), "and lines is none of its fields:"),
    (
        lambda o: any_(o.lines, lambda line: any_(line.allocations, lambda it: it.place == line.sku)),
        "inside any_(o.allocations, ...) a condition is about one object, and sku is none of its fields:",
    ),
    (lambda o: any_(o.lines, lambda line: any_(o.sent, lambda sent: sent.sku == line.sku)), "and sku is none of its"),
]


@pytest.mark.parametrize(("misuse", "message"), MISUSES, ids=range(len(MISUSES)))
def test_a_misuse_says_what_to_write(misuse: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        trace(misuse, Order)
    assert message in str(caught.value)


def test_several_objects_have_no_order() -> None:
    with pytest.raises(TypeError, match="lines holds several objects"):
        trace_ordering(lambda o: o.lines, Order)


def an_order(*skus: str, note: str | None = None) -> Order:
    return Order(lines=[Line(sku, note=note) for sku in skus])


SEVERAL: list[tuple[Criterion[Order], Order, bool]] = [
    (lambda o: any_(o.lines), an_order(), False),
    (lambda o: any_(o.lines), an_order("a"), True),
    (lambda o: any_(o.lines, lambda line: line.sku == "x"), an_order("a", "x"), True),
    (lambda o: any_(o.lines, lambda line: line.sku == "x"), an_order("a", "b"), False),
    (lambda o: any_(o.lines, lambda line: present(line.note) == "x"), an_order("a"), False),
    (lambda o: any_(o.lines, lambda line: not_(present(line.note) == "x")), an_order("a"), False),
    (lambda o: any_(o.by_sku, lambda line: line.sku == "x"), Order(by_sku={"x": Line("x")}), True),
    (lambda o: any_(o.gift), Order(), False),
    (lambda o: any_(o.gift), Order(gift=Line("x")), True),
    (lambda o: any_(o.gift, lambda line: line.open), Order(gift=Line("x", open=False)), False),
    (
        lambda o: any_(o.lines, lambda line: any_(line.allocations, lambda it: it.count > 1)),
        Order(lines=[Line("a"), Line("b", allocations=[Allocation("x"), Allocation("y", 2)])]),
        True,
    ),
]


@pytest.mark.parametrize(("criterion", "order", "expected"), SEVERAL, ids=range(len(SEVERAL)))
def test_it_is_true_or_false_and_never_unknown(criterion: Criterion[Order], order: Order, expected: bool) -> None:
    node = trace(criterion, Order)
    assert evaluate(node, order) is expected
    assert evaluate(Not(node), order) is not expected


def test_a_specification_uses_it() -> None:
    orders_x = Specification[Order](lambda o: any_(o.lines, lambda line: line.sku == "x"))
    assert orders_x(an_order("x"))
    assert (~orders_x)(an_order("y"))


def test_a_type_checker_knows_the_objects() -> None:
    """Assignments that would not pass if the lambda's argument were something else."""

    def sku_of(line: Line) -> bool:
        return line.sku == "x"

    def on(sequence: Sequence[Line], mapping: Mapping[int, Line], one: Line | None) -> list[Callable[[], bool]]:
        return [
            lambda: any_(sequence, sku_of),
            lambda: any_(mapping, sku_of),
            lambda: any_(one, sku_of),
            lambda: any_(sequence, lambda line: line.suk == "x"),  # type: ignore[attr-defined]  # pyright: ignore
            lambda: any_(mapping, lambda line: line.suk == "x"),  # type: ignore[attr-defined]  # pyright: ignore
            lambda: any_(present(one), lambda line: line.suk == "x"),  # type: ignore[attr-defined]  # pyright: ignore
        ]

    for call in on([], {}, None):
        with pytest.raises(TypeError):
            call()
