import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy import Owned

table = sa.Table("items", sa.MetaData(), sa.Column("id", sa.Integer))


def test_what_is_not_said_is_what_most_mean() -> None:
    owned = Owned(table)
    assert (owned.key, owned.position, owned.keyed_by) == ("id", None, None)
    assert (owned.columns, owned.ignored_columns, owned.children) == ({}, (), {})


def test_what_says_the_same_is_equal() -> None:
    assert Owned(table, children={"parts": Owned(table)}) == Owned(table, children={"parts": Owned(table)})
    assert Owned(table) != Owned(table, position="place")
