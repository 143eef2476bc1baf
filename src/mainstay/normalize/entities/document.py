"""Reading a YAML file that a person wrote: what is wrong is said with file, line and what was expected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from mainstay.domain.errors import BadFile

T = TypeVar("T")
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_UNKNOWN = re.compile(r"unknown field `(?P<field>[^`]+)`")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]")


class Document:
    """A YAML file together with the line of each of its parts."""

    def __init__(self, path: Path) -> None:
        """Read and parse.

        Raises:
            BadFile: It cannot be read, or is not YAML.
        """
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(str(path), 1, f"expected a readable UTF-8 file: {error}") from error
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            self._data: Any = yaml.safe_load(text)
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise BadFile(str(path), line, f"expected YAML: {error.problem}") from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise BadFile(str(path), 1, f"expected YAML: {error}") from error

    def read(self, shape: type[T]) -> T:
        """The content as `shape`.

        Raises:
            BadFile: It has another shape; line and expectation are in the message.
        """
        try:
            return msgspec.convert(self._data, shape)
        except msgspec.ValidationError as error:
            raise self._bad_shape(str(error)) from error

    def bad(self, where: tuple[str | int, ...], says: str) -> BadFile:
        """The error for one part of the file, e.g. `bad(("rules", 2, "entity"), "expected …")`."""
        return BadFile(str(self.path), self._line(where), says)

    def _bad_shape(self, message: str) -> BadFile:
        at = _AT.search(message)
        where: list[str | int] = []
        for step in _STEP.finditer(at["path"] if at else ""):
            where.append(int(step["index"]) if step["index"] else step["key"])
        unknown = _UNKNOWN.search(message)
        if unknown:
            where.append(unknown["field"])
        says = _AT.sub(lambda m: f" (at {m['path'].lstrip('.') or 'the top'})", message)
        return self.bad(tuple(where), says)

    def _line(self, where: tuple[str | int, ...]) -> int:
        node = self._root
        line = 1 if node is None else node.start_mark.line + 1
        for step in where:
            if isinstance(node, yaml.MappingNode):
                found = next(((k, v) for k, v in node.value if k.value == step), None)
                if found is None:
                    return line
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                return line
        return line
