"""Run a program that the operator allowed: a fixed beginning, an allowed verb, plain arguments; never a shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
from collections.abc import Mapping, Sequence
from typing import IO, Any, Protocol

from mainstay.automation.actions.output import fit
from mainstay.domain.protocols import ActionContext, ActionResult

_PLAIN = re.compile(r"[A-Za-z0-9_./:=+@,%-]{1,200}")
_OPTION = re.compile(r"--?[A-Za-z][A-Za-z0-9-]{0,40}")
_READ_AT_MOST = 256 << 10
MOST_ARGUMENTS = 32
BASE_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


class Rule(Protocol):
    """One allowed command (`settings.CommandRule`): the fixed beginning, and the verbs that may follow it."""

    @property
    def argv(self) -> tuple[str, ...]: ...
    @property
    def verbs(self) -> tuple[str, ...]: ...


class Command:
    """Runs `rule.argv + [verb] + arguments` with a clean environment, a time limit, and nothing on its input.

    Arguments: `command` (name of the rule), `verb` (one of the rule's), `arguments` (list of strings), and for steps
    whose effect can be looked up `probe` (`verb`, `arguments`): exit 0 says it is done, 1 that it is not.

    Exit 0 is success. At the time limit the whole process group is killed and the step failed.
    """

    name = "command"

    def __init__(self, rules: Mapping[str, Rule], environment: Mapping[str, str] | None = None) -> None:
        self._rules = rules
        self._environment = {**BASE_ENVIRONMENT, **(environment or {})}

    def check(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """What is wrong with these arguments, in words."""
        unknown = set(arguments) - {"command", "verb", "arguments", "probe"}
        wrong = [f"unknown argument {name!r}" for name in sorted(unknown)]
        rule = self._rules.get(str(arguments.get("command")))
        if rule is None:
            allowed = ", ".join(sorted(self._rules)) or "none"
            return [*wrong, f"command {str(arguments.get('command'))[:40]!r} is not allowed (commands: {allowed})"]
        wrong += _call_faults(rule, arguments)
        probe = arguments.get("probe")
        if probe is not None:
            wrong += _call_faults(rule, probe) if isinstance(probe, Mapping) else ["probe: expected verb and arguments"]
        return wrong

    async def run(self, arguments: Mapping[str, Any], context: ActionContext) -> ActionResult:
        """Run it (or say what would run)."""
        wrong = self.check(arguments)
        if wrong:
            return ActionResult(is_done=False, says="; ".join(wrong))
        argv = self._argv(arguments, arguments)
        if context.dry_run:
            return ActionResult(is_done=True, says=f"would run: {shlex.join(argv)} (at most {context.timeout_s:g} s)")
        code, output = await self._spawn(argv, context.timeout_s)
        if code is None:
            return ActionResult(is_done=False, says=output)
        return ActionResult(is_done=code == 0, says=f"{shlex.join(argv)} ended with {code}", output=output)

    async def probe(self, arguments: Mapping[str, Any], context: ActionContext) -> bool | None:
        """Whether an interrupted run took effect, by the step's own probe; None when that cannot be told."""
        probe = arguments.get("probe")
        if probe is None or self.check(arguments):
            return None
        code, _ = await self._spawn(self._argv(arguments, probe), context.timeout_s)
        return {0: True, 1: False}.get(-1 if code is None else code)

    def _argv(self, arguments: Mapping[str, Any], call: Mapping[str, Any]) -> list[str]:
        return [*self._rules[arguments["command"]].argv, call["verb"], *call.get("arguments", ())]

    async def _spawn(self, argv: Sequence[str], timeout_s: float) -> tuple[int | None, str]:
        """Exit code and kept output; no code when it could not start or did not end, then the text says why."""
        read_end, write_end = os.pipe()  # our own pipe: asyncio's would make `wait` wait for whoever inherited it
        pipe = os.fdopen(read_end, "rb", 0)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=asyncio.subprocess.STDOUT,
                env=self._environment,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            pipe.close()
            return None, f"{argv[0]} could not be started: {error.strerror}"
        finally:
            os.close(write_end)
        has_ended = False
        try:
            async with asyncio.timeout(timeout_s):
                output = await _read(pipe)
                code = await process.wait()
            has_ended = True
        except TimeoutError:
            left = "" if process.returncode is None else "; it ended itself, but left a process that holds its output"
            return None, f"{shlex.join(argv)} did not end within {timeout_s:g} s and was killed{left}"
        finally:
            if not has_ended:  # also when we are cancelled: nothing of it goes on behind our back
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return code, fit(output)


def _call_faults(rule: Rule, call: Mapping[str, Any]) -> list[str]:
    wrong: list[str] = []
    verb, given = call.get("verb"), call.get("arguments", ())
    if verb not in rule.verbs:
        wrong.append(f"verb {str(verb)[:40]!r} is not allowed (verbs: {', '.join(rule.verbs) or 'none'})")
    if not isinstance(given, list | tuple) or len(given) > MOST_ARGUMENTS:
        return [*wrong, f"arguments: expected a list of at most {MOST_ARGUMENTS} strings"]
    for item in given:
        if not isinstance(item, str) or not _PLAIN.fullmatch(item):
            wrong.append(f"argument {str(item)[:40]!r}: expected 1 to 200 letters, digits and _./:=+@,%- only")
        elif item.startswith("-") and not _OPTION.fullmatch(item):
            wrong.append(f"argument {item[:40]!r}: an option is written --name, its value as the next argument")
    return wrong


async def _read(pipe: IO[bytes]) -> bytes:
    """All output is drained, so that the program never blocks on us; what is too much is dropped in the middle."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    head, tail = bytearray(), bytearray()
    try:
        while chunk := await reader.read(65536):
            room = _READ_AT_MOST // 2 - len(head)
            head += chunk[: max(room, 0)]
            tail = (tail + chunk[max(room, 0) :])[-_READ_AT_MOST // 2 :]
    finally:
        transport.close()
    return bytes(head + tail)
