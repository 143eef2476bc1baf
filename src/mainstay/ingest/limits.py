"""What an item may be: its time, labels and name. A bad item is refused with a reason; good ones beside it are kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from mainstay.domain.entities import Labels
from mainstay.domain.signals import Decoded
from mainstay.ingest.rejections import Rejected

NANOSECONDS = 1_000_000_000
DAY_NS = 24 * 3600 * NANOSECONDS
EARLIEST_NS = 946_684_800 * NANOSECONDS  # 2000-01-01
LATEST_NS = 4_102_444_800 * NANOSECONDS  # 2100-01-01
MOST_LABELS = 256  # OTel SDKs stop at 128, Prometheus servers commonly at 30–200
MOST_NAME = 1024
MOST_VALUE = 65_536  # a stack trace fits
MOST_BODY = 1 << 20  # one log line
MOST_ITEMS = 250_000  # of one request; clients send thousands. Decoded, an item may take a kilobyte
REASONS_TOLD = 5


class Gate:
    """Judges the items of one request and counts what it refuses, by reason.

    Args:
        received_ns: When the request came; items more than a day later are refused. 0: not known, the limit is 2100.
    """

    def __init__(self, received_ns: int = 0) -> None:
        self.received_ns = received_ns
        self.latest_ns = min(received_ns + DAY_NS, LATEST_NS) if received_ns else LATEST_NS
        self.reasons: Counter[str] = Counter()
        self.is_clock_bound = False
        self.items = 0

    def admit(self, count: int, most: int = MOST_ITEMS) -> None:
        """So many more items are about to be read.

        Raises:
            Rejected: 413, when they are more than one request may have.
        """
        self.items += count
        if self.items > most:
            raise Rejected(413, f"more than {most} items in one request: send smaller batches")

    def refuse(self, reason: str, count: int = 1) -> None:
        """Items that are not kept, and why."""
        self.reasons[reason] += count

    def now_ns(self) -> int:
        """When the request came, for an item that does not say its own time."""
        self.is_clock_bound = True
        return self.received_ns

    def is_time(self, at_ns: int) -> bool:
        """Whether a time can be true: from 2000 to a day after the request came."""
        if EARLIEST_NS <= at_ns <= self.latest_ns:
            return True
        if at_ns < EARLIEST_NS:
            self.refuse("time before 2000-01-01 (0 is no time): check the unit and the sender's clock")
        else:
            self.is_clock_bound = True
            self.refuse("time more than a day in the future: check the unit and the sender's clock")
        return False

    def is_labels(self, labels: Labels, count: int = 1) -> bool:
        """Whether a label set is within limits; `count` items are refused when it is not."""
        reason = labels_refused(labels)
        if reason:
            self.refuse(reason, count)
        return not reason

    def is_name(self, name: str, count: int = 1) -> bool:
        """Whether a metric can be called this."""
        if name and len(name) <= MOST_NAME:
            return True
        self.refuse(f"metric name longer than {MOST_NAME} characters" if name else "empty metric name", count)
        return False

    def sign(self, decoded: Decoded) -> Decoded:
        """The decoded request with what was refused of it."""
        told = [f"{count}: {reason}" for reason, count in self.reasons.most_common(REASONS_TOLD)]
        return replace(
            decoded,
            refused=self.reasons.total(),
            refused_reason="; ".join(told),
            is_clock_bound=self.is_clock_bound,
        )


def labels_refused(labels: Labels) -> str:
    """Why a label set is not accepted; empty when it is.

    >>> labels_refused((("job", "api"),))
    ''
    >>> labels_refused((("", "x"),))
    'empty label name'
    """
    if len(labels) > MOST_LABELS:
        return f"more than {MOST_LABELS} labels or attributes"
    for name, value in labels:
        if not name:
            return "empty label name"
        if len(name) > MOST_NAME:
            return f"label name longer than {MOST_NAME} characters"
        if len(value) > MOST_VALUE:
            return f"label value longer than {MOST_VALUE} characters"
    return ""
