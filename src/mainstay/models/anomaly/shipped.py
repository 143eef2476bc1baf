"""The rules that Mainstay comes with: hand-set priors, measured on simulated noise (docs/detection.md)."""

from __future__ import annotations

from mainstay.models.anomaly.rules import Parameters, Rule

MIB = 2.0**20
FORTNIGHT_S = 1_209_600.0  # what creeps by less than about a thirtieth a day is followed, not told


def shipped() -> Parameters:
    """In order; the first whose expression is found in the metric's name holds."""
    return Parameters(rules=(*_NOT_JUDGED, *_FELT, *_RESOURCES, *_REST))


_NOT_JUDGED = (
    Rule(
        name="ignored",
        match=r"(_created|_info|build_info|start_time)$|^scrape_|(^|[._])gc([._]|$)|uptime|page_faults|context_switches",
        signal="other",
        severity="info",
        ignore=True,
    ),
    Rule(
        name="limit",
        match=r"[._](limit|capacity|max)(_bytes)?$",
        signal="other",
        severity="info",
        is_limit=True,
    ),
)

_FELT = (
    Rule(
        name="error-share",
        match=r"error[._](ratio|share|percent)|failure[._](ratio|share)",
        signal="errors",
        severity="minor",
        strong="major",
        strong_ratio=30,
        rel=0.5,
        abs=0.1,
        direction="up",
    ),
    Rule(
        name="errors",
        match=r"error|fail|exception|5xx|timeout|dropped|rejected|abort|refused",
        signal="errors",
        severity="minor",
        strong="major",
        strong_ratio=20,
        rel=2.0,
        abs=0.5,
        direction="up",
        persist_s=12,
    ),
    Rule(
        name="delay",
        match=r"scheduling[._]delay|run[._]?queue|throttl",
        signal="saturation",
        severity="info",
        rel=3.0,
        abs=0.1,
        abs_s=0.06,
        direction="up",
        persist_s=16,
        explains=True,  # one starved copy of a service is late although the others do its work: no reason to call
    ),
    Rule(
        name="queue-age",
        match=r"oldest[._]age|queue[._]?time|consumer[._]lag[._]seconds",
        signal="saturation",
        severity="minor",
        strong="major",
        strong_ratio=10,
        rel=2.0,
        abs=8,
        abs_s=8,
        direction="up",
        persist_s=12,
    ),
    # The p95 of ten calls is nearly their largest: the edge detector is the sharper one, this one must be calm.
    Rule(
        name="latency",
        match=r"duration|latency|response[._]time|wait[._]time|elapsed",
        signal="latency",
        severity="minor",
        strong="major",
        rel=1.5,
        abs=0.05,
        abs_s=0.05,
        direction="up",
        persist_s=16,
    ),
    Rule(
        name="availability",
        match=r"^up$|availab|health|[._]up$|ready",
        signal="availability",
        severity="major",
        rel=0.3,
        abs=0.3,
        direction="down",
        strong_ratio=1e9,
    ),
)

_RESOURCES = (
    Rule(
        name="queue",
        match=r"queue|backlog|pending|lag$|in_flight|inflight",
        signal="saturation",
        severity="minor",
        strong="major",
        strong_ratio=10,
        rel=1.5,
        abs=25,
        direction="up",
        persist_s=12,
        drift_rel=3.0,
        slow_s=FORTNIGHT_S,
        near=0.8,
        exhausts=True,
    ),
    Rule(
        name="disk",
        match=r"disk|filesystem|(^|[._])fs([._]|$)|volume|storage|inode|quota",
        signal="saturation",
        severity="minor",
        strong="major",
        strong_ratio=1e9,
        rel=0.15,
        abs=0.08,
        abs_bytes=4 * MIB,
        direction="up",
        above=0.6,
        near=0.9,
        exhausts=True,
    ),
    Rule(
        name="memory",
        match=r"memory|heap|rss|(^|[._])mem([._]|$)|working_set",
        signal="saturation",
        severity="minor",
        strong="major",
        strong_ratio=1e9,
        rel=0.3,
        abs=0.12,
        abs_bytes=40 * MIB,
        direction="up",
        persist_s=12,
        drift_rel=0.4,
        slow_s=FORTNIGHT_S,
        near=0.88,
        exhausts=True,
    ),
    Rule(
        name="processor",
        match=r"cpu|utili[sz]ation|load|saturation|usage|pool",
        signal="saturation",
        severity="info",
        strong="minor",
        strong_ratio=6,
        near=0.9,
        rel=0.8,
        abs=0.3,
        direction="up",
        persist_s=16,
    ),
)

_REST = (
    Rule(
        name="traffic",
        match=r"request|throughput|calls|messages|orders|sessions|connections|(^|[._])rate",
        signal="traffic",
        severity="info",
        strong="minor",
        strong_ratio=20,
        rel=0.7,
        abs=2.0,
        persist_s=20,
    ),
    # Threads, descriptors, whatever is counted and not known: calm unless it is far away for long.
    Rule(
        name="count",
        match=r"count|number|threads|descriptor|objects",
        signal="other",
        severity="info",
        rel=2.0,
        abs=50,
        direction="up",
        p_fire=1e-4,
        persist_s=30,
        min_s=120,
        drift_rel=3.0,
        slow_s=FORTNIGHT_S,
    ),
    Rule(
        name="other",
        match=r"",
        signal="other",
        severity="info",
        rel=1.5,
        abs=1e-9,
        p_fire=1e-5,
        persist_s=30,
        min_samples=60,
        min_s=300,
    ),
)
