"""Reading a YAML file so that every complaint names file, line and what was expected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml


class ShopFileError(ValueError):
    """A shop file cannot be used: the message says `file:line: what was expected, what was found`."""


class Entry:
    """A value in the file that remembers where it stands.

    Args:
        node: The parsed YAML node.
        file: Its file, for messages.
        name: What the value is called there, such as `services[2].tier`.
    """

    def __init__(self, node: yaml.Node, file: Path, name: str) -> None:
        self.node = node
        self.file = file
        self.name = name

    def wrong(self, expected: str) -> ShopFileError:
        line = self.node.start_mark.line + 1
        found = repr(self.node.value) if isinstance(self.node, yaml.ScalarNode) else "a list or mapping"
        return ShopFileError(f"{self.file}:{line}: {self.name}: expected {expected}, found {found}")

    def _children(self) -> dict[str, yaml.Node]:
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("a mapping of names to values")
        return {str(key.value): value for key, value in self.node.value}

    def fields(self, *known: str) -> None:
        """Complain about any name that is not known: a misspelt name must not pass in silence."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong("a mapping of names to values")
        for key, _ in self.node.value:
            if key.value not in known:
                raise Entry(key, self.file, self.name or "the file").wrong(f"one of {', '.join(known)}")

    def get(self, name: str) -> Entry:
        found = self.find(name)
        if found is None:
            raise self.wrong(f"a value for '{name}'")
        return found

    def find(self, name: str) -> Entry | None:
        node = self._children().get(name)
        return None if node is None else Entry(node, self.file, f"{self.name}.{name}".lstrip("."))

    def items(self) -> Iterator[Entry]:
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong("a list")
        for place, node in enumerate(self.node.value):
            yield Entry(node, self.file, f"{self.name}[{place}]")

    def list(self, name: str) -> list[Entry]:
        found = self.find(name)
        return [] if found is None else list(found.items())

    def text(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or not self.node.value:
            raise self.wrong("a text")
        return str(self.node.value)

    def number(self, lowest: float, highest: float) -> float:
        expected = f"a number from {lowest:g} to {highest:g}"
        try:
            value = float(self.text())
        except ValueError:
            raise self.wrong(expected) from None
        if not lowest <= value <= highest:
            raise self.wrong(expected)
        return value

    def truth(self) -> bool:
        if self.text() not in ("true", "false"):
            raise self.wrong("true or false")
        return self.text() == "true"


def open_document(file: Path) -> Entry:
    """The file's outermost value, or a ShopFileError that says why it cannot be read."""
    try:
        node = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ShopFileError(f"{file}: expected a readable shop file, found: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ShopFileError(f"{file}:{line}: expected YAML, found: {error.problem}") from None
    if node is None:
        raise ShopFileError(f"{file}:1: expected a shop, found an empty file")
    return Entry(node, file, "")
