"""What is read: from where, since when, in which slices. Written down first, so that a second run goes on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import yaml

from mainstay.domain.errors import BadInput
from mainstay.history.prometheus.client import Prometheus, TooMuch
from mainstay.history.prometheus.intervals import intervals, usual
from mainstay.history.prometheus.selectors import OURS, Reading, Selector, readings
from mainstay.written import write_whole

FORMAT = 1
FILE = "history.json"
SLICES_S = (21_600, 10_800, 7_200, 3_600, 1_800, 900, 600, 300)  # each divides a day
MOST_SAMPLES = 1_000_000  # of one slice: some 20 bytes each in memory


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of one Prometheus.

    Attributes:
        since_s: Begin, in seconds since 1970; `untils_s`: ends, one per run that went further than the one before.
        steps: Seconds between samples by job; `usual_s` for whatever has none there.
        external: Labels that this Prometheus adds when it sends (`external_labels`).
    """

    format: int = FORMAT
    url: str
    match: tuple[str, ...]
    since_s: int
    untils_s: tuple[int, ...]
    steps: dict[str, int]
    usual_s: int
    slice_s: int
    external: dict[str, str] = {}

    @property
    def tick_s(self) -> int:
        """How often time passes in the recording: with each scrape, though not faster than a platform ticks."""
        return max(5, min([self.usual_s, *self.steps.values()]))

    @property
    def readings(self) -> list[Reading]:
        """What to ask for."""
        return readings([Selector.read(text) for text in self.match], self.steps, self.usual_s)

    def slices(self) -> list[tuple[int, int]]:
        """(since, until] of each slice, in order: at round times, and where a run ended.

        >>> Plan(url="", match=(), since_s=100, untils_s=(400, 700), steps={}, usual_s=15, slice_s=300).slices()
        [(100, 300), (300, 400), (400, 600), (600, 700)]
        """
        end_s = self.untils_s[-1]
        round_s = range(self.since_s // self.slice_s * self.slice_s + self.slice_s, end_s, self.slice_s)
        cuts = sorted({self.since_s, *round_s, *self.untils_s})
        return list(itertools.pairwise(cuts))

    def save(self, folder: Path) -> None:
        """Keep it; durable when this returns."""
        write_whole(folder / FILE, msgspec.json.format(msgspec.json.encode(self), indent=2))

    @classmethod
    def load(cls, folder: Path) -> Plan | None:
        """The plan of a folder; None when there is none yet.

        Raises:
            BadInput: It is of another format, or damaged.
        """
        try:
            found = msgspec.json.decode((folder / FILE).read_bytes(), type=cls)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise BadInput(f"{folder / FILE} cannot be read ({error}); remove the folder to begin anew") from None
        if found.format != FORMAT:
            raise BadInput(f"{folder / FILE}: expected format {FORMAT}, got {found.format}")
        return found


def made(prometheus: Prometheus, match: Sequence[str], since_s: int, until_s: int) -> Plan:
    """Look at the data: who is scraped how often, and how much fits into one slice.

    Raises:
        BadInput: There is nothing in that time.
    """
    selectors = [Selector.read(text) for text in match]
    moments = [until_s, (since_s + until_s) // 2, since_s + (until_s - since_s) // 8]
    steps = intervals(prometheus, selectors, moments)
    usual_s = usual(steps)
    count = _series(prometheus, selectors, moments)
    if not count:
        raise BadInput(f"{prometheus.url} has no series for {' '.join(match)} at {len(moments)} moments of that time")
    fitting = [s for s in SLICES_S if count * s / usual_s <= MOST_SAMPLES]
    return Plan(
        url=prometheus.url,
        match=tuple(match),
        since_s=since_s // 60 * 60,
        untils_s=(until_s // 60 * 60,),
        steps=steps,
        usual_s=usual_s,
        slice_s=fitting[0] if fitting else SLICES_S[-1],
        external=external_labels(prometheus.configuration()),
    )


def further(plan: Plan, url: str, match: Sequence[str], since_s: int, until_s: int) -> Plan:
    """The same plan, up to a later end. It begins where it began: asked again, "14 days ago" is a later moment.

    Raises:
        BadInput: Another past was begun in this folder.
    """
    if (plan.url, plan.match) != (url, tuple(match)):
        raise BadInput(
            f"the past of {plan.url} ({' '.join(plan.match)}) was begun here; "
            "give the same address and --match to go on, or remove that folder to begin anew"
        )
    if since_s < plan.since_s - 60:
        begin = datetime.fromtimestamp(plan.since_s, UTC)
        raise BadInput(f"the past here begins at {begin:%Y-%m-%d %H:%M} UTC; remove that folder to begin earlier")
    until_s = until_s // 60 * 60
    if until_s <= plan.untils_s[-1]:
        return plan
    return msgspec.structs.replace(plan, untils_s=(*plan.untils_s, until_s))


def external_labels(configuration: str) -> dict[str, str]:
    """What stands under `global.external_labels`; empty when nothing does. `${NAME}` stays as Prometheus shows it.

    >>> external_labels("global: {external_labels: {cluster: a, shard: 1}}")
    {'cluster': 'a', 'shard': '1'}
    >>> external_labels("")
    {}
    """
    try:
        found = yaml.safe_load(configuration) or {}
        labels = (found.get("global") or {}).get("external_labels") or {}
        return {str(name): str(value) for name, value in labels.items()}
    except (yaml.YAMLError, AttributeError, ValueError, RecursionError):
        return {}


def private_folder(folder: Path) -> Path:
    """The folder, made when missing, for its owner only: it holds what a Prometheus holds."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.chmod(folder, 0o700)  # noqa: PTH101 - also one that was there
    return folder


def _series(prometheus: Prometheus, selectors: Sequence[Selector], moments_s: Sequence[int]) -> float:
    """The most series at one of a few moments; where that is too much to ask, more than any slice holds."""
    try:
        counts = [
            sum(
                float(found.value[1])
                for selector in selectors
                for found in prometheus.at(f"count(last_over_time({selector.narrowed(OURS).text}[10m]))", moment_s)
                if found.value
            )
            for moment_s in moments_s
        ]
    except TooMuch:
        return float("inf")
    return max(counts)
