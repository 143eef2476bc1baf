"""Days that are not like others, by kind: what an operator's calendar file says, as columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


def _none_ns() -> npt.NDArray[np.int64]:
    return np.empty(0, np.int64)


def _none() -> npt.NDArray[np.uint8]:
    return np.empty(0, np.uint8)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Stretches of time that look like one another: pay days, month ends, holidays.

    Args:
        kinds: Their names, e.g. `payday`. Empty: no calendar is in use.
        since_ns, until_ns: Begin and end (exclusive) of each stretch, rising, without overlap.
        kind: Which of `kinds` each is.
    """

    kinds: tuple[str, ...] = ()
    since_ns: npt.NDArray[np.int64] = field(default_factory=_none_ns)
    until_ns: npt.NDArray[np.int64] = field(default_factory=_none_ns)
    kind: npt.NDArray[np.uint8] = field(default_factory=_none)

    def at(self, at_ns: int) -> str:
        """The kind of day at a time, "" for an ordinary one.

        >>> day = Calendar(("payday",), np.array([10]), np.array([20]), np.array([0], np.uint8))
        >>> day.at(10), day.at(20)
        ('payday', '')
        """
        i = int(np.searchsorted(self.since_ns, at_ns, "right")) - 1
        return self.kinds[int(self.kind[i])] if i >= 0 and at_ns < int(self.until_ns[i]) else ""


NO_CALENDAR = Calendar()
