"""The door is open before plans can run; what keeps them from running is tried again, and not for ever."""

import asyncio

import pytest
from tests.automation.world import World

from mainstay import serve


class Opening:
    """A platform whose plans can run at the n-th try, with a real executor."""

    def __init__(self, world, at):
        self.executor, self.at, self.tries = world.executor(), at, 0

    async def start_async(self):
        self.tries += 1
        await self.executor.open()
        if self.tries < self.at:
            raise OSError("no space left on device")


def opened(folder, monkeypatch, at):
    monkeypatch.setattr(serve, "OPENING_PAUSES_S", (0, 0))
    world = World(folder)
    platform = Opening(world, at)

    async def go():
        try:
            await serve._open(platform)
        finally:
            await platform.executor.close()

    try:
        asyncio.run(go())
    finally:
        world.control.close()
    return platform.tries


def test_what_fails_for_a_moment_is_tried_again(tmp_path, monkeypatch):
    assert opened(tmp_path, monkeypatch, 3) == 3


def test_what_fails_for_good_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="no space left"):
        opened(tmp_path, monkeypatch, 9)
