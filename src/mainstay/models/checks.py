"""What an algorithm must offer beyond the domain's protocols to be registered, served and swapped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import msgspec

from mainstay.domain.protocols import Detector, Judge


class Streaming(Detector, Protocol):
    """A detector as the catalogue holds it. Algorithms whose `STATE` is equal can take over from each other."""

    ALGORITHM: ClassVar[str]
    STATE: ClassVar[str]
    DEFAULTS: ClassVar[dict[str, Any]]

    def __init__(self, parameters: Mapping[str, Any]) -> None: ...

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now: what a version that takes over cold would forget."""
        ...


class Pure(Judge, Protocol):
    """A judge as the catalogue holds it: no state, parameters only."""

    ALGORITHM: ClassVar[str]
    DEFAULTS: ClassVar[dict[str, Any]]

    def __init__(self, parameters: Mapping[str, Any]) -> None: ...


def weights_of(defaults: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a version over the defaults of its algorithm.

    Raises:
        msgspec.ValidationError: One that the algorithm does not know: a typing error must not become a version.
    """
    unknown = sorted(set(parameters) - set(defaults))
    if unknown:
        raise msgspec.ValidationError(f"unknown parameter `{unknown[0]}`; there are {', '.join(sorted(defaults))}")
    return {**defaults, **parameters}
