"""The log detector: templates never heard before, and templates heard much more often than usual."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from mainstay.domain.alerts import Band, Severity
from mainstay.domain.protocols import Scored, Transition
from mainstay.domain.signals import Normal, TemplateWindow
from mainstay.domain.state import pack, unpack
from mainstay.domain.words import clock, short
from mainstay.models.logs.sequences import Kept, Pair, Sequences, judged, told
from mainstay.models.logs.voice import ERROR, WARN, Hearing, LogParameters, Rate, Voice, gravity, joined, take
from mainstay.models.logs.volume import Volume, Volumes, gravity_of
from mainstay.models.logs.volume import judged as judged_volume
from mainstay.models.passing import WindowClock
from mainstay.models.tails import poisson

FORMAT = 3
FORGET_NS = 7 * 86_400_000_000_000  # a template not heard for a week is new again
NAMES = {
    "new-template": "new log line",
    "rate": "log line far more often",
    "absent": "log line no longer said",
}


class TemplateWatch:
    """Whether an entity says something new and grave, or repeats something far more often than traffic explains.

    New: a template's first two minutes, only for lines of grave severity, several lines in at least two windows (a
    single new error is everyday). Rate: quasi-Poisson tail of 15 s against the learned rate times the entity's own
    traffic factor.
    Lines below WARN never make more than an `info` alert: a deploy that logs differently is harmless.
    Absent: a line said steadily for half an hour (`steady`) is not said any more while its entity talks on; `info`.
    Volume: all that an entity says, by gravity, far more or far less than usual; see `Volumes`.
    Sequence: see `Sequences`. When templates turn out to be one, what is known of them is joined.
    """

    ALGORITHM: ClassVar[str] = "template-watch"
    STATE: ClassVar[str] = f"template-watch/{FORMAT}"
    DEFAULTS: ClassVar[dict[str, Any]] = msgspec.to_builtins(LogParameters())

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = msgspec.convert(dict(parameters), LogParameters)
        self._clock = WindowClock(window_ns=int(self._parameters.window_s * 1e9))
        self._voices: dict[tuple[str, int], Voice] = {}
        self._hearing: dict[str, Hearing] = {}
        self._started_ns = 0
        self._sequences = Sequences(self._parameters)
        self._volumes = Volumes(self._parameters)

    def score(self, normal: Normal) -> Scored:
        """Take closed template windows in."""
        found: list[Transition] = []
        for number, now in normal.merged_templates:
            self._merged(number, now)
        self._sequences.renamed(normal.merged_templates)
        for pair, inputs, output in self._sequences.take(normal.logs, normal.at_ns):
            texts = self._text(pair.entity, pair.before), self._text(pair.entity, pair.after)
            found.append(told(pair, inputs, output, texts))
        for seen in normal.templates:
            self._started_ns = self._started_ns or seen.since_ns
            found += self._passed(self._clock.saw(seen.since_ns, seen.until_ns))
            found += self._take(seen)
            self._volumes.heard(seen.entity, gravity(seen.severity, seen.text), seen.count)
        found += self._passed(self._clock.received(normal.at_ns, brought=bool(normal.templates)))
        return Scored(tuple(found))

    def decide(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """One window (or the passing of one) against the frozen state of its template."""
        if "sequence" in inputs:
            return judged(msgspec.convert(inputs["sequence"], Pair), inputs["until_ns"], self._parameters)
        if "volume" in inputs:
            volume = msgspec.convert(inputs["volume"], Volume)
            return judged_volume(volume, inputs["until_ns"], self._parameters, is_told=inputs["is_told"])
        voice = msgspec.convert(inputs["voice"], Voice)
        return _step(voice, _Moment(**inputs["moment"]), self._parameters)

    def firing(self) -> tuple[tuple[str, str], ...]:
        """(subject, channel) of what is anomalous now."""
        voices = ((voice.subject, voice.firing) for voice in self._voices.values() if voice.firing)
        return (*voices, *self._sequences.firing(), *self._volumes.firing())

    def snapshot(self) -> bytes:
        return pack(
            self.ALGORITHM,
            FORMAT,
            {
                "clock": self._clock,
                "started_ns": self._started_ns,
                "voices": list(self._voices.values()),
                "hearing": self._hearing,
                "sequences": self._sequences.state(),
                "volumes": list(self._volumes.known.values()),
            },
        )

    def restore(self, state: bytes) -> None:
        kept = unpack(self.ALGORITHM, FORMAT, state, dict[str, Any])
        self._clock = msgspec.convert(kept["clock"], WindowClock)
        self._started_ns = kept["started_ns"]
        self._voices = {(v.entity, v.template): v for v in msgspec.convert(kept["voices"], list[Voice])}
        self._hearing = msgspec.convert(kept["hearing"], dict[str, Hearing])
        volumes = msgspec.convert(kept["volumes"], list[Volume])
        self._volumes.known = {(v.entity, v.gravity): v for v in volumes}
        self._sequences.load(msgspec.convert(kept["sequences"], Kept))

    def _merged(self, number: int, now: int) -> None:
        """Two templates are one: a line of the old one is not new, and its rate is part of the other's."""
        for key in [k for k, voice in self._voices.items() if k[1] == number and not voice.firing]:
            old = self._voices.pop(key)
            kept = self._voices.get((old.entity, now))
            if kept is None:
                old.template = now
            self._voices[old.entity, now] = old if kept is None else joined(old, kept)

    def _text(self, entity: str, template: int) -> str:
        voice = self._voices.get((entity, template))
        return "" if voice is None else voice.text

    def _take(self, seen: TemplateWindow) -> list[Transition]:
        key = (seen.entity, seen.template)
        voice = self._voices.get(key)
        if voice is None:
            voice = self._voices[key] = Voice(
                entity=seen.entity,
                template=seen.template,
                text=seen.text,
                severity=0,
                first_ns=seen.since_ns,
                last_ns=0,
                rate=Rate(),
                ring=[],
            )
        if seen.until_ns <= voice.last_ns:
            return []  # later than the normaliser waits, or told twice
        voice.text, voice.severity = seen.text, max(voice.severity, gravity(seen.severity, seen.text))
        factor, heard_since_ns = self._traffic(seen)
        patient = seen.until_ns - self._started_ns >= self._parameters.warm_s * 1e9
        known = seen.until_ns - heard_since_ns >= self._parameters.warm_s * 1e9
        # A line that was there from the start of our listening is not new, only newly known to us.
        old = voice.first_ns - self._started_ns < self._parameters.warm_s * 1e9
        moment = _Moment(
            until_ns=seen.until_ns,
            count=seen.count,
            factor=factor,
            judged=patient and (known or voice.severity >= ERROR),
            old=old,
            example=seen.example[:200],
        )
        return self._apply(voice, moment)

    def _passed(self, periods: list[int]) -> list[Transition]:
        """Periods are over: what fires and was not heard in them comes nearer to calm; what is old is forgotten."""
        found: list[Transition] = []
        for until_ns in periods:
            for voice in [v for v in self._voices.values() if v.last_ns < until_ns and (v.firing or self._misses(v))]:
                found += self._apply(voice, _Moment(until_ns=until_ns, factor=self._talks(voice.entity, until_ns)))
            loud = [v for v in self._voices.values() if v.firing in ("rate", "new-template")]
            found += self._volumes.passed(until_ns, {(v.entity, gravity_of(v.severity)) for v in loud})
            if until_ns // self._clock.window_ns % 720 == 0:  # once an hour
                gone = [key for key, v in self._voices.items() if not v.firing and until_ns - v.last_ns > FORGET_NS]
                for key in gone:
                    del self._voices[key]
        return found

    def _misses(self, voice: Voice) -> bool:
        """Whether the silence of a line is worth a look: it was steady."""
        return voice.rate.windows >= self._parameters.steady and voice.rate.mean >= 0.5

    def _talks(self, entity: str, until_ns: int) -> float:
        """Which share of its usual lines an entity says now, at most 1; 0 when it is silent or not known."""
        hearing = self._hearing.get(entity)
        if hearing is None or not hearing.newest or hearing.rate.mean <= 0 or hearing.open_ns < until_ns:
            return 0.0
        return min(sum(hearing.newest) / len(hearing.newest) / hearing.rate.mean, 1.0)

    def _apply(self, voice: Voice, moment: _Moment) -> list[Transition]:
        frozen = msgspec.to_builtins(voice)
        output = _step(voice, moment, self._parameters)
        if output["event"] == "none":
            return []
        return [_transition(voice, {"voice": frozen, "moment": msgspec.to_builtins(moment)}, output)]

    def _traffic(self, seen: TemplateWindow) -> tuple[float, int]:
        """How much more than usual the entity talks (1–3, by complete windows), and since when it is known."""
        hearing = self._hearing.get(seen.entity)
        if hearing is None:
            hearing = self._hearing[seen.entity] = Hearing(first_ns=seen.since_ns, open_ns=seen.until_ns, rate=Rate())
        if seen.until_ns > hearing.open_ns:
            hearing.newest = [*hearing.newest, hearing.open][-self._parameters.pool :]
            hearing.rate.learn(float(hearing.open), self._parameters.memory)
            hearing.open_ns, hearing.open = seen.until_ns, 0
        if seen.severity < WARN:
            hearing.open += seen.count
        if hearing.rate.windows < 12 or hearing.rate.mean < 1.0:
            return 1.0, hearing.first_ns
        now = sum(hearing.newest) / len(hearing.newest)
        return min(max(now / hearing.rate.mean, 1.0), 3.0), hearing.first_ns


class _Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One window as a template's decision sees it. `old`: the template was there when we began to listen."""

    until_ns: int
    count: int = 0
    factor: float = 1.0
    judged: bool = False
    old: bool = False
    example: str = ""


def _step(voice: Voice, moment: _Moment, parameters: LogParameters) -> dict[str, Any]:
    if not voice.firing and not moment.count:
        return _absent(voice, moment, parameters)
    take(voice, moment.until_ns, moment.count, parameters)
    if voice.firing == "absent":
        return _heard_again(voice, moment, parameters)
    if voice.firing:
        return _still(voice, parameters)
    if not moment.judged or not moment.count:
        return {"firing": False, "event": "none"}
    new = not moment.old and moment.until_ns - voice.first_ns <= parameters.trial_s * 1e9
    return _new(voice, moment, parameters) if new else _more(voice, moment, parameters)


def _new(voice: Voice, moment: _Moment, parameters: LogParameters) -> dict[str, Any]:
    needed = parameters.new_error if voice.severity >= ERROR else parameters.new_warn
    windows = 2 if voice.severity >= ERROR else 3
    count = sum(heard.count for heard in voice.ring)
    if voice.severity < WARN or count < needed or len(voice.ring) < windows:
        return {"firing": False, "event": "none"}
    severity: Severity = "minor" if voice.severity < ERROR or count < 2 * needed else "major"
    p_value = poisson(count, parameters.new_rate * parameters.ring)
    return _start(voice, moment, "new-template", severity, (count, 0.0, p_value))


def _absent(voice: Voice, moment: _Moment, parameters: LogParameters) -> dict[str, Any]:
    """A steady line that is not said while its entity talks: the chance of none, overdispersion allowed for."""
    rate, window_ns = voice.rate, int(parameters.window_s * 1e9)
    silent = (moment.until_ns - voice.last_ns) // window_ns
    dispersion = max(1.0, rate.variance / max(rate.mean, 1e-3))
    expected = rate.mean * silent * moment.factor
    p_value = math.exp(-expected / dispersion)
    if silent < parameters.ring or moment.factor < 0.5 or p_value >= parameters.absent_p:
        return {"firing": False, "event": "none"}
    voice.firing, voice.since_ns, voice.told = "absent", voice.last_ns, 0
    text = f"{short(voice.entity)} no longer says it, expected {expected:.0f}, since {clock(voice.last_ns)}: "
    return {
        "firing": True, "event": "started", "channel": "absent", "severity": "info", "since_ns": voice.last_ns,
        "at_ns": moment.until_ns, "count": 0.0, "expected": round(expected, 3), "p_value": p_value,
        "name": NAMES["absent"], "effect": round(min(expected, 1e3), 2), "summary": text + voice.text[:160],
        "example": "",
    }  # fmt: skip


def _heard_again(voice: Voice, moment: _Moment, parameters: LogParameters) -> dict[str, Any]:
    """It ends when the line is said again, or when its silence has become normal."""
    adopted = voice.last_ns - voice.since_ns > parameters.adopt_s * 1e9
    if not moment.count and not adopted:
        return {"firing": True, "event": "none"}
    voice.firing = ""
    if adopted:
        voice.rate = Rate(windows=12, until_ns=voice.last_ns)
    ends = "now taken as normal" if adopted else f"said again at {clock(voice.last_ns)}"
    return {
        "firing": False, "event": "adopted" if adopted else "calm", "channel": "absent", "severity": "info",
        "since_ns": voice.since_ns, "at_ns": voice.last_ns, "count": float(moment.count), "expected": 0.0,
        "p_value": None, "name": NAMES["absent"], "effect": 1.0,
        "summary": f"{short(voice.entity)}, {ends}: {voice.text[:160]}", "example": "",
    }  # fmt: skip


def _more(voice: Voice, moment: _Moment, parameters: LogParameters) -> dict[str, Any]:
    recent = voice.recent(parameters.pool, int(parameters.window_s * 1e9))
    count, expected = sum(heard.count for heard in recent), _expected(voice, moment, parameters)
    grave, warns = voice.severity >= ERROR, voice.severity >= WARN
    least = parameters.least_error if grave else parameters.least_warn if warns else parameters.least_info
    if not count - expected >= least or count < parameters.ratio * expected or len(recent) < 2:
        return {"firing": False, "event": "none"}
    dispersion = max(1.0, voice.rate.variance / max(voice.rate.mean, 1e-3))
    p_value = poisson(count, expected, dispersion)
    if p_value >= parameters.rate_p:
        return {"firing": False, "event": "none"}
    strong = grave and count >= 10 * expected and count >= 3 * least
    severity: Severity = "major" if strong else "minor" if warns else "info"
    return _start(voice, moment, "rate", severity, (count, expected, p_value))


def _expected(voice: Voice, moment: _Moment, parameters: LogParameters) -> float:
    """Lines in the pool's time: the learned rate, what a young one may lack, raised by traffic; NaN when too young."""
    window_ns, rate = int(parameters.window_s * 1e9), voice.rate
    silent = max(round((voice.ring[0].until_ns - (rate.until_ns or voice.first_ns)) / window_ns) - 1, 0)
    windows = rate.windows + silent
    if windows < parameters.warm_s / parameters.window_s:
        return math.nan
    per_window = rate.mean * rate.windows / windows + 6.0 / (windows + 12.0)
    return parameters.pool * moment.factor * per_window


def _start(
    voice: Voice, moment: _Moment, channel: str, severity: Severity, numbers: tuple[float, float, float]
) -> dict[str, Any]:
    count, expected, p_value = numbers
    voice.firing, voice.loud_ns, voice.told = channel, moment.until_ns, int(count)
    window_ns = (
        5_000_000_000 if len(voice.ring) < 2 else min(5_000_000_000, voice.ring[-1].until_ns - voice.ring[-2].until_ns)
    )
    voice.since_ns = voice.ring[0].until_ns - window_ns
    what = (
        f"new in {short(voice.entity)}"
        if channel == "new-template"
        else f"{short(voice.entity)} says it {count:g}× in 15 s"
    )
    usual = "" if channel == "new-template" else f", expected {expected:.1f}"
    text = f"{what}{usual}, since {clock(voice.since_ns)}: {voice.text[:160]}"
    return {
        "firing": True,
        "event": "started",
        "channel": channel,
        "severity": severity,
        "since_ns": voice.since_ns,
        "at_ns": voice.last_ns,
        "count": count,
        "expected": round(expected, 3),
        "p_value": p_value,
        "name": NAMES[channel],
        "effect": round(min(count / max(expected, 0.3), 1e3), 2),
        "summary": text,
        "example": moment.example,
    }


def _still(voice: Voice, parameters: LogParameters) -> dict[str, Any]:
    recent = sum(h.count for h in voice.recent(parameters.pool, int(parameters.window_s * 1e9)))
    if recent > max(2.0, 0.4 * voice.told):
        voice.loud_ns = voice.last_ns
    adopted = voice.last_ns - voice.since_ns > parameters.adopt_s * 1e9
    if not adopted and voice.last_ns - voice.loud_ns < parameters.calm_s * 1e9:
        return {"firing": True, "event": "none"}
    channel, voice.firing = voice.firing, ""
    if adopted:
        voice.rate = Rate(
            mean=recent / parameters.pool, variance=recent / parameters.pool, windows=12, until_ns=voice.last_ns
        )
    ends = "now taken as normal" if adopted else f"calm again at {clock(voice.last_ns)}"
    return {
        "firing": False,
        "event": "adopted" if adopted else "calm",
        "channel": channel,
        "severity": "info",
        "since_ns": voice.since_ns,
        "at_ns": voice.last_ns,
        "count": float(recent),
        "expected": 0.0,
        "p_value": None,
        "name": NAMES[channel],
        "effect": 1.0,
        "summary": f"{short(voice.entity)}, {ends}: {voice.text[:160]}",
        "example": "",
    }


def _transition(voice: Voice, inputs: dict[str, Any], output: dict[str, Any]) -> Transition:
    is_more = output["firing"] and output["channel"] != "absent"
    band = Band(low=0.0, high=output["expected"], value=output["count"], unit="1") if is_more else None
    labels = {"template": str(voice.template), "text": voice.text[:200], "log_severity": str(voice.severity)}
    if output["example"]:
        labels["example"] = output["example"]
    return Transition(
        subject=voice.subject,
        entity=voice.entity,
        firing=output["firing"],
        since_ns=output["since_ns"],
        at_ns=output["at_ns"],
        name=output["name"],
        signal="logs",
        severity=output["severity"],
        summary=output["summary"],
        channel=output["channel"],
        inputs=inputs,
        output=output,
        band=band,
        p_value=output["p_value"],
        labels=labels,
    )
