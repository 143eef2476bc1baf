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
    value = {} if value is None and into is not list else value
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        says = _AT.sub("", str(error))
        steps = _steps_to_fault(value, into, str(error))
        where = ".".join(str(step) for step in steps)
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


def _steps_to_fault(value: Any, into: Any, error: str) -> list[str | int]:
    """The path to the fault. msgspec names fields but writes `[...]` for an item: the first one that fails is meant."""
    found = _AT.search(error)
    steps: list[str | int] = []
    here = value
    for match in _STEP.finditer(found["path"] if found else ""):
        step: str | int | None = match["key"] or _first_failing(value, into, steps, here)
        if step is None:
            break
        steps.append(step)
        try:
            here = here[step]
        except (KeyError, IndexError, TypeError):
            break
    return steps


def _first_failing(value: Any, into: Any, steps: list[str | int], here: Any) -> str | int | None:
    keys: list[Any] = list(here) if isinstance(here, dict) else list(range(len(here)))
    for count, key in enumerate(keys, 1):
        shorter = {k: here[k] for k in keys[:count]} if isinstance(here, dict) else here[:count]
        try:
            msgspec.convert(_with(value, steps, shorter), into)
        except msgspec.ValidationError as error:
            if "missing required" not in str(error) or count == len(keys):
                return key  # type: ignore[no-any-return]
    return None


def _with(value: Any, steps: list[str | int], here: Any) -> Any:
    """A copy of `value` in which the thing at `steps` is `here`."""
    if not steps:
        return here
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[steps[0]] = _with(value[steps[0]], steps[1:], here)
    return copy


def _line_of_error(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _first_line(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
