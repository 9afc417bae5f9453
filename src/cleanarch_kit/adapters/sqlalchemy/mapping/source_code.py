"""`SourceCode`: a module that is written at run time, as dataclasses write theirs."""

import linecache
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

__all__ = ["SourceCode"]


class SourceCode:
    """Lines of Python, and the objects that they refer to by a name.

    Args:
        known: objects by the names that they have in the code.
    """

    def __init__(self, **known: object) -> None:
        self._names: dict[str, Any] = known
        self._lines: list[str] = []
        self._depth = 0
        self._variables = 0

    @property
    def text(self) -> str:
        """What was written so far."""
        return "\n".join(self._lines) + "\n"

    def add(self, line: str) -> None:
        """Write a line, as deep as the block around it."""
        self._lines.append("    " * self._depth + line)

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Write the head of a block; what is written inside belongs to it."""
        self.add(head)
        self._depth += 1
        yield
        self._depth -= 1

    def variable(self) -> str:
        """A variable that nothing else uses."""
        self._variables += 1
        return f"v{self._variables}"

    def name(self, thing: object, wanted: str) -> str:
        """The name by which the code knows an object: the one that is wanted, with a number if it is taken."""
        name = wanted
        number = 1
        while self._names.setdefault(name, thing) is not thing:
            number += 1
            name = f"{wanted}_{number}"
        return name

    def compiled(self, file: str) -> Mapping[str, Any]:
        """Run the code and give what it has defined. Tracebacks and debuggers show it as the text of the file."""
        text = self.text
        exec(compile(text, file, "exec"), self._names)  # noqa: S102 - text of our own, from names in the program
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        return self._names
