"""What decides when a model in production counts as drifted, or as worse than it was."""

from __future__ import annotations

from typing import Annotated

import msgspec

Rows = Annotated[int, msgspec.Meta(ge=50, le=100_000)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parameters of a version of the watch over models in production.

    Attributes:
        reference_rows: The first predictions of a version: what it is later compared with.
        window_rows: So many predictions are judged at once.
        label_reference, label_window: The same for labelled predictions.
        psi: Population stability index from which a window has drifted (by long custom .25).
        p_value: … and the distance must be this rare by chance, over all features of the window.
        missing: Rise of the share of missing values that counts.
        worse: The mean loss must be so many times that of the reference, and …
        worse_by: … by at least this much.
        persist: So many windows in a row, to begin and to end.
        waiting: Predictions that wait for their label; the oldest leave first.
    """

    reference_rows: Rows = 600
    window_rows: Rows = 300
    label_reference: Rows = 300
    label_window: Rows = 100
    psi: Annotated[float, msgspec.Meta(gt=0)] = 0.25
    p_value: Share = 1e-4
    missing: Share = 0.1
    worse: Annotated[float, msgspec.Meta(gt=1)] = 1.5
    worse_by: Annotated[float, msgspec.Meta(ge=0)] = 0.02
    persist: Annotated[int, msgspec.Meta(ge=1, le=100)] = 2
    waiting: Annotated[int, msgspec.Meta(ge=1_000, le=10_000_000)] = 65_536
    most_models: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 200
