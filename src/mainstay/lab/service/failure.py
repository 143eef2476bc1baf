"""Why a request fails: one tree.

Failure            the request ends with `status`
├── CallFailed     another service refused, failed or did not answer in time
├── Overloaded     the service takes no more requests for now
├── QueueRefused   the queue takes no more messages
└── NotReviewed    more was declined than people can look at
"""

from __future__ import annotations


class Failure(Exception):
    """A request cannot be answered; `status` says how that looks from outside, `kind` names it in telemetry."""

    status = 500

    @property
    def kind(self) -> str:
        return str(self.status)


class CallFailed(Failure):
    """A call to another service failed: 504 when it did not answer in time, 502 otherwise."""

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self._kind = kind

    @property
    def kind(self) -> str:
        return self._kind


class Overloaded(Failure):
    """More requests a second than the configuration allows."""

    status = 429


class QueueRefused(Failure):
    """The queue is full."""

    status = 503


class NotReviewed(Failure):
    """A declined case that nobody has the time to look at."""

    status = 503
