"""Numbers as an operator says them: `2.4 s`, `310 ms`, `1.2 GiB`, `12.5 %`."""

from __future__ import annotations

import math
from datetime import UTC, datetime

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
BYTES = {
    "By": 1.0,
    "bytes": 1.0,
    "B": 1.0,
    "KiBy": 1024.0,
    "MiBy": 1024.0**2,
    "GiBy": 1024.0**3,
    "kBy": 1e3,
    "MBy": 1e6,
}
DAYTIME = 86_400_000_000_000


def quantity(value: float, unit: str) -> str:
    """A value with its unit, three digits at most.

    >>> quantity(2400, "ms"), quantity(0.12, "s"), quantity(0.125, "1"), quantity(3 * 2**30, "By")
    ('2.4 s', '120 ms', '0.125', '3 GiB')
    """
    if unit in SECONDS:
        seconds = value * SECONDS[unit]
        return f"{_digits(seconds)} s" if abs(seconds) >= 1 else f"{_digits(seconds * 1e3)} ms"
    if unit in BYTES:
        return _bytes(value * BYTES[unit])
    if unit in ("%", "percent"):
        return f"{_digits(value)} %"
    return _digits(value) if unit in ("", "1") else f"{_digits(value)} {unit}"


def span(low: float, high: float, unit: str) -> str:
    """An expected range.

    >>> span(0.12, 0.31, "s"), span(0.12, 3.1, "s")
    ('120–310 ms', '120 ms – 3.1 s')
    """
    left, right = quantity(low, unit), quantity(high, unit)
    if " " not in left and " " not in right:
        return f"{left}–{right}"
    number, _, one = left.partition(" ")
    return f"{number}–{right}" if one == right.partition(" ")[2] else f"{left} – {right}"


def clock(at_ns: int) -> str:
    """Time of day, UTC; before 1970 and far futures are told as they are.

    >>> clock(7_445_000_000_000)
    '02:04:05'
    """
    return datetime.fromtimestamp(at_ns % DAYTIME // 1_000_000_000, tz=UTC).strftime("%H:%M:%S")


def short(entity: str) -> str:
    """The name of an entity without kind and environment.

    >>> short("service:prod/payments")
    'payments'
    """
    return entity.rpartition("/")[2] or entity


def _digits(value: float) -> str:
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "no number"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    text = f"{value:.3g}"
    return text if "e" not in text or abs(value) >= 1e6 or abs(value) < 1e-3 else str(round(value))


def _bytes(value: float) -> str:
    for name, size in (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10)):
        if abs(value) >= size:
            return f"{_digits(float(f'{value / size:.3g}'))} {name}"
    return f"{_digits(value)} B"
