"""What of a record says which statement of the program it is: of JSON its message, of a stack trace its first line."""

from __future__ import annotations

import msgspec

from mainstay.normalize.masking import CARD, SECRET

MESSAGES = ("message", "msg", "event", "log", "body", "text", "short_message", "@message")
"""Fields that logging libraries put the message in, the usual one first (ECS, bunyan, structlog, Docker, GELF)."""
_TRACES = ("Traceback (most recent call last)", "Exception in thread ", "goroutine ")


def spoken(body: str) -> bytes:
    """What the miner is given of a masked body: its headline, with what was masked read as a number.

    >>> spoken("paid with <card> by user-<card>")
    b'paid with 0 by user-0'
    """
    return headline(body).replace(CARD, "0").replace(SECRET, "0").encode(errors="replace")


def headline(body: str) -> str:
    r"""The line that a template is made of.

    >>> headline('{"level": "info", "msg": "order 7 paid", "took": 3}'), headline("it broke\n  at Foo.java:7")
    ('order 7 paid', 'it broke')
    >>> headline("Traceback (most recent call last):\n  File x, line 1\nKeyError: 'order'")
    "Traceback (most recent call last): KeyError: 'order'"
    """
    start = body.lstrip()
    if start.startswith("{"):
        return _first(_message(start) or start)
    return _first(body)


def _first(text: str) -> str:
    """The first line; of a bare trace, also the error that it ends with."""
    first, _, rest = text.strip("\r\n").partition("\n")
    first = first.rstrip("\r")
    if rest and first.startswith(_TRACES):
        ends = [
            line for line in rest.splitlines() if line and not line[0].isspace() and not line.startswith("goroutine")
        ]
        return f"{first} {ends[-1]}" if ends else first
    return first


def _message(body: str) -> str:
    """The message of a JSON object; "" when it is none, was cut off, or holds no message."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    return next((found[name] for name in MESSAGES if isinstance(found.get(name), str)), "")
