"""An alert in words: what was expected, what came, since when, how rare, which channel, who says so, what if not."""

from __future__ import annotations

from collections.abc import Iterable

from mainstay.detect.chances import LOOKS_A_WEEK
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import LearnedBar
from mainstay.domain.views import Explanation
from mainstay.domain.words import quantity, span

LOOK_S = 7 * 86_400 / LOOKS_A_WEEK
UNITS = (("year", 365.25 * 86_400), ("month", 30.44 * 86_400), ("week", 604_800.0), ("day", 86_400.0),
         ("hour", 3600.0), ("minute", 60.0))  # fmt: skip
CHANNELS = {
    "level": "a value outside of its band, in most samples for as long as its rule asks",
    "drift": "a slow creep: the mean of the last samples has left the memory of a day",
    "limit": "a resource that is nearly used up and was not before",
    "range": "it jumps more than it used to",
    "latency": "more slow calls than this edge ever has",
    "errors": "a larger share of failing calls than this edge ever has",
    "traffic": "calls that stopped",
    "new-template": "a log line that was never said before",
    "rate": "a log line that is said far more often",
    "absent": "a log line that is usually said and is not",
    "sequence": "log lines that do not follow one another as they usually do",
    "volume-high": "far more log lines of this gravity than usual, whatever they say",
    "volume-low": "far fewer log lines than usual, whatever they say",
    "relations": "its metrics do not move together as they usually do",
}


def explain(alert: Alert, learned: Iterable[LearnedBar] = ()) -> Explanation:
    """Everything that a person asks of an alert before believing it."""
    band = alert.band
    is_ours = alert.source == "detector"
    bar = next((one for one in learned if one.id == alert.fingerprint), None)
    return Explanation(
        expected=span(band.low, band.high, band.unit) if band else "" if is_ours else "what your rule says",
        came=quantity(band.value, band.unit) if band else alert.summary or alert.name,
        since_ms=alert.since_ms,
        rarity=rarity(alert) if is_ours else "not counted: a rule of your own",
        channel=CHANNELS.get(alert.channel, alert.channel) if is_ours else alert.name,
        decided_by=str(alert.decided_by),
        held_back=alert.suppressed_why if alert.suppressed else "",
        learned=bar,
        learned_says=says(bar) if bar else "",
        if_wrong=f"mainstay incidents verdict {alert.id} not-anomaly" if is_ours else "change the rule: it is yours",
    )


def rarity(alert: Alert) -> str:
    """How often chance brings this, for this very series: each five seconds are one try.

    A series is looked at as often as it is sampled; five seconds is the most often that windows of calls and logs are.
    """
    of = {"edge": "these calls", "log": "this line", "metric": "this series", "entity": "this entity"}.get(
        alert.subject.partition(":")[0], "it"
    )
    if alert.p_value is None:
        return "its detector gives no chance"
    return f"{period(LOOK_S / max(alert.p_value, 1e-300))} for {of}"


def period(seconds: float) -> str:
    """A time between two, in words.

    >>> period(5e6), period(30), period(1e12), period(40 * 86_400)
    ('about once in 2 months', 'more often than once a minute', 'less than once in 100 years', 'about once a month')
    """
    if seconds > 100 * UNITS[0][1]:
        return "less than once in 100 years"
    for name, size in UNITS:
        if seconds >= size * 0.95:
            times = round(seconds / size)
            return (
                f"about once {'an' if name == 'hour' else 'a'} {name}"
                if times <= 1
                else (f"about once in {times} {name}s")
            )
    return "more often than once a minute"


def says(bar: LearnedBar) -> str:
    """What was learned, and what it has done since.

    >>> says(LearnedBar(id="f", entity="service:lab/a", name="calls slow", channel="latency", judged=4, needed=6,
    ...     alert="a", verdict="V-1", by="ada", at_ms=0, held=3))
    '3 alerts held back since ada said "not an anomaly" (verdict V-1); told again from effect 6 on'
    """
    alerts = "no alert" if not bar.held else "1 alert" if bar.held == 1 else f"{bar.held} alerts"
    said = f'{bar.by} said "not an anomaly" (verdict {bar.verdict})'
    return f"{alerts} held back since {said}; told again from effect {bar.needed:g} on"
