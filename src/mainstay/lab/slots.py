"""Slots: which strangers share a place with a service or a database, and how to be rid of them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from mainstay.lab.folder import Folder

GONE_WITHIN_S = 3.0


def enter(folder: Folder, slot: str) -> Path:
    """Note that this process now shares a slot. The file returned is this process' entry."""
    entry = folder.slot(slot) / str(os.getpid())
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(str(psutil.Process().create_time()), encoding="utf-8")
    return entry


def strangers(folder: Folder, slot: str) -> list[psutil.Process]:
    """The processes in a slot that are alive; a process id that was given to another process since is not one."""
    found = []
    for entry in sorted(folder.slot(slot).glob("*")):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            process = psutil.Process(int(entry.name))
            if str(process.create_time()) == entry.read_text(encoding="utf-8") and not _is_gone(process):
                found.append(process)
    return found


def evict(folder: Folder, slot: str) -> list[str]:
    """End every stranger in a slot, and say which."""
    evicted = []
    for process in strangers(folder, slot):
        with suppress(psutil.NoSuchProcess):
            evicted.append(process.name())
            process.kill()
            until = time.monotonic() + GONE_WITHIN_S
            while not _is_gone(process) and time.monotonic() < until:
                time.sleep(0.02)
    for entry in folder.slot(slot).glob("*"):
        entry.unlink(missing_ok=True)
    return evicted


def _is_gone(process: psutil.Process) -> bool:
    """Dead, though its parent may not have taken notice yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wake(pid: int) -> None:
    """Let a process run again that a stranger had stopped."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
