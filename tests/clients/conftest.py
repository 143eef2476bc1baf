"""Real clients: each a process of its own on 127.0.0.1 in a temporary folder, stopped by pid."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from mainstay.process import PlatformProcess


def need(program):
    """The program's path; without it the test is skipped, except where nothing may be absent."""
    path = shutil.which(program)
    if path is None:
        if os.environ.get("MAINSTAY_NOTHING_ABSENT"):
            pytest.fail(f"{program} is absent, and here nothing may be")
        pytest.skip(f"{program} is not installed (Debian: prometheus, prometheus-alertmanager)")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(ask, seconds=60.0, every=0.25):
    """The first true answer; the last answer when none came in time."""
    until = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer or time.monotonic() > until:
            return answer
        time.sleep(every)


@pytest.fixture
def platform(tmp_path):
    """A factory: `platform(**settings)` starts one and gives (client, ingest token file)."""
    started = []

    def start(port=0, **settings):
        one = PlatformProcess(tmp_path / f"mainstay-{len(started)}", settings, port)
        started.append(one)
        client = one.start()
        token = tmp_path / f"ingest-{len(started)}.token"
        token.write_text(client.post("tokens", {"kind": "ingest", "name": "test"})["token"])
        return client, token

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def process(tmp_path):
    """A factory of child processes with a log each; all are stopped at the end."""
    children = []

    def start(*command):
        log = (tmp_path / f"{Path(command[0]).name}-{len(children)}.log").open("wb")
        child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        children.append((child, log))
        return child

    yield start
    for child, log in children:
        child.terminate()
        try:
            child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        log.close()


def is_up(url):
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False
