"""Code that is written at run time."""

import inspect
import traceback

import pytest

from cleanarch_kit.adapters.sqlalchemy.mapping.source_code import SourceCode


def test_what_was_written_can_be_called_and_read() -> None:
    code = SourceCode(answer=42)
    with code.block("def ask(question):"):
        with code.block("if question:"):
            code.add("return answer")
        code.add("raise LookupError")
    ask = code.compiled("<asking>")["ask"]
    assert ask("?") == 42
    assert inspect.getsource(ask) == code.text
    with pytest.raises(LookupError) as caught:
        ask("")
    assert "    raise LookupError" in "".join(traceback.format_exception(caught.value))


def test_an_object_keeps_its_name_and_no_two_share_one() -> None:
    code, one, other = SourceCode(new=object.__new__), object(), object()
    assert [code.name(thing, "thing") for thing in (one, other, one)] == ["thing", "thing_2", "thing"]
    assert code.name(one, "new") == "new_2"
    assert code.variable() != code.variable()
