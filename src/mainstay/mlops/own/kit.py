"""The conformance kit: what a detector or a judge must do before it may decide anything, check by check, in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from mainstay.domain.errors import Corrupt, MainstayError
from mainstay.domain.models import ModelKind
from mainstay.domain.protocols import StreamKind, Transition
from mainstay.domain.signals import Normal
from mainstay.mlops.own.judging import INPUTS
from mainstay.mlops.own.material import STREAMS, cut, strange
from mainstay.models.checks import Pure, Streaming

FAILS = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImportError, LookupError, MainstayError,
    MemoryError, NameError, OSError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What somebody's class may raise: it is told as the reason why a check is not met."""
STREAMED: tuple[str, ...] = get_args(StreamKind)
SUBJECTS = ("metric", "edge", "log", "entity", "model")
GROWTH = 1.3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class that wants to decide, and about what. `make` builds one from parameters."""

    cls: Any
    kind: ModelKind
    make: Callable[[Mapping[str, Any]], Any]

    def fresh(self) -> Any:
        """One that has seen nothing."""
        return self.make({})

    def stream(self, *, trouble: bool) -> Iterator[Normal]:
        """Telemetry of its kind."""
        return STREAMS[self.kind](trouble=trouble)


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: what is asked, and what is missing ("" when nothing is)."""

    asks: str
    missing: str

    @property
    def is_met(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing


def candidate(cls: Any, kind: ModelKind, make: Callable[[Mapping[str, Any]], Any] | None = None) -> Candidate:
    """A class as the kit tries it; `make` stands for its constructor when that needs more than parameters."""
    return Candidate(cls, kind, make or cls)


def check(one: Candidate) -> Iterator[Checked]:
    """Every check of its kind, in the order in which they are worth mending; the first stops the rest when not met."""
    checks = STREAMING if one.kind in STREAMED else JUDGING if one.kind in INPUTS else BOTH
    for at, ask in enumerate(checks):
        checked = Checked((ask.__doc__ or "").strip(), _missing(ask, one))
        yield checked
        if not at and not checked.is_met:
            return


def _missing(ask: Callable[[Candidate], str], one: Candidate) -> str:
    try:
        return ask(one)
    except FAILS as error:
        return f"it raised {type(error).__name__}: {error}"[:500]


def _told(detector: Streaming, normals: Iterable[Normal]) -> list[Transition]:
    return [told for normal in normals for told in detector.score(normal).transitions]


def _trouble(one: Candidate) -> tuple[Streaming, list[Transition]]:
    detector = cast("Streaming", one.fresh())
    return detector, _told(detector, one.stream(trouble=True))


# -- what everything must do


def has_what_is_asked(one: Candidate) -> str:
    """It has its name, its defaults, and the methods of its kind."""
    streams = one.kind in STREAMED
    methods = ("score", "decide", "snapshot", "restore", "firing") if streams else ("decide",)
    missing = [f"{name}()" for name in methods if not callable(getattr(one.cls, name, None))]
    algorithm, state = getattr(one.cls, "ALGORITHM", None), getattr(one.cls, "STATE", None)
    if not isinstance(algorithm, str) or not algorithm:
        missing.append("ALGORITHM, a name as str")
    elif streams and not (isinstance(state, str) and state.startswith(algorithm)):
        missing.append(f"STATE, the name of its state's format, beginning with {algorithm!r} (it is {state!r})")
    if not isinstance(getattr(one.cls, "DEFAULTS", None), dict):
        missing.append("DEFAULTS, its parameters as a dict of JSON values")
    return f"the class has no {'; no '.join(missing)}" if missing else ""


def defaults_are_json(one: Candidate) -> str:
    """DEFAULTS are JSON, and what it does without parameters."""
    json.dumps(one.cls.DEFAULTS, allow_nan=False)
    if one.kind not in STREAMED:
        return ""
    given = _told(one.make(dict(one.cls.DEFAULTS)), one.stream(trouble=True))
    return "" if given == _trouble(one)[1] else "with {} it tells other things than with its DEFAULTS"


def refuses_unknown_parameters(one: Candidate) -> str:
    """It refuses parameters that it does not know."""
    try:
        one.make({"nonsense": 1})
    except (ValueError, TypeError) as error:  # msgspec.ValidationError is a ValueError
        return "" if "nonsense" in str(error) else f"the error does not name the parameter: {error}"
    return "{'nonsense': 1} was taken; raise a ValueError (msgspec.ValidationError) that names the parameter"


# -- what a detector must do


def is_silent_on_calm(one: Candidate) -> str:
    """Calm telemetry is silent."""
    said = _told(one.fresh(), one.stream(trouble=False))
    return f"it told {len(said)} times of calm telemetry, first: {said[0].summary or said[0]}" if said else ""


def tells_trouble(one: Candidate) -> str:
    """Trouble is told, and its end is."""
    said = _trouble(one)[1]
    if not any(t.firing for t in said):
        return "it told nothing of trouble that is there for at least 12 windows"
    on = sorted(f"{s} ({c})" for (s, c), firing in {(t.subject, t.channel): t.firing for t in said}.items() if firing)
    return f"the trouble ended, and this still fires: {', '.join(on[:3])}" if on else ""


def says_what_is_needed(one: Candidate) -> str:
    """What it tells has what an operator needs."""
    for t in _trouble(one)[1]:
        empty = [name for name in ("summary", "name", "entity", "channel") if not getattr(t, name)]
        if empty:
            return f"a transition has no {', '.join(empty)}"
        if t.subject.partition(":")[0] not in SUBJECTS:
            return f"subject {t.subject!r} begins with none of {', '.join(SUBJECTS)}"
        if t.since_ns > t.at_ns:
            return f"it began at {t.since_ns}, after it was told at {t.at_ns}"
        if t.firing and not (t.p_value is not None and 0 <= t.p_value < 0.01):
            return f"it fires at a p_value of {t.p_value}: give the chance of this in calm, below 0.01"
        if t.firing and t.output.get("effect", 0) <= 1:
            return "output['effect'] says how large it is in practice, above 1 when it fires"
    return ""


def is_deterministic(one: Candidate) -> str:
    """The same records twice give the same words and the same state."""
    (first, said), (second, again) = _trouble(one), _trouble(one)
    if said != again:
        return "two fresh ones told different things of the same records"
    return (
        "" if first.snapshot() == second.snapshot() else "two fresh ones have different states after the same records"
    )


def cuts_change_nothing(one: Candidate) -> str:
    """How records are cut changes nothing, not even the last bit of a score."""
    whole, parts = one.fresh(), one.fresh()
    left = [whole.score(n) for n in one.stream(trouble=True)]
    right = [parts.score(piece) for n in one.stream(trouble=True) for piece in cut(n)]
    if [t for s in left for t in s.transitions] != [t for s in right for t in s.transitions]:
        return "told otherwise when the same records came sample by sample"
    same = np.concatenate([s.scores for s in left]).tobytes() == np.concatenate([s.scores for s in right]).tobytes()
    return "" if same else "scores differ when the same records came sample by sample"


def survives_a_restart(one: Candidate) -> str:
    """A snapshot and a restore in the middle change nothing."""
    through, expected = _trouble(one)
    normals = list(one.stream(trouble=True))
    for at in (1, 30, 43, 55):
        before, after = one.fresh(), one.fresh()
        said = _told(before, normals[:at])
        after.restore(before.snapshot())
        if after.snapshot() != before.snapshot():
            return f"after {at} records its snapshot, restored, is another snapshot"
        if said + _told(after, normals[at:]) != expected or after.snapshot() != through.snapshot():
            return f"restored after {at} records it goes on otherwise: the state lacks something"
    return ""


def decides_again(one: Candidate) -> str:
    """A decision repeats from its inputs as JSON, without the state."""
    detector, said = _trouble(one)
    state = detector.snapshot()
    for t in said:
        inputs = json.loads(json.dumps(t.inputs, sort_keys=True, allow_nan=False))
        output = one.fresh().decide(inputs)
        if output != t.output:
            return f"decide(inputs) of {t.subject} gives other than output: freeze all that it looked at into inputs"
        if json.loads(json.dumps(output, allow_nan=False)) != output:
            return "output is not plain JSON (tuples, numpy numbers?)"
        detector.decide(inputs)
    return "" if detector.snapshot() == state else "decide() changed the state"


def knows_what_fires(one: Candidate) -> str:
    """firing() is what it told and did not end."""
    detector, on = one.fresh(), dict[tuple[str, str], bool]()
    for normal in one.stream(trouble=True):
        on.update({(t.subject, t.channel): t.firing for t in detector.score(normal).transitions})
        if set(detector.firing()) != {key for key, firing in on.items() if firing}:
            return f"firing() is {detector.firing()[:3]}, and what it told says otherwise"
    return ""


def bears_strange_values(one: Candidate) -> str:
    """NaN, infinity, 1e308 and times that go backwards do no harm."""
    detector, again = one.fresh(), one.fresh()
    said = _told(detector, strange(one.kind))
    json.dumps([t.inputs for t in said])
    again.restore(detector.snapshot())
    return "" if again.snapshot() == detector.snapshot() else "after them its snapshot, restored, is another snapshot"


def leaves_others_alone(one: Candidate) -> str:
    """A record of another kind is nothing to it."""
    detector = one.fresh()
    sampled = ("metrics", "entities")
    for kind in STREAMED:
        if kind == one.kind or (kind in sampled and one.kind in sampled):
            continue
        for _, normal in zip(range(5), STREAMS[kind](trouble=True), strict=False):
            scored = detector.score(normal)
            if scored.transitions or scored.scores.size:
                return f"it scored or told something of {kind}"
    return ""


def does_not_grow(one: Candidate) -> str:
    """Its state does not grow with time."""
    detector, normals = one.fresh(), list(one.stream(trouble=False))
    _told(detector, normals)
    once = len(detector.snapshot())
    _told(detector, normals)
    twice = len(detector.snapshot())
    return f"{once:,} bytes after the records, {twice:,} after them again" if twice > GROWTH * once else ""


def refuses_a_foreign_state(one: Candidate) -> str:
    """A state that is none of its own is refused."""
    for state in (b"", b"\x00", b"\x93\xa4demo\x01\xc4\x01\xc0"):
        try:
            one.fresh().restore(state)
        except Corrupt:
            continue
        return f"restore({state!r}) was taken; raise mainstay.domain.errors.Corrupt (domain.state.unpack does)"
    return ""


# -- what a judge must do


def judges_purely(one: Candidate) -> str:
    """The same inputs give the same JSON, and are left alone."""
    before = json.dumps(INPUTS[one.kind])
    outputs = {json.dumps(one.fresh().decide(json.loads(before)), sort_keys=True, allow_nan=False) for _ in range(3)}
    if len(outputs) > 1:
        return "three fresh ones decided differently about the same inputs"
    judge, inputs = cast("Pure", one.make(dict(one.cls.DEFAULTS))), json.loads(before)
    if json.dumps(judge.decide(inputs), sort_keys=True) not in outputs:
        return "with its DEFAULTS it decides otherwise than without parameters"
    return "" if json.dumps(inputs) == before else "decide() changed its inputs"


Ask = Callable[[Candidate], str]
BOTH: tuple[Ask, ...] = (has_what_is_asked, defaults_are_json, refuses_unknown_parameters)
STREAMING: tuple[Ask, ...] = (
    *BOTH, is_silent_on_calm, tells_trouble, says_what_is_needed, is_deterministic, cuts_change_nothing,
    survives_a_restart, decides_again, knows_what_fires, bears_strange_values, leaves_others_alone, does_not_grow,
    refuses_a_foreign_state,
)  # fmt: skip
JUDGING: tuple[Ask, ...] = (*BOTH, judges_purely)
