"""A small real pipeline's stand-in, a real inbox, and an engine around them."""

import json
import time

from mainstay.domain.effects import Effects
from mainstay.domain.state import Part
from mainstay.engine.aside import Aside
from mainstay.engine.local import LocalEngine, Pace
from mainstay.engine.snapshots import Snapshots
from mainstay.store.inbox import Inbox

CALM = Pace(tick_s=1000, snapshot_s=1000)
QUOTA = {"signals": 1 << 20, "alerts": 1 << 20, "control": 1 << 20}


class Clock:
    def __init__(self):
        self.ns = 1_800_000_000_000_000_000

    def now_ns(self):
        self.ns += 1
        return self.ns


class Tape:
    """A pipeline whose state is the list of bodies it took; it fails on what it is told to fail on.

    Attributes:
        bad: Bodies on which a stage raises.
        store_fails: How many commits will still fail.
    """

    def __init__(self):
        self.seq = self.taking = 0
        self.bodies = []
        self.committed = {}
        self.bad, self.store_fails = set(), 0

    def run(self, records):
        for record in records:
            self.taking = record.seq
            self.bodies.append(f"{record.source}:{record.body.decode()}")
            if record.body in self.bad:
                raise ZeroDivisionError("a stage fails")
            self.seq = record.seq
        self.taking = 0
        if self.store_fails:
            self.store_fails -= 1
            raise OSError(28, "No space left on device")
        for record in records:
            self.committed.setdefault(record.seq, record.source)
        return Effects(decided_seq=self.seq)

    def parts(self):
        yield Part("seq", [b"%d" % self.seq])
        yield Part("bodies", (f"{json.dumps(body)}\n".encode() for body in self.bodies))

    def restore_parts(self, parts):
        state = dict(parts)
        self.seq, self.bodies = int(state["seq"]), [json.loads(body) for body in state["bodies"].splitlines()]
        self.taking = 0


class Rig:
    """One life of an engine in a folder."""

    def __init__(self, folder, pipeline=None, clock=None, quota=QUOTA, pace=CALM, **told):
        self.pipeline, self.clock = pipeline or Tape(), clock or Clock()
        self.inbox = Inbox(folder / "inbox", clock=self.clock, quota=quota)
        self.snapshots = Snapshots(folder / "state")
        self.aside = Aside(folder / "aside")
        self.engine = LocalEngine(self.pipeline, self.inbox, self.snapshots, self.aside, pace, **told)

    def __enter__(self):
        self.engine.start()
        return self

    def __exit__(self, *_):
        self.engine.stop()
        self.inbox.close()

    def send(self, *bodies):
        """The number of the last one, once all are durable."""
        return [self.inbox.append("signals", "otlp-logs", body.encode()) for body in bodies][-1].result(10)

    def until(self, seq, seconds=60):
        self.engine.decided(seq).result(seconds)
        eventually(lambda: self.engine.failure == "")


def eventually(ask, seconds=60):
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until
        time.sleep(0.01)
    return answer
