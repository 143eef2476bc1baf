"""What is kept of one version of a model in production: what it is compared with, and the window at hand."""

from __future__ import annotations

import msgspec
import numpy as np

from mainstay.domain.predictions import FeatureDrift, GroupOutcome, InProduction
from mainstay.models.drift import F64, I64, Reference, counted, reference_of

SCORE = "its score"


class Kept(msgspec.Struct):
    """A reference as it is kept: bins and how many rows lay in each."""

    names: tuple[str, ...]
    edges: list[list[float]]
    counts: list[list[int]]

    @classmethod
    def of(cls, found: Reference) -> Kept:
        return cls(found.names, found.edges.tolist(), found.counts.tolist())

    def count(self, rows: F64) -> I64:
        """Rows per bin of this reference."""
        return counted(np.array(self.edges).reshape(len(self.names), -1), [rows])


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """How long a channel has been strange or calm, in windows, and whether it fires."""

    strange: int = 0
    calm: int = 0
    firing: bool = False
    since_ns: int = 0


class Losses(msgspec.Struct):
    """Count, sum and sum of squares of losses, and since when."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    since_ns: int = 0

    def add(self, loss: float, at_ns: int) -> None:
        self.since_ns = self.since_ns or at_ns
        self.count += 1
        self.total += loss
        self.squares += loss * loss

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0

    @property
    def variance(self) -> float:
        return max(self.squares / self.count - self.mean**2, 0.0) if self.count else 0.0


class Group(msgspec.Struct):
    """Of one group: labelled predictions, how many were wrong (a probability on the wrong side of ½), sum of losses."""

    labelled: int = 0
    wrong: int = 0
    loss: float = 0.0


class Version(msgspec.Struct, kw_only=True):
    """One version of one model.

    Attributes:
        names: The features that are watched: those of its first predictions.
        rows: f64[filled, 1 + names]: the window at hand, its score first, as bytes.
        features, score: What a window is compared with; None until there is enough.
        stories: By channel.
    """

    entity: str
    version: str
    names: tuple[str, ...]
    rows: bytes = b""
    features: Kept | None = None
    score: Kept | None = None
    before: Losses = msgspec.field(default_factory=Losses)
    recent: Losses = msgspec.field(default_factory=Losses)
    stories: dict[str, Story] = {}
    groups: dict[str, Group] = {}
    predictions: int = 0
    began_ns: int = 0
    last_ns: int = 0
    drift: list[tuple[str, float, float]] = []
    loss_now: float | None = None

    @property
    def subject(self) -> str:
        return f"{self.entity}@{self.version}"

    @property
    def is_known(self) -> bool:
        """Whether there is something to compare with."""
        return self.score is not None and (self.features is not None or not self.names)

    def window(self) -> F64:
        """The rows of the window at hand."""
        return np.frombuffer(self.rows, np.float64).reshape(-1, 1 + len(self.names))

    def standing(self) -> InProduction:
        """How it stands, as people are told it."""
        groups = sorted(self.groups.items())
        return InProduction(
            entity=self.entity,
            version=self.version,
            predictions=self.predictions,
            labelled=sum(group.labelled for _, group in groups),
            last_ms=self.last_ns // 1_000_000,
            is_known=self.is_known,
            firing=tuple(channel for channel, story in self.stories.items() if story.firing),
            drift=tuple(FeatureDrift(feature=f, psi=round(d, 4), missing=round(m, 4)) for f, d, m in self.drift),
            loss_before=self.before.mean if self.before.count else None,
            loss_now=self.loss_now,
            groups=tuple(
                GroupOutcome(group=name, labelled=g.labelled, wrong=g.wrong, mean_loss=g.loss / g.labelled)
                for name, g in groups
            ),
        )

    def learn(self, rows: F64) -> None:
        """Keep these rows as what is usual; a reference that was taken over from the version before stays."""
        self.score = self.score or Kept.of(reference_of((SCORE,), rows[:, :1]))
        if self.names and self.features is None:
            self.features = Kept.of(reference_of(self.names, rows[:, 1:]))
