"""What can be set in a version of the entity tier, with the values that ship."""

from __future__ import annotations

import msgspec

IGNORED = r"(_created|_info|build_info|start_time)$|^scrape_|uptime|page_faults|context_switches|[._](limit|capacity)$"


class EntityParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How rows are made, how they are judged, and when that is told.

    Attributes:
        window_s: A row lasts at least so long; slower senders set their own rhythm.
        late_s: Samples so much older than the beginning of the open row are taken into it; older ones are counted.
        most_entities, most_metrics: Bounds of the state; what comes beyond is not watched, and is counted.
        stale_rows: A metric that has not spoken for so many rows is missing, not constant.
        ridges: How firmly the other metrics may explain one: small finds a broken relation, large also finds a common
            shift. All are asked, and their words are averaged (docs/entity-tier.md has what each adds).
        detrend_rows, detrend_weight: The same again on what remains after the mean of the last rows: sudden changes.
        spans: Rows over which residuals are averaged before they are compared with their usual size.
        fit_rows: Rows before the first fit; then again whenever the history has grown by `growth`, at latest after
            `refit_rows`. warm_rows: Judged rows before anything is said. memory_rows: How long the past counts.
        cap: A metric's strength grows with the logarithm beyond this: one metric alone must not hide all others.
        settle_s: After so long the reference is settled: each day of the week was seen twice. Until then everything
            teaches but rows while it fires. From then on only levels follow slowly, and only by rows with a p-value
            above `teach_p`: relations and tail stay, so that neither a fault nor a slow leak becomes normal, before
            `adopt_rows` more strange rows than others have come: then everything is learned anew.
        p_fire: Chance of a row this strange. `persist_rows` of the last eight must be; `calm_rows` end it, and
            `hold_rows` do at latest: it is a note about an onset, and must not hold an incident open.
        least_blamed, blame, matters: So many metrics must each be `blame` times stranger than usual and be off what
            the others let expect by the share `matters` of their level.
    """

    window_s: float = 5.0
    late_s: float = 60.0
    most_entities: int = 200
    most_metrics: int = 48
    least_metrics: int = 3
    stale_rows: int = 12
    ignore: str = IGNORED
    ridges: tuple[float, ...] = (0.1, 1.0, 10.0)
    detrend_rows: float = 30.0
    detrend_weight: float = 0.5
    spans: tuple[float, ...] = (1.0, 4.0, 16.0, 64.0)
    fit_rows: int = 64
    growth: float = 1.1
    refit_rows: int = 1024
    warm_rows: int = 240
    memory_rows: float = 50_000.0
    cap: float = 100.0
    settle_s: float = 1_209_600.0
    teach_p: float = 0.01
    adopt_rows: int = 17_280
    p_fire: float = 1e-5
    persist_rows: int = 6
    calm_rows: int = 6
    hold_rows: int = 12
    least_blamed: int = 2
    blame: float = 3.0
    matters: float = 0.2
    silent_s: float = 300.0
