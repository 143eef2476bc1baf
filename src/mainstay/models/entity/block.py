"""The state of one watched entity: its columns, what is usual, and what is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mainstay.domain.signals import F64
from mainstay.models.entity.parameters import EntityParameters
from mainstay.models.entity.tail import BINS, Tail, fitted

Arrays = tuple[npt.NDArray[Any], ...]
NAMES = (
    "seen", "mean", "cov", "slow", "centre", "scale", "coef", "ewma", "usual", "judged", "strength", "residual",
)  # fmt: skip
LEAST_SCALE = 1e-9  # of the level: what never moved cannot be standardised, and is not used
FADE = 0.95  # of the histogram, at every fit


class Column(msgspec.Struct, frozen=True):
    """One series of the entity."""

    slot: int
    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    unit: str = ""


class Story(msgspec.Struct, kw_only=True):
    """What is being told of an entity: the last rows, the onset, and whether it fires.

    Attributes:
        strange: One bit per row, newest lowest: it was rare, and enough metrics were blamed.
        firing, rows: The alert is out, since so many rows. away: It was told and is not calm yet: not told again.
        gated: Rows in a row that taught nothing.
    """

    strange: int = 0
    calm: int = 0
    since_ns: int = 0
    firing: bool = False
    rows: int = 0
    away: bool = False
    gated: int = 0


class Entity(msgspec.Struct, kw_only=True):
    """Everything about one entity but its arrays' meaning, which `kernel` has. Plain data, so a snapshot is msgpack."""

    name: str
    columns: list[Column] = []
    arrays: list[Any] = []
    counts: Any = None
    tail: Tail | None = None
    story: Story = msgspec.field(default_factory=Story)
    rows: int = 0
    next_fit: int = 0
    began_ns: int = 0
    fit_rows: int = 0

    @property
    def named(self) -> dict[str, Any]:
        """The arrays by name."""
        return dict(zip(NAMES, self.arrays, strict=True))

    @property
    def block(self) -> Arrays:
        """The kernel's view."""
        return tuple(self.arrays)


def shapes(d: int, parameters: EntityParameters) -> list[tuple[tuple[int, ...], str]]:
    """Shape and type of each array for so many columns."""
    v, s = 2 * len(parameters.ridges), len(parameters.spans)
    vectors = {"mean": (2, d), "centre": (2, d), "scale": (2, d), "cov": (2, d, d), "coef": (v, d, d)}
    vectors |= {"ewma": (v, d, s), "usual": (v, d, s)}
    return [(vectors.get(name, (d,)), "f4" if name == "coef" else "f8") for name in NAMES]


def new_entity(name: str, parameters: EntityParameters) -> Entity:
    """An entity that has no column yet."""
    arrays = [np.zeros(shape, kind) for shape, kind in shapes(0, parameters)]
    return Entity(
        name=name,
        arrays=arrays,
        counts=np.zeros(BINS),
        next_fit=parameters.fit_rows,
        fit_rows=parameters.fit_rows,
    )


def add(entity: Entity, columns: Sequence[Column], parameters: EntityParameters) -> None:
    """Series more, all at once: each time everything moves. What was learned of the others stays."""
    if not columns:
        return
    entity.columns.extend(columns)
    for i, (shape, kind) in enumerate(shapes(len(entity.columns), parameters)):
        larger = np.zeros(shape, kind)
        larger[tuple(slice(n) for n in entity.arrays[i].shape)] = entity.arrays[i]
        entity.arrays[i] = larger


def replace(entity: Entity, at: int, column: Column) -> None:
    """Another series takes over a column whose own has fallen silent; nothing of that one is kept."""
    entity.columns[at] = column
    for name, array in zip(NAMES, entity.arrays, strict=True):
        if name in ("cov", "coef", "ewma", "usual"):
            array[:, at, :] = 0.0
        if name not in ("ewma", "usual"):
            array[..., at] = 0.0


def begin_anew(entity: Entity, parameters: EntityParameters) -> None:
    """It has been another for so long that this is what it is now: learn quickly, and say nothing meanwhile."""
    named = entity.named
    named["seen"][...] = np.minimum(named["seen"], parameters.fit_rows)
    named["judged"][...] = 0.0
    entity.counts[...], entity.tail, entity.story = 0.0, None, Story()
    entity.next_fit, entity.began_ns = entity.rows + parameters.fit_rows, 0


def frozen(entity: Entity) -> dict[str, Any]:
    """Plain data; arrays as bytes."""
    told = msgspec.structs.asdict(entity)
    kept = {k: msgspec.to_builtins(told[k]) for k in ("name", "columns", "tail", "story", "rows", "next_fit")}
    kept |= {"began_ns": entity.began_ns, "counts": entity.counts.tobytes()}
    return kept | {"arrays": [array.tobytes() for array in entity.arrays]}


def thawed(kept: dict[str, Any], parameters: EntityParameters) -> Entity:
    """What `frozen` gave."""
    columns = msgspec.convert(kept["columns"], list[Column])
    arrays = [
        np.frombuffer(body, kind).reshape(shape).copy()
        for body, (shape, kind) in zip(kept["arrays"], shapes(len(columns), parameters), strict=True)
    ]
    return Entity(
        name=kept["name"],
        columns=columns,
        arrays=arrays,
        counts=np.frombuffer(kept["counts"]).copy(),
        tail=msgspec.convert(kept["tail"], Tail | None),
        story=msgspec.convert(kept["story"], Story),
        rows=kept["rows"],
        next_fit=kept["next_fit"],
        began_ns=kept["began_ns"],
        fit_rows=parameters.fit_rows,
    )


def fit(entity: Entity, parameters: EntityParameters, *, is_settled: bool = False) -> None:
    """From what was learned so far to what the next rows are compared with: how the others explain each metric.

    With R the correlations and ridge λ, P = (R + λI)⁻¹, the residual of metric j is Σₖ P_jk zₖ / P_jj: what ridge
    regression on all others leaves of it (whole formula in docs/entity-tier.md).
    """
    seen, mean, cov, _, centre, scale, coef, *_ = entity.arrays
    centre[...] = mean
    ridges = len(parameters.ridges)
    for base in range(2):
        deviation = np.sqrt(np.maximum(np.diagonal(cov[base]), 0.0))
        moves = (seen >= parameters.fit_rows) & (deviation > LEAST_SCALE * np.maximum(np.abs(mean[0]), 1e-3))
        scale[base] = np.where(moves, deviation, 0.0)
        used = np.flatnonzero(moves)
        for r, ridge in enumerate(parameters.ridges):
            coef[base * ridges + r] = 0.0
            if len(used):
                coef[base * ridges + r][np.ix_(used, used)] = _explained(cov[base], deviation, used, ridge)
    if not is_settled:
        if entity.counts.sum() >= parameters.warm_rows:
            entity.tail = fitted(entity.counts)
        entity.counts *= FADE
    entity.next_fit = min(int(entity.rows * parameters.growth) + 1, entity.rows + parameters.refit_rows)


def _explained(cov: F64, deviation: F64, used: npt.NDArray[np.intp], ridge: float) -> F64:
    """Rows of residual coefficients of the metrics that move; only the metric itself when they cannot be inverted."""
    related = cov[np.ix_(used, used)] / np.outer(deviation[used], deviation[used])
    alone = np.eye(len(used))
    try:
        precise = np.linalg.inv(np.clip(related, -1.0, 1.0) + ridge * alone)
    except np.linalg.LinAlgError:
        return alone
    own = np.diagonal(precise)
    is_sound = bool(np.isfinite(precise).all() and (own > 0.0).all())
    return np.asarray(precise / own[:, None]) if is_sound else alone
