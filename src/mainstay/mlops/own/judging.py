"""What a judge is tried with, per kind. A diagnoser's case comes from a running platform: it is not tried here."""

from __future__ import annotations

from typing import Any

_ALERT = {
    "id": "a1",
    "entity": "service:lab/b",
    "signal": "latency",
    "severity": "critical",
    "since_ms": 1_000,
    "at_ms": 9_000,
}
_SHOP = [[20.0 + (place * 7 + unit) % 3 for place in range(60)] for unit in range(5)]
INPUTS: dict[str, dict[str, Any]] = {
    "change-risk": {"entity": "service:lab/b", "kind": "deploy", "callers": [["service:lab/a", 1, 1]]},
    "impact": {
        "bucket_s": 5.0,
        "at": 53,
        "after": 6,
        "units": [f"service:lab/{unit}" for unit in "abcde"],
        "signals": {"latency": _SHOP},
        "clean": ["1" * 60] * 5,
    },
    "suppressor": {
        "at_ms": 9_000,
        "incident": "INC-2",
        "mode": "proposed",
        "alerts": [{**_ALERT, "severity": "major"}],
        "candidates": [
            {
                "incident": "INC-1",
                "entity": "service:lab/c",
                "symptom": "service:lab/b",
                "hops": 1,
                "signal": "latency",
                "severity": "critical",
                "since_ms": 500,
            }
        ],
    },
    "correlator": {"at_ms": 9_000, "alert": _ALERT, "edges": [["service:lab/a", "service:lab/b"]]},
    "forecaster": {"values": [float(v % 7) for v in range(60)], "horizon": 7, "season": 7},
    "predictor": {"features": ["odd", "again"], "services": ["service:lab/b"], "rows": [[2.0, 0.7]]},
    "similarity": {
        "incident": {"id": "INC-2", "words": ["slow"], "facts": ["cause:deploy"]},
        "past": [{"id": "INC-1", "words": ["slow"], "facts": ["cause:deploy"]}],
        "known": 1,
        "frequency": {"slow": 1},
    },
    "planner": {
        "suspects": [{"entity": "service:lab/b", "cause": "memory-leak", "probability": 0.8}],
        "runbooks": [{"name": "restart", "causes": ["memory-leak"]}, {"name": "scale", "causes": ["overload"]}],
    },
}
