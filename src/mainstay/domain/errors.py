"""What can go wrong, as one tree.

::

    MainstayError
    ├── BadInput            a sender's or user's input cannot be read: what, which value, what to do
    │   └── BadFile         … in a file: path, line, what was expected
    ├── Overloaded          try again later (the door answers 503 + Retry-After)
    ├── Refused             it was read and is not allowed (approval by the requester, expired, unsigned)
    ├── NotFound            no such thing
    └── Corrupt             stored bytes are not what was written; says where
"""

from __future__ import annotations


class MainstayError(Exception):
    """Root of every error that Mainstay raises on purpose."""


class BadInput(MainstayError):
    """Input that cannot be read. The message says what, which value, and what to do."""


class BadFile(BadInput):
    """A file that does not validate.

    >>> str(BadFile("runbooks/a.yaml", 3, "expected a number of seconds for timeout_s, got 'soon'"))
    "runbooks/a.yaml:3: expected a number of seconds for timeout_s, got 'soon'"
    """

    def __init__(self, path: str, line: int, says: str) -> None:
        super().__init__(f"{path}:{line}: {says}")
        self.path, self.line, self.says = path, line, says


class Overloaded(MainstayError):
    """There is no room now. Nothing was kept; the sender must try again after `retry_after_s`.

    One second unless said: an OpenTelemetry SDK gives up ten seconds after its first try, so it must try often.
    """

    def __init__(self, says: str, retry_after_s: int = 1) -> None:
        super().__init__(says)
        self.retry_after_s = retry_after_s


class Refused(MainstayError):
    """It was understood and is not allowed; the message says by which rule."""


class NotFound(MainstayError):
    """There is no such thing; the message names it."""


class Corrupt(MainstayError):
    """Stored bytes are not what was written; the message says which file and where."""
