"""Faults that nothing announces: a stranger disturbs the shop, whose code and settings are as they were."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from mainstay.lab.fault.cause import Cause, Place
from mainstay.lab.folder import read_json
from mainstay.lab.operate.control import ask
from mainstay.lab.operate.instance import OperationFailed, wait_until
from mainstay.lab.slots import strangers

THERE_WITHIN_S = 10.0
CRASHED_WITHIN_S = 30.0


def hogged_processor(place: Place) -> Cause:
    """A batch job takes the processor: the service runs only in the gaps it leaves."""
    _send_stranger(place, place.service, "batch-report", "starve")
    return Cause(
        accepted=(place.service,),
        affected=(place.service,),
        mends=(("clean", place.service),),
        signs={"slot": place.service},
    )


def locked_database(place: Place) -> Cause:
    """A maintenance job holds the database's exclusive lock, lets go for a moment, and takes it again."""
    _send_stranger(place, place.service, "db-maintenance", "lock")
    users = tuple(found.name for found in place.shop.services if place.service in found.databases)
    return Cause(
        accepted=(place.service,),
        affected=users,
        mends=(("clean", place.service), ("restart", place.service), *(("clean", name) for name in users)),
        signs={"slot": place.service},
    )


def filled_disk(place: Place) -> Cause:
    """A heap dump grows in the service's data directory until the quota is used up."""
    _send_stranger(place, place.service, "heap-dump", "fill")
    return Cause(
        accepted=(place.service,),
        affected=(place.service,),
        mends=(("clean", place.service),),
        signs={"full": place.service},
    )


def halted_consumer(place: Place) -> Cause:
    """A tracer is attached to the consumer and slows it to a crawl; messages pile up."""
    _send_stranger(place, place.service, "strace", "trace")
    queue = place.shop.service(place.service).consumes
    return Cause(
        accepted=(place.service, queue),
        affected=(place.service, queue, place.shop.broker_of(queue)),
        mends=(("restart", place.service), ("scale", place.service, "3"), ("clean", place.service)),
        signs={"queue": queue, "replicas": len(_pids(place))},
    )


def lost_dependency(place: Place) -> Cause:
    """A service is gone: frozen where it stands, or crashed so often that it is no longer restarted."""
    variant = place.draw.choice(("frozen", "crashed"))
    if variant == "frozen":
        for pid in _pids(place):
            os.kill(pid, signal.SIGSTOP)
    else:
        _crash_until_given_up(place)
    return Cause(
        accepted=(place.service,),
        affected=(place.service,),
        mends=(("restart", place.service),),
        signs={"health": place.service},
        variant=variant,
    )


def _pids(place: Place) -> list[int]:
    return [entry["pid"] for entry in read_json(place.folder.endpoints)[place.service]]


def _crash_until_given_up(place: Place) -> None:
    until = time.monotonic() + CRASHED_WITHIN_S
    while True:
        for pid in _pids(place):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        status = ask(place.folder, "status", service=place.service)["services"][0]
        if all(found["state"] == "given up" for found in status["instances"]):
            return
        if time.monotonic() > until:
            raise OperationFailed(f"{place.service} keeps coming back")
        time.sleep(0.2)


def _send_stranger(place: Place, slot: str, name: str, does: str) -> None:
    """Start a stranger that belongs to nobody in the shop, and wait until it is at work."""
    with place.folder.log(f"node-{slot}").open("a", encoding="utf-8") as stream:
        subprocess.run(
            [sys.executable, "-m", "mainstay.lab.fault.stranger", name, does, str(place.folder.root), slot],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            check=True,
        )
    wait_until(lambda: strangers(place.folder, slot), THERE_WITHIN_S, f"{name} did not start")
