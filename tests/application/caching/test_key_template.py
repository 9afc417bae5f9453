import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from cleanarch_kit.application.caching.key_encoding import MAX_LENGTH
from cleanarch_kit.application.caching.key_template import KeyTemplate
from cleanarch_kit.domain import EntityId
from cleanarch_kit.errors import DefinitionError


class UserId(EntityId): ...


class Level(IntEnum):
    ONE = 1


@dataclass(frozen=True, slots=True)
class Profile:
    user_id: UserId
    note: str = ""


@dataclass
class Page:
    number: int
    profile: Profile
    extra: object = None
    hidden: int = field(default=0, init=False)

    @property
    def is_first(self) -> bool:
        return self.number == 1


class Untold:
    def __init__(self) -> None:
        self.anything = 1


class Model(BaseModel):
    number: int


USER = UserId("01890a5d-ac96-774b-bcce-b302099a8057")

Names = tuple[str, tuple[str, ...]]


def key_of(function: Callable[..., object], template: str, *args: object, **kwargs: object) -> str:
    return KeyTemplate(function, template).compile_key()(*args, **kwargs)


def names_of(
    function: Callable[..., object], template: str, tags: tuple[str, ...], *args: object, **kwargs: object
) -> Names:
    return KeyTemplate(function, template, tags=tags).compile_names("ns:=", "ns:#")(*args, **kwargs)


async def one(user_id: UserId) -> None: ...
async def two(a: object, b: object = "B", *, c: object = None) -> None: ...
async def everything(a: int, /, b: int, *args: int, c: int = 3, **kwargs: int) -> None: ...
async def paged(page: Page) -> None: ...
async def tricky(__encode: int, _key: int, encode: int, _name: int = 4) -> None: ...


class TestKeys:
    def test_a_parameter_is_taken_by_position_by_name_and_by_default(self) -> None:
        assert key_of(two, "k:{a}:{b}:{c}", 1) == "k:1:=B:None"
        assert key_of(two, "k:{a}:{b}:{c}", 1, "x", c=True) == "k:1:=x:True"
        assert key_of(two, "{c}/{b}|{a}", b=1, a=2, c=3) == "3/1|2"

    def test_every_kind_of_parameter(self) -> None:
        assert key_of(everything, "{a}:{b}:{args}:{c}:{kwargs}", 1, 2) == "1:2:():3:dict()"
        assert key_of(everything, "{a}:{b}:{args}:{c}:{kwargs}", 1, 2, 4, 5, c=6, d=7) == "1:2:(4,5):6:dict((=d,7))"

    def test_attributes(self) -> None:
        page = Page(2, Profile(USER, "a:b"))
        assert key_of(paged, "{page.profile.user_id}:{page.profile.note}:{page.is_first}", page) == (
            f"UserId({USER}):=a%3Ab:False"
        )

    def test_attributes_of_self(self) -> None:
        class Tenant:
            def __init__(self, name: str) -> None:
                self.name = name

            async def find(self, number: int) -> None: ...

        assert key_of(Tenant.find, "{self.name}:{number}", Tenant("a"), 1) == "=a:1"

    def test_braces_and_quotes_stand_for_themselves(self) -> None:
        assert key_of(one, "{{x}}'\"\\\n%:{user_id}", USER) == f"{{x}}'\"\\\n%25:UserId({USER})"

    def test_a_template_without_placeholders(self) -> None:
        async def nothing() -> None: ...

        assert key_of(nothing, "all") == "all"
        assert key_of(nothing, "") == ""

    def test_ints_stand_as_they_are_and_true_is_none_of_them(self) -> None:
        assert [key_of(two, "{a}:{b}:{c}", a, 1, c=1) for a in (1, True, -1, 10**30, 1.0)] == [
            "1:1:1",
            "True:1:1",
            "-1:1:1",
            f"{10**30}:1:1",
            "float(1.0):1:1",
        ]

    def test_an_enum_of_ints_is_no_int(self) -> None:
        assert key_of(two, "{a}:{b}:{c}", Level.ONE, 1) == "Level(1):1:None"

    def test_defaults_are_those_of_the_function_itself(self) -> None:
        default = Profile(USER)

        async def with_default(profile: Profile = default) -> None: ...

        assert key_of(with_default, "{profile.user_id}") == f"UserId({USER})"

    def test_wrong_arguments_are_refused_as_the_function_would(self) -> None:
        with pytest.raises(TypeError, match=r"^two\(\) missing 1 required positional argument: 'a'$"):
            key_of(two, "{a}:{b}:{c}")
        with pytest.raises(TypeError, match=r"two\(\) got an unexpected keyword argument 'd'"):
            key_of(two, "{a}:{b}:{c}", 1, d=1)

    def test_a_name_of_ours_is_no_parameter_of_theirs(self) -> None:
        assert key_of(tricky, "{__encode}:{_key}:{encode}:{_name}", 1, 2, 3) == "1:2:3:4"
        assert names_of(tricky, "{__encode}:{_key}:{encode}:{_name}", ("{_name}",), 1, 2, 3)[1][1] == "ns:#4"

    def test_a_function_without_a_plain_name(self) -> None:
        async def nameless(x: int) -> None: ...

        nameless.__qualname__ = nameless.__name__ = "<lambda>"
        assert key_of(nameless, "{x}", 1) == "1"

    def test_a_long_key_stays_itself(self) -> None:
        assert len(key_of(two, "{a}:{b}:{c}", "x" * 1000)) > 1000

    def test_it_looks_like_the_function(self) -> None:
        compiled = KeyTemplate(two, "{a}:{b}:{c}").compile_key()
        assert list(inspect.signature(compiled).parameters) == ["a", "b", "c"]
        assert compiled.__name__ == "two"

    @given(
        st.lists(st.text(alphabet=":=|/ax%#(,)", max_size=4) | st.integers(0, 3) | st.none(), min_size=6, max_size=6)
    )
    def test_two_calls_never_share_a_key(self, values: list[object]) -> None:
        key = KeyTemplate(two, "k:{a}:x:{b}|{c}").compile_key()
        a, b, c, *others = values
        assert (key(a, b, c=c) == key(others[0], others[1], c=others[2])) == ([a, b, c] == others)


class TestNames:
    def test_the_entry_comes_first_in_its_tags(self) -> None:
        name, tags = names_of(one, "user:{user_id}", ("users", "user:{user_id}"), USER)
        assert name == f"ns:=user:UserId({USER})"
        assert tags == (name, "ns:#users", f"ns:#user:{USER}")

    @pytest.mark.parametrize("value", [1, True, None, "a:b", 1.5, uuid4(), USER, Profile(USER), ("x", 1)], ids=type)
    def test_a_tag_is_what_an_f_string_gives(self, value: object) -> None:
        assert names_of(two, "{a}:{b}:{c}", ("t{{:{a}",), value)[1][1:] == (f"ns:#t{{:{value}",)

    def test_long_names_are_cut(self) -> None:
        name, tags = names_of(two, "{a}:{b}:{c}", ("t:{a}", "short"), "x" * 500)
        assert (len(name), len(tags[1]), tags[2]) == (MAX_LENGTH, MAX_LENGTH, "ns:#short")
        assert tags[0] == name
        assert names_of(two, "{a}:{b}:{c}", (), "x" * 499)[0] != name

    def test_a_tag_without_a_lasting_text_is_refused(self) -> None:
        with pytest.raises(DefinitionError, match="a object has no lasting text"):
            KeyTemplate(two, "{b}:{c}", tags=("t:{a}",), ignore=("a",)).compile_names("", "")(object())


class TestRefusals:
    @pytest.mark.parametrize(
        "placeholder",
        [
            "{}",
            "{0}",
            "{page[0]}",
            "{page.profile[x]}",
            "{page!r}",
            "{page:>99999999}",
            "{page:{page}}",
            "{page.__class__}",
            "{page._private}",
            "{page.}",
            "{page..number}",
            "{ page }",
            "{page.number + 1}",
            "{page()}",
            "{page;import os}",
            "{page.class}",
        ],
    )
    def test_placeholders_of_other_forms(self, placeholder: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(paged, f"k:{placeholder}", ignore=("page",))
        assert "must be a parameter or public attributes of one, {parameter} or {parameter.attribute}" in str(
            caught.value
        )
        with pytest.raises(DefinitionError):
            KeyTemplate(paged, "k:{page}", tags=(f"k:{placeholder}",))

    @pytest.mark.parametrize("template", ["{", "}", "{page", "page}", "{page!}", "{page!rr}"])
    def test_broken_templates(self, template: str) -> None:
        with pytest.raises(DefinitionError, match=r"paged: .* is no template: "):
            KeyTemplate(paged, template)

    def test_a_name_that_is_no_parameter(self) -> None:
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(two, "{a}:{d}")
        assert str(caught.value) == "two: {d} in '{a}:{d}' names no parameter; there are: a, b, c"

        async def nothing() -> None: ...

        with pytest.raises(DefinitionError, match=r"there are: none$"):
            KeyTemplate(nothing, "{a}")

    @pytest.mark.parametrize(
        ("placeholder", "owner", "attribute"),
        [
            ("page.nmuber", "Page", "nmuber"),
            ("page.profile.user", "Profile", "user"),
            ("page.number.x", None, None),
            ("page.extra.x", None, None),
            ("page.hidden", None, None),
            ("page.is_first", None, None),
        ],
    )
    def test_attributes_that_the_type_does_not_have(
        self, placeholder: str, owner: str | None, attribute: str | None
    ) -> None:
        template = f"k:{{{placeholder}}}"
        if owner is None:
            KeyTemplate(paged, template)
            return
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(paged, template)
        assert str(caught.value) == f"paged: {{{placeholder}}} in {template!r}: {owner} has no {attribute!r}"

    def test_fields_of_a_model(self) -> None:
        async def find(model: Model) -> None: ...

        KeyTemplate(find, "{model.number}")
        with pytest.raises(DefinitionError, match="Model has no 'nmuber'"):
            KeyTemplate(find, "{model.nmuber}")

    def test_a_type_that_does_not_say_what_it_has_is_trusted(self) -> None:
        async def find(untold: Untold, unknown: object, anything: object) -> None: ...

        find.__annotations__ = {"untold": "Untold", "unknown": "ImportedUnderTypeChecking"}
        KeyTemplate(find, "{untold.anything}:{unknown.x}:{anything.y}")

    @pytest.mark.parametrize("between", ["", "-", "x", "_", "(", ".", "=", ","])
    def test_values_that_touch(self, between: str) -> None:
        template = f"{{a}}{between}{{b}}:{{c}}"
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(two, template)
        assert str(caught.value) == (
            f"two: put a ':' between {{a}} and {{b}} in {template!r}, so that no two calls get one key"
        )

    @pytest.mark.parametrize("between", [":", "/", "|", ";", "#", "!", " ", "x:y"])
    def test_values_that_are_kept_apart(self, between: str) -> None:
        KeyTemplate(two, f"{{a}}{between}{{b}}:{{c}}")

    def test_values_may_touch_in_a_tag(self) -> None:
        assert names_of(two, "{a}:{b}:{c}", ("{a}{b}",), 1)[1][1] == "ns:#1B"

    def test_a_parameter_that_stands_nowhere(self) -> None:
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(two, "k:{a}")
        assert str(caught.value) == (
            "two: b, c must stand in the key 'k:{a}', or one caller gets what was computed for another;"
            " if the result does not depend on it, say ignore=('b', 'c')"
        )

    def test_a_parameter_that_only_a_tag_has(self) -> None:
        with pytest.raises(DefinitionError, match="a must stand in the key"):
            KeyTemplate(two, "k:{b}:{c}", tags=("t:{a}",))

    def test_every_kind_of_parameter_counts(self) -> None:
        with pytest.raises(DefinitionError, match="everything: args, kwargs must stand in the key"):
            KeyTemplate(everything, "{a}:{b}:{c}")

    def test_ignored_on_purpose(self) -> None:
        key = KeyTemplate(two, "k:{a}", ignore=("b", "c")).compile_key()
        assert key(1, 2, c=3) == key(1, object(), c=object()) == "k:1"

    def test_ignoring_what_is_not_there(self) -> None:
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(two, "k:{a}:{b}:{c}", ignore=["d", "e"])
        assert str(caught.value) == "two: ignore= names no parameter: d, e"

    def test_self_is_no_part_of_the_key(self) -> None:
        async def method(self: object, x: int) -> None: ...
        async def other(x: int, self: int) -> None: ...

        KeyTemplate(method, "{x}")
        with pytest.raises(DefinitionError, match="self must stand in the key"):
            KeyTemplate(other, "{x}")

    @pytest.mark.parametrize("option", [{"tags": "users"}, {"ignore": "b"}])
    def test_one_text_where_several_are_meant(self, option: dict[str, str]) -> None:
        with pytest.raises(DefinitionError) as caught:
            KeyTemplate(two, "{a}:{b}:{c}", **option)
        assert str(caught.value) == "two: tags= and ignore= take a tuple of texts, not one text"


def test_what_a_caller_passes_is_never_parsed() -> None:
    assert key_of(two, "{a}:{b}:{c}", "{b.__class__}", "{0}") == "=%7Bb.__class__%7D:=%7B0%7D:None"
    assert names_of(two, "{a}:{b}:{c}", ("{a}",), "{b.__class__}")[1][1] == "ns:#{b.__class__}"


def test_uuids_are_canonical() -> None:
    value = UUID(int=7)
    assert key_of(two, "{a}:{b}:{c}", value) == f"{value}:=B:None"
