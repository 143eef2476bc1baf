"""A platform that runs, at a port of its own, asked as a person asks it: from the command line."""

from __future__ import annotations

import threading

import uvicorn
from click.testing import CliRunner
from tests.scenarios.recording import START_NS, Recording

from mainstay.api import create_app
from mainstay.app.platform import Platform
from mainstay.replay import RecordedClock
from mainstay.settings import Settings


class Running:
    """A platform that has seen an incident (or, empty, nothing), and the port at which it answers."""

    def __init__(self, folder, *, empty: bool = False) -> None:
        self.folder, self.clock = folder, RecordedClock()
        self.clock.at_ns = START_NS
        self.platform = Platform(folder, Settings(tick_s=1000), self.clock)
        self.platform.start()
        seen = [] if empty else Recording(120, slow="orders", from_s=80, to_s=110).deploy("orders", 78).records
        seq = 0
        for record in seen:
            self.clock.at_ns = record.received_ns
            seq = self.platform.inbox.append(record.lane, record.source, record.body).result(10)
        self.platform.engine.decided(seq).result(250)
        settings = uvicorn.Config(create_app(self.platform), port=0, log_level="error", lifespan="off")
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            pass
        self.port = self.server.servers[0].sockets[0].getsockname()[1]

    def person(self, name: str, role: str) -> str:
        """Somebody who may do what this role may; their token."""
        people = self.platform.control.people
        people.save_user(name, role, "user:admin")
        return people.issue("user", name, "", by="user:admin")[1]

    def run(self, command, *words, token: str = ""):
        at = ["--url", f"http://127.0.0.1:{self.port}", "--token", token or self.platform.new_admin_token]
        return CliRunner().invoke(command, [*words, *at], catch_exceptions=False)

    def settle(self) -> None:
        """Everything said so far is in force."""
        seq = self.platform.inbox.append("control", "tick", b"").result(10)
        self.platform.engine.decided(seq).result(250)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.platform.stop()
