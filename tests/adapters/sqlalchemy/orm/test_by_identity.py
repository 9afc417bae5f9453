"""The statements for one object, within a row scope."""

import sqlalchemy as sa

from cleanarch_kit.adapters.sqlalchemy.mapping.fields import Leaf
from cleanarch_kit.adapters.sqlalchemy.orm.by_identity import ByIdentity
from cleanarch_kit.adapters.sqlalchemy.searching.conditions import Condition

table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("version", sa.Integer))
identity = Leaf(table.c.id, int, optional=False)


def of_tenant(values: object) -> object:
    return values


def test_a_scope_is_part_of_every_statement_and_its_values_of_every_unit() -> None:
    scope = Condition(table.c.version == sa.bindparam("_s0"), [("_s0", 0, of_tenant)], expanding=False)
    scoped = ByIdentity(sa.select(table), identity, scope)
    ours, theirs = scoped.bound([1]), scoped.bound([2])
    assert (ours.parameters(7), theirs.parameters(7)) == ({"_id0": 7, "_s0": 1}, {"_id0": 7, "_s0": 2})
    assert ours.select(False, False) is theirs.select(False, False)
    for statement in (ours.select(True, True), ours.value(None), ours.value(table.c.version)):
        assert "WHERE t.id = :_id0 AND t.version = :_s0" in str(statement)


def test_without_a_scope_the_identity_is_all() -> None:
    everything = ByIdentity(sa.select(table), identity, None)
    assert not everything.scoped
    assert everything.parameters(7) == everything.bound([]).parameters(7) == {"_id0": 7}
    assert str(everything.value(None)).endswith("FROM t \nWHERE t.id = :_id0")
