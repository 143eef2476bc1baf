"""The load: users who arrive whether or not the shop keeps up, and write down every second what they felt."""

from __future__ import annotations

import argparse
import http.client
import json
import math
import random
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.parentage import die_with, take_name
from mainstay.lab.shop import Journey, Shop, read_shop

PATIENCE_S = 6.0
THINK_S = (0.1, 0.5)
BURST_SHARE = 0.004  # of seconds in which a burst begins
BURST_FACTOR = 1.5
BURST_S = 6.0
AT_ONCE = 160


class Diary:
    """What users felt, second by second, journey by journey."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._felt: dict[str, list[float]] = defaultdict(list)
        self._errors: dict[str, int] = defaultdict(int)

    def note(self, request: str, took_ms: float, is_error: bool) -> None:
        with self._lock:
            self._felt[request].append(round(took_ms, 1))
            self._errors[request] += is_error

    def turn_page(self, at_s: float) -> None:
        """Write the second that has passed."""
        with self._lock:
            felt, errors = self._felt, self._errors
            self._felt, self._errors = defaultdict(list), defaultdict(int)
        everything = sorted(value for values in felt.values() for value in values)
        line = {
            "at_s": round(at_s, 3),
            "count": len(everything),
            "errors": sum(errors.values()),
            "p50_ms": quantile(everything, 0.5),
            "p95_ms": quantile(everything, 0.95),
            "requests": {
                name: {"errors": errors[name], "latencies_ms": values} for name, values in sorted(felt.items())
            },
        }
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def quantile(ordered: list[float], share: float) -> float | None:
    """The value below which that share of an ordered list lies; None for an empty one.

    >>> quantile([1.0, 2.0, 3.0, 40.0], 0.5)
    2.0
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


class Load:
    """Sends the users of a shop to its entry."""

    def __init__(self, folder: Folder, shop: Shop, seed: str) -> None:
        self._folder = folder
        self._shop = shop
        self._draw = random.Random(seed)
        self._diary = Diary(folder.users)
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._entry = ""
        self._burst_until = 0.0

    def run(self) -> None:
        """Send users until the process ends."""
        threading.Thread(target=self._turn_pages, daemon=True).start()
        traffic, begun = self._shop.traffic, time.monotonic()
        due, looked_at, factor, weights = begun, 0.0, 1.0, [1.0]
        while True:
            now = time.monotonic()
            if now - looked_at > 0.5:
                looked_at, (factor, weights) = now, self._look()
            wave = 1 + traffic.wave_depth * math.sin(2 * math.pi * (now - begun) / traffic.wave_period_s)
            burst = BURST_FACTOR if now < self._burst_until else 1.0
            due += self._draw.expovariate(traffic.journeys_per_s * wave * burst * factor)
            time.sleep(max(0.0, due - time.monotonic()))
            journey = self._draw.choices(self._shop.journeys, weights)[0]
            self._pool.submit(self._visit, journey, self._draw.random())

    def _look(self) -> tuple[float, list[float]]:
        """How many times the usual users come now, and what share of them on which journey."""
        entry = read_json(self._folder.endpoints)[self._shop.entry.name]
        self._entry = entry[0]["address"]
        if self._draw.random() < BURST_SHARE / 2:
            self._burst_until = time.monotonic() + BURST_S
        now: dict[str, Any] = read_json(self._folder.traffic) if self._folder.traffic.exists() else {}
        shares = now.get("shares", {})
        weights = [float(shares.get(journey.name, journey.share)) for journey in self._shop.journeys]
        return float(now.get("factor", 1.0)), weights

    def _visit(self, journey: Journey, luck: float) -> None:
        draw = random.Random(luck)
        for place, request in enumerate(journey.requests):
            if place:
                time.sleep(draw.uniform(*THINK_S))
            if not self._request(request, draw.randint(1, 500)):
                return

    def _request(self, request: str, number: int) -> bool:
        """Whether it went well."""
        method, _, path = request.format(id=number).partition(" ")
        started = time.perf_counter()
        connection = http.client.HTTPConnection(self._entry, timeout=PATIENCE_S)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            is_error = response.status >= 500 or response.status == 429
        except (OSError, http.client.HTTPException):
            is_error = True
        finally:
            connection.close()
        self._diary.note(request, (time.perf_counter() - started) * 1000, is_error)
        return not is_error

    def _turn_pages(self) -> None:
        due = time.time()
        while True:
            due += 1
            time.sleep(max(0.0, due - time.time()))
            self._diary.turn_page(due)


def main() -> None:
    parser = argparse.ArgumentParser(prog="load")
    parser.add_argument("--lab", required=True)
    parser.add_argument("--parent", type=int, required=True)
    arguments = parser.parse_args()
    die_with(arguments.parent)
    take_name("users")
    threading.stack_size(512 * 1024)
    folder = Folder(Path(arguments.lab))
    settings: dict[str, Any] = read_json(folder.settings)
    Load(folder, read_shop(folder.shop), f"{settings['noise_seed']}users").run()


if __name__ == "__main__":
    main()
