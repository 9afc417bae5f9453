"""Which entities a scope holds for, and what would silently be none; what a scope does is proved by the contract."""

from dataclasses import dataclass
from typing import Protocol, cast

import pytest

from cleanarch_kit.adapters.memory import InMemoryRepository, InMemoryStore, InMemoryUnitOfWork
from cleanarch_kit.application import SearchableRepository
from cleanarch_kit.application.tracking.row_scopes import RowScopes, TracedScopes
from cleanarch_kit.domain import AggregateRoot, Specification, is_null
from cleanarch_kit.domain.criteria import Criterion
from cleanarch_kit.domain.tracing import trace_all
from cleanarch_kit.errors import DefinitionError, OutOfScopeError


@dataclass(kw_only=True)
class TenantOwned(AggregateRoot[int]):
    tenant: str | None


@dataclass(kw_only=True)
class User(TenantOwned):
    name: str
    deleted: bool | None = False


@dataclass(kw_only=True)
class Invoice(TenantOwned):
    total: int = 0


class UserRepository(SearchableRepository[User, int]):
    scope_required = True


class Users(InMemoryRepository[User, int], UserRepository):
    """Requires a scope, as its port says."""


class AllUsers(Users):
    scope_required = False


class Invoices(InMemoryRepository[Invoice, int]):
    """Requires no scope."""


def of_tenant(tenant: str) -> RowScopes:
    return {TenantOwned: lambda e: e.tenant == tenant}


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


async def test_a_scope_for_a_base_class_holds_for_all_that_are_derived_from_it(store: InMemoryStore) -> None:
    async with InMemoryUnitOfWork(store) as unit:
        await AllUsers(unit).add_all(
            [
                User(id=1, tenant="a", name="Ada"),
                User(id=2, tenant="b", name="Bob"),
                User(id=3, tenant=None, name="Nil"),
            ]
        )
        await Invoices(unit).add_all([Invoice(id=1, tenant="b"), Invoice(id=2, tenant="a")])
    async with InMemoryUnitOfWork(store, scopes=of_tenant("a")) as unit:
        assert [user.id for user in await Users(unit).list()] == [1]
        assert [invoice.id for invoice in await Invoices(unit).list()] == [2]


async def test_scopes_for_a_class_and_its_base_are_joined(store: InMemoryStore) -> None:
    not_deleted = Specification[User](lambda u: u.deleted == False)  # noqa: E712 - a criterion compares
    scopes: RowScopes = {**of_tenant("a"), User: not_deleted}
    assert TracedScopes(scopes).of(User) == trace_all([scopes[TenantOwned], not_deleted], User)
    async with InMemoryUnitOfWork(store, scopes=scopes) as unit:
        for outside in (
            User(id=1, tenant="b", name=""),
            User(id=2, tenant="a", name="", deleted=True),
            User(id=3, tenant="a", name="", deleted=None),
        ):
            with pytest.raises(OutOfScopeError):
                await Users(unit).add(outside)
        await Users(unit).add(User(id=4, tenant="a", name=""))


async def test_a_scope_is_read_once_in_a_unit_of_work(store: InMemoryStore) -> None:
    read: list[str] = []
    tenant = "a"

    def criterion(user: User) -> bool:
        read.append(tenant)
        return user.tenant == tenant

    scopes: dict[type, Criterion[User]] = {User: criterion}
    async with InMemoryUnitOfWork(store, scopes=scopes) as unit:
        scopes.clear()
        await Users(unit).add(User(id=1, tenant="a", name="Ada"))
        tenant = "b"
        assert await Users(unit).count() == 1
        assert await Users(unit).get_by_id(1) is not None
        assert await Invoices(unit).count() == 0
    assert read == ["a"]


async def test_a_missing_scope_is_an_error_where_one_is_required(store: InMemoryStore) -> None:
    others: RowScopes = {Invoice: lambda i: i.tenant == "a"}
    for scopes in (None, {}, others):
        async with InMemoryUnitOfWork(store, scopes=scopes) as unit:
            with pytest.raises(DefinitionError) as caught:
                Users(unit)
            AllUsers(unit)
            assert not unit.has_read
    assert str(caught.value) == (
        "Users requires a row scope: give its unit of work scopes={User: lambda ...: ...},"
        " or use a repository that requires none where all rows are meant"
    )


def test_a_scope_that_a_repository_would_ignore_is_refused() -> None:
    @dataclass(kw_only=True)
    class Admin(User):
        """A user whose repository may be that of users."""

    class HasTenant(Protocol):
        tenant: str

    scopes = TracedScopes({Admin: lambda a: a.tenant == "a"})
    assert scopes.of(Admin) is not None
    assert scopes.of(Invoice) is None
    with pytest.raises(DefinitionError) as caught:
        scopes.of(User)
    assert str(caught.value) == (
        "the row scope for Admin does not hold in a repository of User, which may give Admin too:"
        " give a scope for User as well"
    )
    assert TracedScopes({Admin: lambda a: a.tenant == "a", User: lambda u: is_null(u.tenant)}).of(User) is not None
    for mistaken, named in ((Users, "Users"), (HasTenant, "HasTenant"), ("User", "a value of type str")):
        with pytest.raises(DefinitionError) as caught:
            TracedScopes(dict.fromkeys([cast("type", mistaken)], is_null)).of(User)
        assert str(caught.value) == (
            f"a row scope is given for a class of entities or a base class of theirs, not for {named}"
        )


def test_what_is_no_criterion_is_refused_when_the_repository_is_made(store: InMemoryStore) -> None:
    missing: str | None = None
    unit = InMemoryUnitOfWork(store, scopes={User: lambda u: u.tenant == missing})
    with pytest.raises(TypeError, match="nothing is == None, in SQL"):
        Users(unit)
    unit = InMemoryUnitOfWork(store, scopes={User: lambda u: u.tenent == "a"})
    with pytest.raises(TypeError, match="did you mean 'tenant'"):
        Users(unit)
