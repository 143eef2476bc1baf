"""What an operator can set, in one YAML file; everything has a default that works on a laptop.

`mainstay config show` prints the settings in force; `mainstay config check FILE` says what is wrong, with the line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from mainstay.domain.budget import Budget, Floor
from mainstay.domain.outlook import OutlookPolicy
from mainstay.domain.watching import WatchPolicy
from mainstay.files import read


class Receiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where incidents leave to.

    Attributes:
        alertmanager_url: Base address of the user's own Alertmanager, e.g. `http://127.0.0.1:9093`.
        webhook_url: Gets each page as JSON, signed with the secret in `webhook_secret_file`.
        console_url: How links in pages reach this console.
    """

    alertmanager_url: str = ""
    webhook_url: str = ""
    webhook_secret_file: str = ""
    console_url: str = "http://127.0.0.1:8080"


class CommandRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One command that runbooks may run: a fixed beginning, and the verbs allowed after it. No shell is involved."""

    argv: tuple[str, ...]
    verbs: tuple[str, ...] = ()


class Quotas(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the inbox may hold before a sender is told to come back later, in bytes per lane."""

    signals: int = 1 << 30
    alerts: int = 64 << 20
    control: int = 64 << 20


class Webhooks(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files with what webhooks are signed with; without one they are not taken.

    Attributes:
        github_secret_file: The secret of the webhook at GitHub, which posts to `/v1/github`.
        gitlab_secret_file: The secret token or the signing token of the webhook at GitLab, which posts to `/v1/gitlab`.
    """

    github_secret_file: str = ""
    gitlab_secret_file: str = ""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one sender may do.

    Attributes:
        new_series_per_minute: Series that it did not bring before, a minute; those that are known always pass.
        series_in_all: Of those that it brought since the start; beyond it nothing new comes in from it.
    """

    new_series_per_minute: Annotated[int, msgspec.Meta(ge=0)] = 500_000
    series_in_all: Annotated[int, msgspec.Meta(ge=0, le=2_000_000)] = 2_000_000


class Retraining(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When versions are made anew without being asked for; what comes of it goes through the gates like any other.

    Attributes:
        every_s: By schedule; 0 is off. age_s: When a version that serves has become this old; 0 is off.
        by_drift: When a finding says that a retrain would help.
        verdicts: After so many new labels of a model; 0 is off.
        cooldown_s: Least time between two trainings of one kind and scope.
        look_every_s: How often it is looked whether something is due.
        trials, seed: Of the search.
    """

    every_s: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    age_s: Annotated[float, msgspec.Meta(ge=0)] = 30 * 86_400.0
    by_drift: bool = True
    verdicts: Annotated[int, msgspec.Meta(ge=0)] = 20
    cooldown_s: Annotated[float, msgspec.Meta(ge=0)] = 6 * 3600.0
    look_every_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    trials: Annotated[int, msgspec.Meta(ge=0, le=500)] = 24
    seed: int = 0


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting of the platform.

    Attributes:
        retention_s: How long telemetry is kept.
        decisions_retention_s: How long frozen inputs, and incidents, alerts, plans and changes that are over are kept.
            The ledger's entries, verdicts and labels stay for ever.
        hot_s: How long telemetry stays in the hot database before it is sealed into a Parquet block.
        tick_s: Length of a window for rates, calls and templates.
        snapshot_s: How often the state of the stages is saved; a restart replays what came after.
        catalog: YAML file of services with tier, owner, aliases.
        mapping: YAML file that places labels on entities; empty for the shipped one.
        calendar: ICS file of days that are not like others: holidays, pay days, month ends.
        runbooks: Folders of runbooks beside the shipped ones.
        force_runbook: Propose this runbook whatever the cause (`placebo` proves that verification is real).
        commands: What the action `command` may run, by the name that runbooks use.
        http_targets: Beginnings of addresses that the action `http` may call, each with scheme and host.
        webhooks: What GitHub and GitLab sign their webhooks with.
        limits: What one sender may do.
        budget: How many false pages a week each team accepts.
        floors: What is too small to care about, and where.
        training: When model versions are made anew.
        watching: How models are watched, and whether what is found closes automation.
        outlook: How far ahead is looked at what can run out, and how much of it is told.
        keep_traces: Share of traces without anything interesting that are kept whole; 1 keeps every trace.
        approval_expires_s: How long a yes holds.
        keep_inbox: Never purge received bodies: a recording for `mainstay replay`.
        allowed_hosts: Host headers accepted beside loopback.
    """

    retention_s: float = 7 * 86_400
    decisions_retention_s: float = 400 * 86_400
    hot_s: float = 3600
    tick_s: float = 5.0
    snapshot_s: float = 15.0
    keep_traces: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.05
    telemetry_memory: str = "192MB"
    catalog: str = ""
    mapping: str = ""
    calendar: str = ""
    runbooks: tuple[str, ...] = ()
    force_runbook: str = ""
    commands: dict[str, CommandRule] = {}
    http_targets: tuple[str, ...] = ()
    receiver: Receiver = Receiver()
    quota: Quotas = Quotas()
    webhooks: Webhooks = Webhooks()
    limits: Limits = Limits()
    budget: Budget = Budget()
    floors: tuple[Floor, ...] = ()
    training: Retraining = Retraining()
    watching: WatchPolicy = WatchPolicy()
    outlook: OutlookPolicy = OutlookPolicy()
    approval_expires_s: float = 900
    keep_inbox: bool = False
    allowed_hosts: tuple[str, ...] = ()


def load(path: Path | None) -> Settings:
    """Read the settings; None gives the defaults.

    Raises:
        BadFile: With the line and what was expected there.
    """
    return Settings() if path is None else read(path, Settings)
