"""What a process adds to the platform: an address, signals, and the HTTP server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from mainstay.api import create_app
from mainstay.app.kernels import load_meanwhile
from mainstay.app.platform import Platform
from mainstay.client import ADDRESS_FILE, TOKEN_FILE
from mainstay.domain.errors import BadInput
from mainstay.ingest.columnar.ready import READY
from mainstay.process_memory import one_heap, spare_memory
from mainstay.settings import Settings

log = logging.getLogger(__name__)
OPENING_PAUSES_S = (1, 2, 4, 8, 16)


def serve(data: Path, settings: Settings, host: str, port: int) -> None:
    """Run the platform in `data` until SIGTERM or Ctrl-C; state is saved on the way out.

    Raises:
        BadInput: The address cannot be had, or another platform runs in this folder.
        Corrupt: The folder was written by another version of Mainstay; nothing in it is lost.
    """
    if not {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_"} & set(os.environ):
        spare_memory()
    one_heap()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    with _listen(host, port) as listener:
        _run(data, settings, listener, f"http://{host}:{listener.getsockname()[1]}")


def _run(data: Path, settings: Settings, listener: socket.socket, url: str) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    platform = Platform(data, settings)
    READY.readers()  # they load meanwhile: without them the first bodies would be read message by message
    load_meanwhile()
    try:
        platform.start()
        print(f"Mainstay is up: {url}\n  sign in with the token in {data / TOKEN_FILE}", flush=True)
        asyncio.run(_serve(platform, listener, data / ADDRESS_FILE, url))
    finally:
        (data / ADDRESS_FILE).unlink(missing_ok=True)
        platform.stop()


class _Server(uvicorn.Server):
    """uvicorn raises a caught signal again when it is done, which would end us before our state is saved."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to us."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle off only where it knows the protocol; with it on, each answer waits 40 ms for a late ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        says = f"cannot listen on {host}:{port}: {error.strerror}; choose another --port (0 takes a free one)"
        raise BadInput(says) from None
    listener.listen(1024)
    return listener


async def _open(platform: Platform) -> None:
    """Deliver pages at once, and run plans as soon as can be: a disk that is full has room in a moment, or is none."""
    platform.start_delivering()
    for pause_s in OPENING_PAUSES_S:
        try:
            await platform.open_runs()
        except (OSError, SQLAlchemyError):
            log.exception("plans cannot run yet; tried again in %d s", pause_s)
            await platform.executor.close()
            await asyncio.sleep(pause_s)
        else:
            return
    await platform.open_runs()


async def _serve(platform: Platform, listener: socket.socket, address: Path, url: str) -> None:
    server = _Server(
        uvicorn.Config(
            create_app(platform),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            # Longer than senders rest between two batches: else one of them writes into a closing connection.
            timeout_keep_alive=75,
            # A sender's 64 MiB body is read in pieces; the door stops reading beyond its bound.
            h11_max_incomplete_event_size=64 << 10,
        )
    )

    def end() -> None:
        server.should_exit = True
        platform.control.feed.close()  # open consoles would be waited for

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    opening = asyncio.create_task(_open(platform))  # the door need not wait until plans can run
    opening.add_done_callback(lambda done: end() if not done.cancelled() and done.exception() else None)
    part = address.with_suffix(".part")
    part.write_text(url)
    os.replace(part, address)  # noqa: PTH105  atomic: a client reads all of it or nothing
    try:
        await server.serve(sockets=[listener])
    finally:
        opening.cancel()
        opened = await asyncio.gather(opening, return_exceptions=True)
        await platform.stop_async()
    if isinstance(opened[0], Exception):  # no runbook could ever run: that is no platform
        raise opened[0]
