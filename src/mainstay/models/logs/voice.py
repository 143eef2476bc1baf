"""One template of one entity: how often it is said, what was said just now, and whether that is told already."""

from __future__ import annotations

import re

import msgspec

ERROR, WARN = 17, 13  # OpenTelemetry severity numbers
WORDS = re.compile(
    r"\b(error|exception|fail(ed|ure|s)?|time(d )?out|refused|panic|fatal|denied|no space|out of memory|oom"
    r"|deadlock)\b",
    re.IGNORECASE,
)


class LogParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When something said counts as new or as much more often.

    Attributes:
        warm_s: Nothing is told before logs were heard for this long; an entity's lines below ERROR not before it was.
        trial_s: A template is new for so long; after that its rate is compared.
        new_error, new_warn: Lines within the ring (30 s) that make a new template an alert; below WARN never.
        rate_p: Chance of the pooled count. ratio, least_error, least_warn, least_info: practical effect, lines in 15 s.
        memory: Share of the reference that survives a window.
        steady: Windows after which a line that is said all the time counts as steady. absent_p: Chance of its silence.
        volume_known, volume_p: Windows after which an entity's counts are judged; chance of a count above its range.
        step_share, step_least, step_known: Steps within traces, see `Sequences`.
    """

    window_s: float = 5.0
    ring: int = 6
    pool: int = 3
    warm_s: float = 60.0
    trial_s: float = 120.0
    new_error: int = 4
    new_warn: int = 15
    new_rate: float = 0.05
    rate_p: float = 1e-6
    ratio: float = 3.0
    least_error: float = 6.0
    least_warn: float = 15.0
    least_info: float = 60.0
    calm_s: float = 25.0
    adopt_s: float = 14_400.0
    memory: float = 0.998
    steady: int = 360
    absent_p: float = 1e-12
    volume_known: int = 60
    volume_p: float = 1e-8
    step_share: float = 0.002
    step_least: int = 5
    step_known: int = 500


class Rate(msgspec.Struct, kw_only=True):
    """Lines per window, slowly learned: mean, variance, windows learned, end of the last one learned."""

    mean: float = 0.0
    variance: float = 0.0
    windows: int = 0
    until_ns: int = 0

    def learn(self, count: float, memory: float) -> None:
        """One more window; a count beyond ten times the mean (and 10) is clipped, so that one burst does not teach."""
        alpha = max(1.0 / (self.windows + 1), 1.0 - memory)
        if self.windows >= 12:
            count = min(count, max(10.0 * self.mean, 10.0))
        gap = count - self.mean
        self.mean += alpha * gap
        self.variance = (1.0 - alpha) * (self.variance + alpha * gap * gap)
        self.windows = min(self.windows + 1, 1_000_000)

    def silent(self, windows: int, memory: float) -> None:
        """Windows in which nothing was said: what `learn(0)` so many times would do, at once when there are many."""
        for _ in range(min(windows, 64)):
            self.learn(0.0, memory)
        if windows > 64:
            self.mean *= memory ** (windows - 64)
            self.variance *= memory ** (windows - 64)
            self.windows += windows - 64


class Hearing(msgspec.Struct, kw_only=True):
    """All lines of one entity: how it talks in general, which a wave of traffic raises for every template at once."""

    first_ns: int
    open_ns: int
    open: int = 0
    newest: list[int] = []
    rate: Rate


class Heard(msgspec.Struct):
    """Lines in one closed window."""

    until_ns: int
    count: int


class Voice(msgspec.Struct, kw_only=True):
    """State of one (entity, template). `firing` is the channel told, "" for none; `loud_ns` when it was last loud."""

    entity: str
    template: int
    text: str
    severity: int
    first_ns: int
    last_ns: int
    rate: Rate
    ring: list[Heard]
    firing: str = ""
    since_ns: int = 0
    loud_ns: int = 0
    told: int = 0

    @property
    def subject(self) -> str:
        return f"log:{self.entity}#{self.template}"

    def recent(self, windows: int, window_ns: int) -> list[Heard]:
        """What was said in the newest windows, those with lines only."""
        return [heard for heard in self.ring if heard.until_ns > self.last_ns - (windows - 0.5) * window_ns]


def gravity(severity: int, text: str) -> int:
    """The severity to go by: as sent, or as the words say when the sender gave none.

    >>> gravity(0, "connection refused by <*>"), gravity(9, "no error"), gravity(0, "started")
    (17, 9, 0)
    """
    return ERROR if severity == 0 and WORDS.search(text) else severity


def take(voice: Voice, until_ns: int, count: int, parameters: LogParameters) -> None:
    """Time goes on to `until_ns`, with `count` lines in its last window; what leaves the ring is learned when calm."""
    window_ns = int(parameters.window_s * 1e9)
    voice.last_ns = max(voice.last_ns, until_ns)
    if count:
        voice.ring.append(Heard(until_ns, count))
    border = voice.last_ns - (parameters.ring - 0.5) * window_ns  # ticks are not exact to the millisecond
    while voice.ring and voice.ring[0].until_ns <= border:
        _learn(voice, voice.ring.pop(0), window_ns, parameters.memory)


def _learn(voice: Voice, heard: Heard, window_ns: int, memory: float) -> None:
    rate = voice.rate
    if voice.firing:
        rate.until_ns = heard.until_ns  # what was said while it fires is not learned, nor the silence before it
        return
    if rate.until_ns:
        rate.silent(max(round((heard.until_ns - rate.until_ns) / window_ns) - 1, 0), memory)
    rate.learn(float(heard.count), memory)
    rate.until_ns = heard.until_ns


def joined(one: Voice, other: Voice) -> Voice:
    """What is known of two templates that are one now, as the second; the first is not told any more."""
    ring: dict[int, int] = {}
    for heard in (*one.ring, *other.ring):
        ring[heard.until_ns] = ring.get(heard.until_ns, 0) + heard.count
    other.ring = [Heard(until_ns, count) for until_ns, count in sorted(ring.items())]
    other.first_ns, other.last_ns = min(one.first_ns, other.first_ns), max(one.last_ns, other.last_ns)
    other.severity = max(one.severity, other.severity)
    rates = one.rate, other.rate
    other.rate = Rate(
        mean=sum(rate.mean for rate in rates),
        variance=sum(rate.variance for rate in rates),
        windows=max(rate.windows for rate in rates),
        until_ns=max(rate.until_ns for rate in rates),
    )
    return other
