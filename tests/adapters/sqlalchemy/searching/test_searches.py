from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping.derivation import MappingRules
from cleanarch_kit.adapters.sqlalchemy.mapping.entity_mapping import EntityMapping
from cleanarch_kit.adapters.sqlalchemy.searching import searches as module
from cleanarch_kit.adapters.sqlalchemy.searching.searches import Searches
from cleanarch_kit.domain.criteria import Comparison, Field, OrderKey, Value


@dataclass
class Thing:
    id: int
    name: str


table = sa.Table("things", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("name", sa.String))
mapping = EntityMapping(Thing, table, MappingRules())
BY_ID = (OrderKey(Field(("id",)), False, False),)


def on_sqlite() -> Searches:
    return Searches(mapping, "sqlite", sa.select(*table.c), table)


def named(name: str) -> Comparison:
    return Comparison("==", Field(("name",)), Value(name))


def test_a_search_is_built_once_for_all_values() -> None:
    searches = on_sqlite()
    first, one = searches.rows(named("a"), BY_ID, limit=1, offset=2)
    second, two = searches.rows(named("b"), BY_ID, limit=5, offset=3)
    assert first is second
    assert (one, two) == ({"p0": "a", "_limit": 1, "_offset": 2}, {"p0": "b", "_limit": 5, "_offset": 3})
    assert searches.rows(named("a"), BY_ID)[0] is not first
    assert searches.count(None)[0] is searches.count(None)[0]


def test_parameters_of_one_search_never_reach_another() -> None:
    searches = on_sqlite()
    _, parameters = searches.rows(None, BY_ID, limit=1)
    parameters["foreign"] = 1
    assert searches.rows(None, BY_ID, limit=2)[1] == {"_limit": 2}


def test_only_so_many_shapes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHAPES", 2)
    searches = on_sqlite()
    first, _ = searches.exists(named("a"))
    searches.count(named("a"))
    assert searches.exists(named("b"))[0] is first
    searches.rows(None, BY_ID)
    assert searches.exists(named("c"))[0] is not first


def test_a_place_with_nulls_is_another_shape() -> None:
    searches = on_sqlite()
    order = (OrderKey(Field(("name",)), False, False), *BY_ID)
    whole, parameters = searches.page(None, order, size=3, place=["a", 1], backwards=False)
    assert parameters == {"_limit": 3, "_k0": "a", "_k1": 1}
    other, parameters = searches.page(None, order, size=3, place=[None, 1], backwards=False)
    assert parameters == {"_limit": 3, "_k1": 1}
    assert whole is not other
    assert searches.positions(order) == (1, 0)
