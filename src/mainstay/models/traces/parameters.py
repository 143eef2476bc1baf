"""What a version of the edge detector is made of, apart from its code."""

from __future__ import annotations

import msgspec


class EdgeParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a call counts as slower, failing or gone. All windows are the normaliser's (5 s).

    Attributes:
        ring: Newest windows that are held back from learning and pooled for a decision.
        warm_windows, warm_requests: History needed before anything is judged.
        ratio, least_ms: Practical effect of latency: both must be exceeded, by the middle or by the tail (p90).
        critical_ms: Added latency below which even five times slower is not critical; half of it for major. People
            notice a tenth of a second (Nielsen 1993, Usability Engineering, ch. 5).
        latency_p, errors_p, silence_p: Chance of the pooled windows in normal operation, below which they are strange.
        error_share, error_floor: Least rise of the error share that matters; share assumed of an edge without errors.
        silence_windows, silence_expected: Windows without a call, and calls expected in them, before silence is told.
        calm_windows: Windows without evidence before it is calm again.
        memory: Share of the reference that survives one window (0.999 at 5 s: half of it after an hour).
        adopt_s: After this long it is the new normal.
        path_requests, path_pool: Requests of an operation that must be known, and be in the ring, before a change of
            what they call is told; path_adopt_s: after this long the new way is the usual one.
    """

    ring: int = 6
    warm_windows: int = 10
    warm_requests: int = 30
    ratio: float = 1.8
    least_ms: float = 20.0
    critical_ms: float = 200.0
    latency_p: float = 1e-6
    errors_p: float = 2e-6
    error_share: float = 0.05
    error_floor: float = 0.005
    silence_p: float = 1e-9
    silence_windows: int = 4
    silence_expected: float = 20.0
    calm_windows: int = 3
    memory: float = 0.999
    adopt_s: float = 14_400.0
    path_requests: float = 200.0
    path_pool: int = 20
    path_adopt_s: float = 600.0
    window_s: float = 5.0
