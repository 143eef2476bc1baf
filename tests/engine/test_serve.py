"""The door is open before plans can run; what keeps them from running is tried again, and not for ever."""

import asyncio

import pytest
from tests.automation.world import World

from mainstay import serve
from mainstay.cli import main
from mainstay.domain.state import Part, pack
from mainstay.engine.snapshots import Snapshots


class Opening:
    """A platform whose plans can run at the n-th try, with a real executor."""

    def __init__(self, world, at):
        self.inner, self.executor, self.at, self.said = world.executor(), self, at, []

    def start_delivering(self):
        self.said.append("delivers")

    async def open_runs(self):
        self.said.append("opens")
        await self.inner.open()
        if self.said.count("opens") < self.at:
            raise OSError("no space left on device")

    async def close(self):
        await self.inner.close()


def opened(folder, monkeypatch, at):
    monkeypatch.setattr(serve, "OPENING_PAUSES_S", (0, 0))
    world = World(folder)
    platform = Opening(world, at)

    async def go():
        try:
            await serve._open(platform)
        finally:
            await platform.close()

    try:
        asyncio.run(go())
    finally:
        world.control.close()
    return platform.said


def test_pages_go_out_before_plans_can_run_and_are_begun_once(tmp_path, monkeypatch):
    assert opened(tmp_path, monkeypatch, 3) == ["delivers", "opens", "opens", "opens"]


def test_what_fails_for_good_is_an_error(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="no space left"):
        opened(tmp_path, monkeypatch, 9)


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted((folder / "state").iterdir())}


def test_a_folder_of_another_format_is_one_sentence_and_exit_2(tmp_path, monkeypatch, capsys):
    Snapshots(tmp_path / "state").save(1, [Part("pipeline", [pack("pipeline", 0, {})])])
    before = contents(tmp_path)
    monkeypatch.setattr("sys.argv", ["mainstay", "up", "--data", str(tmp_path), "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    [says] = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2
    assert "start with a new --data" in says
    assert contents(tmp_path) == before
