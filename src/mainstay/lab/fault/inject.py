"""Doing a fault, seeing whether it is still there, and ending it as an operator would."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from pathlib import Path
from typing import Any

from mainstay.lab.fault.cause import Place
from mainstay.lab.fault.inside import draw_of
from mainstay.lab.fault.kinds import KINDS
from mainstay.lab.fault.model import is_overwritten
from mainstay.lab.fault.truth import Fault, Truth
from mainstay.lab.folder import Folder, read_json
from mainstay.lab.operate.changes import utc_text
from mainstay.lab.operate.commands import operate
from mainstay.lab.operate.control import ask
from mainstay.lab.shop import Shop, read_shop
from mainstay.lab.slots import strangers

FULL = 0.9
BACKLOG = 20  # messages; a queue that is kept up with holds one or two


class FaultImpossible(ValueError):
    """This fault cannot be done there; the message says where it can."""


def inject(
    lab_dir: Path | str, kind: str, service: str | None = None, seed: int = 0, truth_dir: Path | str | None = None
) -> Fault:
    """Do a fault to a running shop.

    Args:
        lab_dir: The lab's folder.
        kind: One of `KINDS`.
        service: Where; drawn by the seed among the places where it makes sense when not given.
        seed: Decides the place and the variant.
        truth_dir: Where to write the truth; it must not lie in the lab's folder.
    """
    folder = Folder(Path(lab_dir))
    if truth_dir and Path(truth_dir).resolve().is_relative_to(folder.root.resolve()):
        raise FaultImpossible(f"{truth_dir}: expected a folder outside of the lab's folder {folder.root}")
    shop = read_shop(folder.shop)
    draw = draw_of(seed, kind)
    place = Place(folder, shop, choose(shop, kind, service, seed), draw)
    started_s = time.time()
    cause = KINDS[kind].apply(place)
    fault = Fault(
        str(uuid.uuid4()), kind, place.service, utc_text(started_s), cause, is_from_outside=KINDS[kind].is_from_outside
    )
    if truth_dir:
        Truth(Path(truth_dir)).tell(fault)
    return fault


def choose(shop: Shop, kind: str, service: str | None, seed: int) -> str:
    """The place of a fault: the one asked for if it makes sense there, else drawn by the seed."""
    if kind not in KINDS:
        raise FaultImpossible(f"unknown fault {kind!r}; there are: {', '.join(KINDS)}")
    places = KINDS[kind].where(shop)
    if not places:
        raise FaultImpossible(f"{kind} makes no sense in shop {shop.name}: it has no place for it")
    if service is None:
        return draw_of(seed, kind, "where").choice(places)
    if service in places:
        return service
    used = [name for name in places if service in shop.names and name in shop.service(service).databases]
    if used:
        return used[0]
    raise FaultImpossible(f"{kind} makes no sense at {service!r}; it does at: {', '.join(places)}")


def is_present(lab_dir: Path | str, fault: Fault) -> bool:
    """Whether what was done is still there, whatever users feel of it."""
    folder = Folder(Path(lab_dir))
    signs = fault.cause.signs
    if "slot" in signs:
        return bool(strangers(folder, signs["slot"]))
    if "full" in signs:
        return bool(strangers(folder, signs["full"])) or _used_share(folder, signs["full"]) > FULL
    if "model" in signs:
        return is_overwritten(folder, signs["model"])
    status = ask(folder, "status", service=fault.service)["services"][0]
    if "queue" in signs:
        is_held = bool(strangers(folder, fault.service)) and status["replicas"] <= signs["replicas"]
        return is_held or _is_backed_up(folder, signs["queue"])
    if "health" in signs:
        return not status["healthy"]
    return any(status[name] == value for name, value in signs.items())


def lift(lab_dir: Path | str, fault: Fault) -> dict[str, Any]:
    """End a fault with the operator's command that is tried first."""
    return operate(Folder(Path(lab_dir)), fault.cause.mends[0])


def _used_share(folder: Folder, service: str) -> float:
    quota = read_shop(folder.shop).service(service).quota_mb * 2**20
    return sum(path.stat().st_size for path in folder.data(service).glob("*") if path.is_file()) / quota


def _is_backed_up(folder: Folder, queue: str) -> bool:
    try:
        return depth(folder, queue) > BACKLOG
    except (OSError, http.client.HTTPException):
        return True  # nobody can tell while the broker is away


def depth(folder: Folder, queue: str) -> int:
    """How many messages a queue holds, asked of its broker."""
    broker = read_shop(folder.shop).broker_of(queue)
    address = read_json(folder.endpoints)[broker][0]["address"]
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", f"/queues/{queue}")
        return int(json.loads(connection.getresponse().read())["depth"])
    finally:
        connection.close()
