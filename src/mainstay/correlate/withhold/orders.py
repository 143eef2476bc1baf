"""What people say about silences, windows and suppressions. The door has checked it; here it takes effect."""

from __future__ import annotations

from typing import cast

import msgspec

from mainstay.correlate.moment import Moment
from mainstay.correlate.withhold.entries import told
from mainstay.correlate.withhold.state import WithheldState
from mainstay.domain.records import Command
from mainstay.domain.silences import Mode, Silence, Suppression, Window, iso


def obey(command: Command, state: WithheldState, moment: Moment) -> tuple[str, list[str]]:
    """Do it; says what was done, or why nothing, and which incidents a suppression lets go."""
    if command.kind == "suppression":
        return _switch(command, state, moment)
    return _keep(command, state, moment), []


def _keep(command: Command, state: WithheldState, moment: Moment) -> str:
    """A silence or a window is made, replaced, extended or ended."""
    is_silence = command.kind == "silence"
    mine: dict[str, Silence] | dict[str, Window] = state.silences if is_silence else state.windows
    said = command.arguments.get("put")
    if said is not None:
        made: Silence | Window = msgspec.json.decode(said, type=Silence) if is_silence else _window(said)
        event = "changed" if command.subject in mine else "made"
    elif (known := mine.get(command.subject)) is not None:
        ends_ms = int(command.arguments["ends_ms"])
        is_end = ends_ms <= command.at_ms
        event = "ended" if is_end else "extended" if ends_ms > known.ends_ms else "shortened"
        made = msgspec.structs.replace(known, ends_ms=ends_ms, ended_by=command.by if is_end else "")
    else:
        return f"{command.subject} is over, or was never made"
    output = {"starts": iso(made.starts_ms), "ends": iso(made.ends_ms), "comment": made.comment}
    if isinstance(made, Silence):
        output["matchers"] = [str(one) for one in made.matchers]  # type: ignore[assignment]
    else:
        output["entities"] = list(made.entities)  # type: ignore[assignment]
    entry = moment.write(told(command, event, moment.seq, output))
    made = msgspec.structs.replace(made, entry=entry, updated_ms=command.at_ms)
    mine[command.subject] = made  # type: ignore[assignment]
    moment.effects.records[f"{command.kind}:{made.id}"] = made
    return f"{event}, until {iso(made.ends_ms)}"


def _window(said: str) -> Window:
    return msgspec.json.decode(said, type=Window)


def _switch(command: Command, state: WithheldState, moment: Moment) -> tuple[str, list[str]]:
    mode, why = cast("Mode", command.arguments["mode"]), command.arguments.get("why", "")
    entry = moment.write(told(command, mode, moment.seq, {"mode": mode, "why": why}))
    switched = Suppression(id=command.subject, mode=mode, by=command.by, why=why, at_ms=command.at_ms, entry=entry)
    state.suppressions[command.subject] = switched
    moment.effects.records[f"suppression:{switched.id}"] = switched
    if mode == "on":
        return f"on for {command.subject}", []
    held = [name for name, one in state.holds.items() if one.by == "dependency" and one.ref == command.subject]
    return f"{mode} for {command.subject}", held
