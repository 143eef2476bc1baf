"""What people and senders feel while all series come in at their own pace: answers, questions, how far behind it is."""

from __future__ import annotations

import itertools
import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from mainstay.bench.load import SAMPLES_PER_REQUEST, Load, headers_of
from mainstay.client import Client

QUERIES_PER_S = 10
TRAINED = "metrics"
"""The model that is trained beside it, one training after the other."""
PACE_S = 15.0  # between two samples of a series: what most Prometheus servers are set to


def beside(client: Client, token: str, load: Load, seconds: float) -> dict[str, Any]:
    """Every series once in 15 s for `seconds`, ten questions of the console a second and trainings beside it."""
    stop = threading.Event()
    asked, lags, trainings = list[float](), list[float](), list[str]()
    threads = [
        threading.Thread(target=_ask, args=(client, stop, asked), daemon=True),
        threading.Thread(target=_watch, args=(client, stop, lags), daemon=True),
        threading.Thread(target=_train, args=(client, stop, trainings), daemon=True),
    ]
    for thread in threads:
        thread.start()
    answered = _send(client.url, token, load, seconds)
    stop.set()
    for thread in threads:
        thread.join()
    return {
        "beside_samples_per_s": round(load.series / PACE_S),
        "beside_requests": len(answered),
        "beside_samples": sum(min(SAMPLES_PER_REQUEST, load.series - first) for first in _firsts(load, len(answered))),
        "ack_p50_ms": share(answered, 0.50),
        "ack_p99_ms": share(answered, 0.99),
        "queries": len(asked),
        "query_p50_ms": share(asked, 0.50),
        "query_p95_ms": share(asked, 0.95),
        "scoring_lag_max_s": max(lags, default=0.0),
        "trainings": trainings,
    }


def share(values_ms: Sequence[float], part: float) -> float:
    """The value below which a part of them lies.

    >>> share([1.0, 2.0, 3.0, 4.0], 0.5)
    2.5
    """
    if len(values_ms) < 2:
        return round(sum(values_ms), 1)
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    return round(cuts[round(part * 100) - 1], 1)


def _firsts(load: Load, requests: int) -> list[int]:
    """The first series of each of so many requests: one round after the other."""
    firsts = range(0, load.series, SAMPLES_PER_REQUEST)
    return [firsts[at % len(firsts)] for at in range(requests)]


def _send(url: str, token: str, load: Load, seconds: float) -> list[float]:
    """Milliseconds to each answer. Bodies are made while nobody waits."""
    until, taken = time.monotonic() + seconds, list[float]()
    with httpx.Client(base_url=url, headers=headers_of(token), timeout=60) as http:
        for turn in itertools.count():
            now_ms = int(time.time() * 1000)
            bodies = list(Load(load.series, 1).bodies(now_ms, turn))
            gap_s, next_s = PACE_S / len(bodies), time.monotonic()
            for body in bodies:
                if time.monotonic() >= until:
                    return taken
                time.sleep(max(0.0, next_s - time.monotonic()))
                next_s += gap_s
                began = time.monotonic()
                http.post("/api/v1/write", content=body).raise_for_status()
                taken.append((time.monotonic() - began) * 1000)
    return taken


def _ask(client: Client, stop: threading.Event, asked: list[float]) -> None:
    """The questions that an open page asks: the chart of a series, the list, the alerts."""
    ids = [one["id"] for one in client.get("series", limit=500)]
    for turn in itertools.count():
        began = time.monotonic()
        if turn % 5:
            client.get(f"series/{ids[turn % len(ids)]}/points")
        else:
            client.get("alerts" if turn % 2 else "status")
        asked.append((time.monotonic() - began) * 1000)
        if stop.wait(max(0.0, 1 / QUERIES_PER_S - (time.monotonic() - began))):
            return


def _train(client: Client, stop: threading.Event, trainings: list[str]) -> None:
    """One training always runs; how each ended, or how far it came, is told."""
    while not stop.is_set():
        run = client.post(f"models/{TRAINED}/train", {"rollout": False, "why": "bench"})
        while not stop.wait(0.5) and (run := client.get(f"training/{run['id']}"))["status"] == "running":
            pass
        trainings.append(f"{run['status']}, {run['stage']}: {run['says']}".removesuffix(": "))


def _watch(client: Client, stop: threading.Event, lags: list[float]) -> None:
    while not stop.wait(1.0):
        stages = client.get("status")["stages"]
        lags.append(max((stage["lag_s"] for stage in stages if stage["name"] == "pipeline"), default=0.0))
