"""Whether it worked, by the signals themselves: the alerts end and stay ended, while the entity still speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from mainstay.automation.keeping import PlanStore, Verified, alerts_of
from mainstay.domain.alerts import Alert
from mainstay.domain.protocols import Clock
from mainstay.domain.runbooks import Plan

LastHeard = Callable[[str], int | None]
Sleep = Callable[[float], Awaitable[None]]


class SignalVerifier:
    """Watches the incident's alerts until they have all ended and stayed so, or the time is over.

    It says yes only when (1) every alert of the incident, or of `verify.entity`, has ended within `within_s`, (2) none
    came back for `quiet_s`, and (3) each watched entity was heard from after that began: silence is not health. Watched
    are `verify.entity`, or the plan's targets and the alerts' entities; one that never speaks for itself (a database
    known from its callers) is judged by those that do.
    After a restart of the platform the time begins anew; we look afresh.

    Args:
        last_heard_ms: When an entity's telemetry last arrived; None when never.
        poll_s: Seconds between two looks.
        sleep: `asyncio.sleep`, or a fake clock's.
    """

    def __init__(
        self,
        control: PlanStore,
        clock: Clock,
        last_heard_ms: LastHeard,
        *,
        poll_s: float = 1.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._control, self._clock, self._last_heard_ms = control, clock, last_heard_ms
        self._poll_s, self._sleep = poll_s, sleep

    def still_broken(self, plan: Plan) -> bool:
        """Whether any of the alerts that will be watched is firing."""
        return any(alert.status == "firing" for alert in self._alerts(plan))

    async def __call__(self, plan: Plan) -> Verified:
        """Watch until it can be told; at most `within_s + quiet_s` and one look more."""
        began_ms = self._now_ms()
        quiet_since: int | None = None
        while True:
            now_ms = self._now_ms()
            alerts = await asyncio.to_thread(self._alerts, plan)
            firing = [alert for alert in alerts if alert.status == "firing"]
            if not alerts:
                return Verified(is_true=False, says="there is no alert to watch: nothing can be verified")
            if firing:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now_ms
            waited_s = (now_ms - began_ms) / 1000
            if quiet_since is None and waited_s >= plan.verify.within_s:
                return Verified(is_true=False, says=_still(firing, waited_s))
            if quiet_since is not None and now_ms - quiet_since >= plan.verify.quiet_s * 1000:
                verified = self._heard(plan, alerts, quiet_since, (quiet_since - began_ms) / 1000)
                if verified.is_true or waited_s >= plan.verify.within_s:
                    return verified
            await self._sleep(self._poll_s)

    def _heard(self, plan: Plan, alerts: Sequence[Alert], quiet_since_ms: int, after_s: float) -> Verified:
        watched = {plan.verify.entity} if plan.verify.entity else {*plan.targets, *(alert.entity for alert in alerts)}
        heard = {entity: self._last_heard_ms(entity) for entity in sorted(watched)}
        speakers = {entity: at_ms for entity, at_ms in heard.items() if at_ms is not None}
        silent = [entity for entity, at_ms in speakers.items() if at_ms < quiet_since_ms]
        if not speakers:
            return Verified(is_true=False, says=f"the alerts ended, but nothing was ever heard from {', '.join(heard)}")
        if silent:
            return Verified(is_true=False, says=f"the alerts ended, but {', '.join(silent)} fell silent")
        says = f"{len(alerts)} alerts ended after {after_s:.0f} s and stayed ended for {plan.verify.quiet_s:g} s"
        return Verified(is_true=True, says=f"{says} while {', '.join(speakers)} kept reporting")

    def _alerts(self, plan: Plan) -> list[Alert]:
        alerts = alerts_of(self._control, plan.incident)
        return [alert for alert in alerts if plan.verify.entity in (None, alert.entity)]

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000


def _still(firing: Sequence[Alert], waited_s: float) -> str:
    named = ", ".join(sorted({f"{alert.name} on {alert.entity}" for alert in firing})[:3])
    return f"after {waited_s:.0f} s still firing: {named}" + (f" and {len(firing) - 3} more" if len(firing) > 3 else "")
