"""Faults that come with a change: a bad release or a bad configuration, rolled out like any other."""

from __future__ import annotations

import random
import socket
from typing import Any

from mainstay.lab.fault.cause import Cause, Place
from mainstay.lab.operate.control import ask
from mainstay.lab.releasing import AUTHORS, RULES, roll_out
from mainstay.lab.shop import Shop
from mainstay.lab.shop.release import Release
from mainstay.lab.shop.topology import nominal_ms, rates_per_s

LEAK_BYTES_PER_S = 3_000_000  # fills a 220 MiB limit within a minute


def slow_release(place: Place) -> Cause:
    """A version that waits a few hundred milliseconds more in every request."""
    return _release(place, Release("", extra_ms=place.draw.uniform(260, 600)))


def failing_release(place: Place) -> Cause:
    """A version that throws on a share of its requests."""
    return _release(place, Release("", error_share=place.draw.uniform(0.25, 0.5)))


def leaking_release(place: Place) -> Cause:
    """A version that keeps something of every request, until its memory limit kills it; and again."""
    per_request = LEAK_BYTES_PER_S / max(rates_per_s(place.shop)[place.service], 0.2)
    return _release(place, Release("", retained_bytes=int(per_request)))


def _release(place: Place, behaviour: Release) -> Cause:
    before = ask(place.folder, "status", service=place.service)["services"][0]["version"]
    done = roll_out(place.folder, place.service, behaviour, place.draw)
    data = done["change"]["data"]
    return Cause(
        accepted=(place.service,),
        affected=(place.service,),
        mends=(("redeploy", place.service, "--version", before),),
        signs={"version": data["version"]},
        change_id=done["change"]["id"],
    )


def bad_configuration(place: Place) -> Cause:
    """A configuration with a timeout too short, a wrong address or a limit too low."""
    variant, settings = place.draw.choice(_mistakes(place))
    done = ask(
        place.folder,
        "configure",
        service=place.service,
        settings=settings,
        author=place.draw.choice(AUTHORS),
        summary=place.draw.choice(RULES),
    )
    return Cause(
        accepted=(place.service,),
        affected=(place.service,),
        mends=(("restore", place.service),),
        signs={"revision": done["revision"]},
        variant=variant,
        change_id=done["change"]["id"],
    )


def _mistakes(place: Place) -> list[tuple[str, dict[str, Any]]]:
    rate = rates_per_s(place.shop)[place.service]
    found: list[tuple[str, dict[str, Any]]] = [("rate limit", {"rate_limit_per_s": round(rate * 0.4, 1)})]
    if called := needed_calls(place.shop, place.service):
        slowest = max(called.values())
        found.append(("timeout", {"timeout_ms": max(2, round(slowest * 0.75))}))
        found.append(("address", {"addresses": [[place.draw.choice(sorted(called)), f"127.0.0.1:{_closed_port()}"]]}))
    return found


def needed_calls(shop: Shop, service: str) -> dict[str, float]:
    """The services that a service cannot do without, and how long each usually takes to answer it."""
    steps = [step for route in shop.service(service).routes for step in route.steps if step.kind == "call"]
    return {step.target: nominal_ms(shop, step.target, step.method, step.path) for step in steps}


def _closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def draw_of(seed: int, *about: str) -> random.Random:
    """A stream of draws for one purpose, the same for the same seed."""
    return random.Random(" ".join((str(seed), *about)))
