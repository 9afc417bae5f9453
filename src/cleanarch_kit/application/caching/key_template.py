"""Templates of cache keys and tags: checked when a function is decorated, compiled to a function that names calls."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from keyword import iskeyword
from string import Formatter
from typing import Any, get_type_hints

from cleanarch_kit.application.caching.key_encoding import (
    ENCODERS,
    MAX_LENGTH,
    check_type,
    declared_fields,
    encode,
    encode_literal,
    shorten,
)
from cleanarch_kit.errors import DefinitionError

__all__ = ["KeyTemplate"]

_SEPARATORS = frozenset(":/|;#! ")

_Part = tuple[str, str | None]
"""Literal text, and the expression of the placeholder behind it."""


class KeyTemplate:
    """The template of a key and those of its tags, for the parameters of one function.

    In a key the values are encoded, so that two different calls never share one (see `encode`). A tag is exactly what
    an f-string of the same text gives, so that ``invalidate(f"user:{user_id}")`` can be written by hand.
    """

    def __init__(
        self, function: Callable[..., object], key: str, *, tags: Sequence[str] = (), ignore: Collection[str] = ()
    ) -> None:
        """Parse and check the templates.

        Args:
            function: the function whose calls are to be named.
            key: text with placeholders ``{parameter}`` or ``{parameter.attribute}``; ``{{`` and ``}}`` are braces.
            tags: templates of the same form.
            ignore: parameters that are left out of the key on purpose.

        Raises:
            DefinitionError: a placeholder has another form, names no parameter, or an attribute that the parameter's
                type does not have; nothing keeps two placeholders apart; or a parameter other than ``self`` stands
                neither in the key nor in ``ignore``.
        """
        self._name = function.__qualname__
        self._signature = inspect.signature(function)
        self._hints = _hints_of(function)
        if isinstance(tags, str) or isinstance(ignore, str):
            raise DefinitionError(f"{self._name}: tags= and ignore= take a tuple of texts, not one text")
        self._key = self._parse(key)
        self._tags = [self._parse(tag) for tag in tags]
        self._refuse_touching(key)
        self._refuse_forgotten(key, ignore)

    def compile_key(self) -> Callable[..., str]:
        """Make a function that takes the arguments of a call and returns its key."""
        key: Callable[..., str] = self._compile(f"return {self._key_text('')}")
        return key

    def compile_names(self, key_prefix: str, tag_prefix: str) -> Callable[..., tuple[str, tuple[str, ...]]]:
        """Make a function that takes the arguments of a call and returns the names of its entry and of its tags.

        The first tag is the entry's own and has the entry's name.

        Args:
            key_prefix: stands before the key.
            tag_prefix: stands before the other tags.
        """
        s = self._stem
        tags = "".join(
            f", {s}tag if len({s}tag := {self._tag_text(tag_prefix, parts)}) <= {MAX_LENGTH} else {s}shorten({s}tag)"
            for parts in self._tags
        )
        names: Callable[..., tuple[str, tuple[str, ...]]] = self._compile(
            f"{s}name = {self._key_text(key_prefix)}",
            f"if len({s}name) > {MAX_LENGTH}:",
            f"    {s}name = {s}shorten({s}name)",
            f"return {s}name, ({s}name{tags},)",
        )
        return names

    @property
    def _stem(self) -> str:
        """A beginning for names in generated code that no parameter has."""
        stem = "_"
        while any(name.startswith(stem) for name in self._signature.parameters):
            stem += "_"
        return stem

    def _key_text(self, prefix: str) -> str:
        s = self._stem
        encoded = [
            (encode_literal(text), value and f"{value} if type({value}) is int else {s}encode({value})")
            for text, value in self._key
        ]
        return _f_string([(prefix, None), *encoded])

    def _tag_text(self, prefix: str, parts: Sequence[_Part]) -> str:
        s = self._stem
        checked = [
            (text, value and f"{value} if type({value}) in {s}known else {s}check({value})") for text, value in parts
        ]
        return _f_string([(prefix, None), *checked])

    def _compile(self, *body: str) -> Any:
        s = self._stem
        space: dict[str, object] = {
            f"{s}encode": encode,
            f"{s}known": ENCODERS,
            f"{s}check": check_type,
            f"{s}shorten": shorten,
        }
        parameters: list[inspect.Parameter] = []
        for index, parameter in enumerate(self._signature.parameters.values()):
            default = parameter.default
            if default is not parameter.empty:
                space[f"{s}default{index}"] = default
                default = _Verbatim(f"{s}default{index}")
            parameters.append(parameter.replace(annotation=parameter.empty, default=default))
        name = self._name.rpartition(".")[2]
        name = name if name.isidentifier() else "function"
        lines = "\n    ".join(body)
        source = f"def {name}{inspect.Signature(parameters)}:\n    {lines}\n"
        exec(compile(source, f"<cache key of {self._name}>", "exec"), space)  # noqa: S102 - text of checked templates
        return space[name]

    def _parse(self, template: str) -> list[_Part]:
        try:
            fields = list(Formatter().parse(template))
        except ValueError as error:
            raise DefinitionError(f"{self._name}: {template!r} is no template: {error}") from None
        parts: list[_Part] = []
        for text, expression, spec, conversion in fields:
            if expression is not None:
                self._check_placeholder(template, expression, plain=not spec and conversion is None)
            parts.append((text, expression))
        return parts

    def _check_placeholder(self, template: str, expression: str, *, plain: bool) -> None:
        root, *attributes = expression.split(".")
        names = [root, *attributes]
        if not plain or not all(map(_is_name, names)) or any(name.startswith("_") for name in attributes):
            raise DefinitionError(
                f"{self._name}: {{{expression}}} in {template!r} must be a parameter or public attributes of one,"
                " {parameter} or {parameter.attribute}, without index, conversion or format"
            )
        if root not in self._signature.parameters:
            known = ", ".join(self._signature.parameters) or "none"
            raise DefinitionError(
                f"{self._name}: {{{expression}}} in {template!r} names no parameter; there are: {known}"
            )
        kind: object = self._hints.get(root)
        for attribute in attributes:
            if not isinstance(kind, type) or not declared_fields(kind):
                return
            hints = _hints_of(kind)
            if attribute not in hints and not hasattr(kind, attribute):
                raise DefinitionError(
                    f"{self._name}: {{{expression}}} in {template!r}: {kind.__qualname__} has no {attribute!r}"
                )
            kind = hints.get(attribute)

    def _refuse_touching(self, template: str) -> None:
        values = [index for index, (_, value) in enumerate(self._key) if value is not None]
        for index in values[1:]:
            if _SEPARATORS.isdisjoint(self._key[index][0]):
                left, right = self._key[index - 1][1], self._key[index][1]
                raise DefinitionError(
                    f"{self._name}: put a ':' between {{{left}}} and {{{right}}} in {template!r}, so that no two"
                    " calls get one key"
                )

    def _refuse_forgotten(self, template: str, ignore: Collection[str]) -> None:
        parameters = list(self._signature.parameters)
        if unknown := [name for name in ignore if name not in parameters]:
            raise DefinitionError(f"{self._name}: ignore= names no parameter: {', '.join(unknown)}")
        named = {value.partition(".")[0] for _, value in self._key if value is not None}
        method = parameters[:1] == ["self"]
        if forgotten := [name for name in parameters[method:] if name not in named and name not in ignore]:
            raise DefinitionError(
                f"{self._name}: {', '.join(forgotten)} must stand in the key {template!r}, or one caller gets what"
                f" was computed for another; if the result does not depend on it, say ignore={tuple(forgotten)!r}"
            )


class _Verbatim:
    """Stands as it is where a signature would show the repr of a default."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _f_string(parts: Sequence[_Part]) -> str:
    text = "".join(
        text.replace("{", "{{").replace("}", "}}") + ("" if value is None else f"{{{value}}}") for text, value in parts
    )
    return f"f{text!r}"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _hints_of(annotated: Callable[..., object]) -> Mapping[str, object]:
    """Annotations as types; none where a name in them is not known yet."""
    try:
        return get_type_hints(annotated)
    except Exception:
        return {}
