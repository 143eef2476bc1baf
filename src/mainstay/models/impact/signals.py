"""Which signals of a service tell of harm, which way, and how much of it matters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mainstay.models.impact.moments import F64


@dataclass(frozen=True, slots=True)
class Kind:
    """One signal.

    Args:
        sign: +1 when more of it is harm, −1 when less is.
        is_share: Compared as a difference; all others as a ratio (the logarithm is what is averaged).
        offset: Added before the logarithm: values as small as this are the same to people.
        floor: The least deviation between placebos that is taken as real, on the scale that is compared.
        is_resource: A means, not an end: it is told, and counts as harm only when it lasts.
    """

    name: str
    sign: int
    is_share: bool = False
    offset: float = 0.0
    floor: float = 0.02
    is_resource: bool = False

    def scaled(self, values: F64) -> F64:
        """On the scale on which differences are taken."""
        return values if self.is_share else np.log(np.maximum(values, 0.0) + self.offset)

    def told(self, effect: float) -> float:
        """An effect as a person reads it: a factor, or a difference of shares.

        >>> Kind("latency", 1).told(float(np.log(2)))
        2.0
        """
        return round(effect if self.is_share else float(np.exp(effect)), 4)


KINDS: tuple[Kind, ...] = (
    Kind("latency", 1, offset=1.0),  # ms
    Kind("own", 1, offset=1.0),
    Kind("errors", 1, is_share=True, floor=0.002),
    Kind("rate", -1, offset=0.2),  # a request in five seconds
    Kind("availability", -1, is_share=True, floor=0.02),
    Kind("cpu", 1, offset=0.02, is_resource=True),  # cores, or a share of them
    Kind("memory", 1, offset=1.0, is_resource=True),  # bytes
)
