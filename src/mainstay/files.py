"""YAML files that people write: read into a type, or refused with file, line and what was expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from mainstay.domain.errors import BadFile

T = TypeVar("T")
MOST_PARTS = 2_000_000
_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+|\.\.\.)\]")


class Document:
    """A YAML text together with the line of each of its parts; `name` stands in every error.

    >>> Document("a: 1", "x.yaml").read(dict[str, int])
    {'a': 1}
    >>> Document("a: soon", "x.yaml").read(dict[str, int])
    Traceback (most recent call last):
    mainstay.domain.errors.BadFile: x.yaml:1: expected `int`, got `str` (at a)
    >>> Document("a: 1", "x.yaml").bad(["a"], "expected more than 1")
    BadFile('x.yaml:1: expected more than 1')

    Args:
        above: Lines of the file that stand above the text.

    Raises:
        BadFile: It is no YAML, or its aliases multiply beyond measure.
    """

    def __init__(self, text: str, name: str, above: int = 0) -> None:
        self.name, self._above = name, above
        try:
            self._root = yaml.compose(text, Loader=yaml.SafeLoader)
            if _parts(self._root, {}) > MOST_PARTS:
                raise BadFile(name, above + 1, f"expected at most {MOST_PARTS} parts, each alias written out")
            self._once(self._root, set())
            self._value: Any = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:  # a 13th month; ten thousand brackets
            raise BadFile(name, above + _line_of_error(error), f"not YAML: {_first_line(error)}") from None

    @classmethod
    def open(cls, path: Path | str) -> Document:
        """The file at this path.

        Raises:
            BadFile: It cannot be read, or is no YAML.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadFile(str(path), 1, f"cannot be read: {error}") from None
        return cls(text, str(path))

    def read(self, into: type[T]) -> T:
        """The content as the type that it should be; an empty text is a struct with its defaults.

        Raises:
            BadFile: A value is of another kind; with its line.
        """
        value = {} if self._value is None and hasattr(into, "__struct_fields__") else self._value
        try:
            return msgspec.convert(value, into)
        except msgspec.ValidationError as error:
            says = _AT.sub("", str(error))
            steps = _steps_to_fault(value, into, str(error))
            where = ".".join(str(step) for step in steps)
            says = says[0].lower() + says[1:] + (f" (at {where})" if where else "")
            if "unknown field" in says and (known := _fields(into, steps)):
                says += f"; it has {', '.join(known)}"
            raise BadFile(self.name, self._above + _line_of(self._root, steps, says), says) from None

    def _once(self, node: Any, known: set[int]) -> None:
        """YAML lets the last of two equal keys win, silently: what a person wrote above it would hold for nothing."""
        if not isinstance(node, yaml.CollectionNode) or id(node) in known:
            return
        known.add(id(node))
        keys = set[str]()
        for one in node.value:
            key, value = one if isinstance(one, tuple) else (None, one)
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in keys:
                    line = self._above + key.start_mark.line + 1
                    raise BadFile(self.name, line, f"expected each name once, got {key.value[:80]!r} again")
                keys.add(key.value)
            self._once(value, known)

    def bad(self, where: Sequence[str | int], says: str) -> BadFile:
        """The error for one part of the text, by keys and indices, e.g. `bad(["rules", 2, "entity"], "expected …")`."""
        return BadFile(self.name, self._above + _line_of(self._root, where), says)


def read(path: Path, into: type[T]) -> T:
    """The file as the type that it should be.

    Raises:
        BadFile: The file does not exist, is no YAML, or holds a value of another kind; with the line.
    """
    return Document.open(path).read(into)


def _parts(node: Any, known: dict[int, int]) -> int:
    """How many parts a text has when each alias is written out; one that holds itself has too many."""
    found = known.get(id(node))
    if found is None:
        known[id(node)] = MOST_PARTS + 1  # until we know: whoever meets it on the way in is inside of it
        inside = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for one in inside for part in (one if isinstance(one, tuple) else (one,))]
        found = known[id(node)] = 1 + sum(_parts(part, known) for part in parts)
    return found


def _line_of(node: Any, steps: Sequence[str | int], says: str = "") -> int:
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


def _fields(into: Any, steps: Sequence[str | int]) -> list[str]:
    """What may be written at a path: the names of the fields of the struct that is wanted there."""
    here: Any = msgspec.inspect.type_info(into)
    for step in steps:
        here = _struct(here)
        if isinstance(here, msgspec.inspect.StructType):
            here = next((field.type for field in here.fields if field.encode_name == step), None)
        else:  # an item of a list or of a mapping
            here = getattr(here, "item_type", None) or getattr(here, "value_type", None)
    here = _struct(here)
    return [field.encode_name for field in here.fields] if isinstance(here, msgspec.inspect.StructType) else []


def _struct(kind: Any) -> Any:
    """The struct of an optional one."""
    among = kind.types if isinstance(kind, msgspec.inspect.UnionType) else ()
    return next((one for one in among if not isinstance(one, msgspec.inspect.NoneType)), kind)


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


def _line_of_error(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark is not None else 1


def _first_line(error: Exception) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
