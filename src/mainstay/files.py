"""YAML files that people write: read into a type, or refused with file, line and what was expected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from mainstay.domain.errors import BadFile

T = TypeVar("T")
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")


def read(path: Path, into: type[T]) -> T:
    """The file as the type that it should be.

    Raises:
        BadFile: The file does not exist, is no YAML, or holds a value of another kind; with the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(str(path), 1, f"cannot be read: {error}") from None
    return parse(text, into, str(path))


def parse(text: str, into: type[T], name: str = "<text>") -> T:
    """Text as the type that it should be; `name` stands in the error.

    >>> parse("a: 1", dict[str, int])
    {'a': 1}
    >>> parse("a: soon", dict[str, int], "x.yaml")
    Traceback (most recent call last):
    mainstay.domain.errors.BadFile: x.yaml:1: expected `int`, got `str` (at a)
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadFile(name, _line_of_error(error), f"not YAML: {_first_line(error)}") from None
    try:
        return msgspec.convert({} if value is None and into is not list else value, into)
    except msgspec.ValidationError as error:
        says = str(error)
        found = _AT.search(says)
        steps = _steps(found["path"]) if found else []
        says = _AT.sub("", says)
        where = ".".join(str(s) for s in steps)
        says = says[0].lower() + says[1:] + (f" (at {where})" if where else "")
        raise BadFile(name, line_of(node, steps, says), says) from None


def line_of(node: Any, steps: list[str | int], says: str = "") -> int:
    """The line on which the value at a path of keys and indices stands; the nearest one known when it is missing."""
    line = node.start_mark.line + 1 if node is not None else 1
    unknown = re.search(r"unknown field `(.+?)`", says)
    for step in [*steps, *([unknown[1]] if unknown else [])]:
        child = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    line, child = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            child = node.value[step]
            line = child.start_mark.line + 1
        if child is None:
            return line
        node = child
    return line


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for match in _STEP.finditer(path):
        if match["key"]:
            steps.append(match["key"])
        elif match["index"].isdigit():
            steps.append(int(match["index"]))
    return steps


def _line_of_error(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _first_line(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
