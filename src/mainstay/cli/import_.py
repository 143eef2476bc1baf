"""Day one has a past: series and alerts from a Prometheus, tickets from an export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from mainstay.cli.client import Client, with_client
from mainstay.cli.run import config_option, data_option

if TYPE_CHECKING:
    from mainstay.domain.changes import PlannedChange
    from mainstay.history.report import Report
    from mainstay.history.tickets import Export

BAD_ROWS_SHOWN = 50
CHANGES_AT_ONCE = 200
json_option = click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report here.")


@click.group("import")
def import_() -> None:
    """Read the past of a system, so that day one is not the first day."""


@import_.command()
@click.argument("url")
@click.option("--since", required=True, help="How far back: 14d, 36h, or a time.")
@click.option("--until", default="0m", help="Where to stop: a span before now, or a time. Default: now.")
@click.option("--match", multiple=True, help="Read only these series (a PromQL selector); can be given again.")
@click.option("--learn", default="", help="How much of the beginning only teaches (7d). Default: the earlier half.")
@click.option("--credentials", type=click.Path(path_type=Path), help="YAML: bearer_token, or username and password.")
@click.option(
    "--queries-per-s", default=5.0, show_default=True, help="Ask at most so often, and rest as long as it works."
)
@click.option("--timeout", "timeout_s", default=60.0, show_default=True, help="Seconds for one answer.")
@click.option("--patience", "patience_s", default=300.0, show_default=True, help="Seconds of failure before giving up.")
@click.option("--hand-over/--no-hand-over", default=True, help="Whether the platform in --data begins with this past.")
@data_option
@config_option
@json_option
def prometheus(
    url: str,
    since: str,
    until: str,
    match: tuple[str, ...],
    learn: str,
    credentials: Path | None,
    queries_per_s: float,
    timeout_s: float,
    patience_s: float,
    hand_over: bool,
    data: Path,
    config_file: Path | None,
    json_file: Path | None,
) -> None:
    """Read series and past alerts of the Prometheus at URL; say what would have been told; begin with what was learned.

    A run that was cut off goes on where it was. Credentials also come from MAINSTAY_PROMETHEUS_TOKEN, or from
    MAINSTAY_PROMETHEUS_USER and MAINSTAY_PROMETHEUS_PASSWORD.
    """
    import time

    from mainstay.history.importing import Asked, give, import_prometheus, moment_s, obstacle
    from mainstay.history.prometheus.client import Pace, Prometheus
    from mainstay.history.prometheus.credentials import Credentials
    from mainstay.history.prometheus.selectors import EVERYTHING
    from mainstay.settings import load

    now_s = time.time()
    learn_s = int(now_s) - moment_s(learn, int(now_s)) if learn else None
    asked = Asked(match or (EVERYTHING,), moment_s(since, now_s), moment_s(until, now_s), learn_s)
    settings, pace = load(config_file), Pace(queries_per_s, timeout_s, patience_s)
    if hand_over and (says := obstacle(data)):
        click.echo(f"the report comes first; for the rest: {says}", err=True)
    source = Prometheus(url, Credentials.load(credentials), pace, told=_tell)
    try:
        report = import_prometheus(data, source, asked, settings, _tell)
    finally:
        source.close()
    _show(report, json_file)
    if hand_over:
        click.echo(give(data))


@import_.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--mapping", "mapping_file", type=click.Path(path_type=Path), help="YAML: which column is what.")
@click.option("--zone", default="", help="Zone of times that do not name theirs (Europe/Berlin); else the mapping's.")
@data_option
@json_option
def incidents(file: Path, mapping_file: Path | None, zone: str, data: Path, json_file: Path | None) -> None:
    """Read tickets from FILE, an export of ServiceNow or Jira as CSV, or anything else with a mapping of your own."""
    from mainstay.history.columns import zone as known_zone
    from mainstay.history.importing import import_tickets
    from mainstay.history.ticket_mapping import TicketMapping
    from mainstay.history.tickets import read_export

    if zone:
        known_zone(zone)
    export = read_export(file, TicketMapping.load(mapping_file) if mapping_file else None, zone)
    report = import_tickets(data, export)
    _show_export(export)
    click.echo("the platform in --data compares incidents with them from its next start on")
    if report is not None:
        _show(report, json_file)
    if not export.tickets:
        click.get_current_context().exit(1)


def _show_export(export: Export) -> None:
    left_out = f", {export.left_out} left out by the mapping" if export.left_out else ""
    click.echo(
        f"{len(export.tickets)} tickets kept (columns of {export.mapping}), {len(export.bad)} bad rows{left_out}"
    )
    for line, says in export.bad[:BAD_ROWS_SHOWN]:
        click.echo(f"  line {line}: {says}")
    if len(export.bad) > BAD_ROWS_SHOWN:
        click.echo(f"  … and {len(export.bad) - BAD_ROWS_SHOWN} more")


def _show(report: Report, json_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    for line in report.lines():
        click.echo(line)


def _tell(says: str) -> None:
    click.echo(says, err=True)


@import_.command("changes")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--mapping", "mapping_file", type=click.Path(path_type=Path), help="YAML: which column is what.")
@click.option("--zone", default="", help="Zone of times that do not name theirs (Europe/Berlin); else the mapping's.")
@click.option("--skip-bad", is_flag=True, help="Keep the other changes when some rows cannot be read.")
@click.option("--check", is_flag=True, help="Read the file and send nothing.")
@with_client
def changes(client: Client, file: Path, mapping_file: Path | None, zone: str, *, skip_bad: bool, check: bool) -> None:
    """Read changes from FILE, an export of ServiceNow as CSV or JSON, or anything else with a mapping of your own.

    They are told to the running platform; what their close code says counts in forecasts. A file with a row that cannot
    be read is refused whole, with line and field, unless --skip-bad.
    """
    from mainstay.history.changes.export import read_changes
    from mainstay.history.changes.mapping import ChangeMapping
    from mainstay.history.columns import zone as known_zone

    if zone:
        known_zone(zone)
    export = read_changes(file, ChangeMapping.load(mapping_file) if mapping_file else None, zone)
    for fault in export.bad[:BAD_ROWS_SHOWN]:
        click.echo(f"{file}:{fault.line}: {fault.field}: {fault.says}", err=True)
    if export.bad and not skip_bad:
        click.echo(f"{len(export.bad)} of {len(export.bad) + len(export.changes)} rows cannot be read: "
                   "nothing was sent", err=True)  # fmt: skip
        click.get_current_context().exit(2)
    sent = 0 if check else _send(client, export.changes)
    click.echo(f"{len(export.changes)} changes read (columns of {export.mapping}), {len(export.bad)} bad rows, "
               f"{sent} told to the platform")  # fmt: skip


def _send(client: Client, changes: list[PlannedChange]) -> int:
    for start in range(0, len(changes), CHANGES_AT_ONCE):
        client.post("changes", [msgspec.to_builtins(one) for one in changes[start : start + CHANGES_AT_ONCE]])
    return len(changes)
