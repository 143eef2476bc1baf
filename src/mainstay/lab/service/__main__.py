"""The process of one service: reads its place in the shop, opens its door, says that it is ready, serves."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from mainstay.lab.folder import Folder, read_json
from mainstay.lab.parentage import die_with, take_name
from mainstay.lab.scoring.opening import desk_of, serving_of
from mainstay.lab.service.broker import Broker
from mainstay.lab.service.consumer import Consumer
from mainstay.lab.service.database import Database
from mainstay.lab.service.door import Door
from mainstay.lab.service.instruments import Instruments
from mainstay.lab.service.listener import Listener
from mainstay.lab.service.noise import Noise
from mainstay.lab.service.outbound import Addresses, Outbound
from mainstay.lab.service.settings import Settings
from mainstay.lab.service.storage import Storage
from mainstay.lab.service.work import Means, Work
from mainstay.lab.shop import Service, Shop, read_shop
from mainstay.lab.shop.release import Release
from mainstay.lab.signals.meters import Meters
from mainstay.lab.signals.telemetry import Destination, Telemetry

LAST_WORDS_S = 1.5  # how long a stopping service may try to send its last telemetry
THREAD_STACK_BYTES = 512 * 1024


def main() -> None:
    arguments = _arguments()
    die_with(arguments.parent)
    take_name(arguments.service)
    threading.stack_size(THREAD_STACK_BYTES)
    folder = Folder(Path(arguments.lab))
    shop = read_shop(folder.shop)
    service = shop.service(arguments.service)
    telemetry = _telemetry(folder, shop, service, arguments)
    listener = _open(folder, shop, service, telemetry, arguments)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=listener.shutdown).start())
    sys.stdout.write(json.dumps({"port": listener.server_address[1]}) + "\n")
    sys.stdout.flush()
    listener.serve_forever(poll_interval=0.2)
    threading.Timer(LAST_WORDS_S, os._exit, (0,)).start()
    telemetry.close()
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="service")
    for name in ("--lab", "--service", "--instance", "--version"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent", type=int, required=True)
    return parser.parse_args()


def _telemetry(folder: Folder, shop: Shop, service: Service, arguments: argparse.Namespace) -> Telemetry:
    token = folder.token.read_text(encoding="utf-8").strip() if folder.token.exists() else ""
    return Telemetry(
        Destination(read_json(folder.settings)["otlp_url"], token),
        {
            "service.name": service.name,
            "service.namespace": shop.name,
            "service.version": arguments.version,
            "service.instance.id": arguments.instance,
            "deployment.environment.name": shop.environment,
            "host.name": service.host,
            "service.tier": str(service.tier),
            "service.owner": service.owner,
        },
    )


def _open(
    folder: Folder, shop: Shop, service: Service, telemetry: Telemetry, arguments: argparse.Namespace
) -> Listener:
    seed = read_json(folder.settings)["noise_seed"]
    meters, journal = Meters(telemetry.meter), telemetry.journal(service.name)
    instruments = Instruments(telemetry.tracer, meters, journal, Noise(f"{seed}{arguments.instance}"))
    settings, addresses = Settings(folder, service.name), Addresses(folder)
    outbound = Outbound(addresses, settings.configuration, instruments)
    means = Means(
        instruments=instruments,
        outbound=outbound,
        databases={name: Database(name, folder.database(name), instruments) for name in service.databases},
        broker_of=shop.broker_of,
        storage=_storage(folder, service, meters),
        serving=serving_of(folder, shop, service),
        desk=desk_of(folder, shop, service, outbound, arguments.instance),
    )
    work = Work(means, Release.read(folder.release(service.name, arguments.version)))
    identity = {
        "service": service.name, "instance": arguments.instance, "version": arguments.version,
    }  # fmt: skip
    door = Door(service, instruments, work, settings, identity)
    if held := shop.queues_held_by(service.name):
        broker = Broker(folder.data(service.name), held)
        broker.watch(meters)
        door.extra = broker
    meters.watch_process(service.memory_limit_mb * 2**20)
    journal.info("%s %s listening, revision %d", service.name, arguments.version, settings.configuration().revision)
    listener = Listener(arguments.port, door)
    if service.on_message:
        Consumer(service.on_message, shop.broker_of(service.consumes), addresses, means, work).start()
    return listener


def _storage(folder: Folder, service: Service, meters: Meters) -> Storage | None:
    if not service.quota_mb:
        return None
    limit = int(service.quota_mb * 2**20)
    storage = Storage(folder.data(service.name), limit)
    mount = {"system.filesystem.mountpoint": f"/var/lib/{service.name}"}
    meters.gauge("system.filesystem.usage", "By", lambda: float(storage.used_bytes()), mount)
    meters.gauge("system.filesystem.limit", "By", lambda: float(limit), mount)
    meters.gauge("system.filesystem.utilization", "1", storage.used_share, mount)
    return storage


if __name__ == "__main__":
    main()
