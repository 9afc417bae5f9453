import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields

import pytest

from cleanarch_kit.domain import AggregateRoot, DomainEvent, Entity, EntityId


class UserId(EntityId): ...


@dataclass(frozen=True, kw_only=True)
class Renamed(DomainEvent, name="users.renamed"):
    name: str


@dataclass(kw_only=True)
class User(AggregateRoot[UserId]):
    name: str
    tags: list[str] = field(default_factory=list[str])

    def rename(self, name: str) -> None:
        self.name = name
        self.record_event(Renamed(name=name))


@dataclass(kw_only=True, slots=True)
class SlottedUser(AggregateRoot[UserId]):
    name: str
    tags: list[str] = field(default_factory=list[str])

    def rename(self, name: str) -> None:
        self.name = name
        self.record_event(Renamed(name=name))


@dataclass(kw_only=True)
class Admin(User):
    level: int = 1


@dataclass(kw_only=True, slots=True)
class SlottedAdmin(SlottedUser):
    level: int = 1


@dataclass(kw_only=True)
class Line(Entity[int]):
    text: str


@dataclass(kw_only=True)
class Country(Entity[str]):
    """Equal by code in either case: defines its own equality."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Country) and self.id.lower() == other.id.lower()

    def __hash__(self) -> int:
        return hash(self.id.lower())


@dataclass(kw_only=True)
class Region(Country):
    name: str = ""


ANY_USER = pytest.mark.parametrize("cls", [User, SlottedUser, Admin, SlottedAdmin])


class TestEntity:
    @ANY_USER
    def test_entities_are_equal_by_identity(self, cls: type[User]) -> None:
        user_id = UserId.new()
        assert cls(id=user_id, name="Ada") == cls(id=user_id, name="Grace")
        assert cls(id=user_id, name="Ada") != cls(id=UserId.new(), name="Ada")
        assert hash(cls(id=user_id, name="Ada")) == hash(cls(id=user_id, name="Grace"))
        namesakes: list[object] = [cls(id=user_id, name="Ada"), cls(id=user_id, name="Grace")]
        assert len(set(namesakes)) == 1

    def test_entities_of_two_classes_are_never_equal(self) -> None:
        user_id = UserId.new()
        assert User(id=user_id, name="Ada") != Admin(id=user_id, name="Ada")
        assert User(id=user_id, name="Ada") != user_id

    @ANY_USER
    def test_equality_and_hash_stand_in_the_class_itself(self, cls: type[User]) -> None:
        assert vars(cls)["__eq__"] is vars(Entity)["__eq__"]
        assert vars(cls)["__hash__"] is vars(Entity)["__hash__"]

    @pytest.mark.parametrize("cls", [Country, Region])
    def test_a_class_keeps_an_equality_of_its_own_and_hands_it_on(self, cls: type[Country]) -> None:
        assert cls(id="DE") == cls(id="de")
        assert len({cls(id="DE"), cls(id="de")}) == 1

    def test_an_equality_without_a_hash_is_left_without_one(self) -> None:
        @dataclass(kw_only=True)
        class Odd(Entity[int]):  # noqa: PLW1641 - that is the point
            def __eq__(self, other: object) -> bool:
                return True

        with pytest.raises(TypeError, match="unhashable"):
            hash(Odd(id=1))

    def test_other_decorators_of_dataclass_leave_it_alone_too(self) -> None:
        @dataclass(kw_only=True, repr=False, order=False, weakref_slot=True, slots=True)
        class Plain(Entity[int]):
            text: str

        assert Plain(id=1, text="a") == Plain(id=1, text="b")

    def test_an_entity_may_be_any_class_over_an_id(self) -> None:
        assert Line(id=1, text="a") == Line(id=1, text="b")

    def test_fields_come_by_name_only(self) -> None:
        with pytest.raises(TypeError, match="positional"):
            User(UserId.new(), "Ada")  # type: ignore[call-arg]  # pyright: ignore

    @pytest.mark.parametrize("cls", [SlottedUser, SlottedAdmin])
    def test_a_slotted_entity_has_no_dict(self, cls: type[SlottedUser]) -> None:
        user = cls(id=UserId.new(), name="Ada")
        assert not hasattr(user, "__dict__")
        with pytest.raises(AttributeError):
            user.other = 1  # type: ignore[attr-defined]  # pyright: ignore

    def test_its_repr_shows_identity_and_fields_but_no_events(self) -> None:
        user = User(id=UserId("01890a5d-ac96-774b-bcce-b302099a8057"), name="Ada")
        user.rename("Grace")
        assert repr(user) == (
            "User(id=UserId('01890a5d-ac96-774b-bcce-b302099a8057'), version=0, name='Grace', tags=[])"
        )


class TestAggregateRoot:
    @ANY_USER
    def test_events_are_handed_over_once_in_order(self, cls: type[User]) -> None:
        user = cls(id=UserId.new(), name="Ada")
        user.rename("Grace")
        user.rename("Barbara")
        assert user.pull_events() == (Renamed(name="Grace"), Renamed(name="Barbara"))
        assert user.pull_events() == ()

    def test_each_aggregate_has_events_of_its_own(self) -> None:
        one, other = User(id=UserId.new(), name="a"), User(id=UserId.new(), name="b")
        one.rename("c")
        assert other.pull_events() == ()

    def test_the_version_starts_at_zero_and_is_no_argument(self) -> None:
        assert User(id=UserId.new(), name="Ada").version == 0
        with pytest.raises(TypeError, match="version"):
            User(id=UserId.new(), name="Ada", version=3)  # type: ignore[call-arg]  # pyright: ignore

    @ANY_USER
    def test_one_that_was_built_field_by_field_behaves_like_any_other(self, cls: type[User]) -> None:
        """Adapters load without ``__init__``: every field is a dataclass field, with a default if it is no argument."""
        loaded = cls.__new__(cls)
        values: dict[str, object] = {
            "id": UserId.new(),
            "version": 3,
            "name": "Ada",
            "tags": [],
            "level": 1,
            "_pending_events": [],
        }
        for declared in fields(cls):
            setattr(loaded, declared.name, values[declared.name])
        loaded.rename("Grace")
        assert hash(loaded) == hash((cls, loaded.id))
        assert loaded.version == 3
        assert loaded.pull_events() == (Renamed(name="Grace"),)
        assert [(f.name, f.init, f.repr, f.compare) for f in fields(cls)][1:3] == [
            ("version", False, True, True),
            ("_pending_events", False, False, False),
        ]

    @ANY_USER
    def test_it_can_be_copied_and_pickled_with_its_events(self, cls: type[User]) -> None:
        user = cls(id=UserId.new(), name="Ada")
        user.rename("Grace")
        for other in (copy.deepcopy(user), pickle.loads(pickle.dumps(user))):
            assert type(other) is cls
            assert other == user
            assert other is not user
            other.name = "changed"
            other.tags.append("x")
            assert other.pull_events() == (Renamed(name="Grace"),)
        assert (user.name, user.tags) == ("Grace", [])
        assert user.pull_events() == (Renamed(name="Grace"),)

    def test_an_event_cannot_be_changed(self) -> None:
        event = Renamed(name="Ada")
        with pytest.raises(FrozenInstanceError):
            event.name = "Grace"  # type: ignore[misc]  # pyright: ignore
