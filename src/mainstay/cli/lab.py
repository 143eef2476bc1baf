"""The lab from the command line; the lab itself knows nothing of Mainstay."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.pass_context
def lab(ctx: click.Context) -> None:
    """The shop by itself: `lab run`, `lab fault KIND SERVICE`, `lab campaign --faults N`."""
    from mainstay.lab.__main__ import main

    ctx.exit(main(ctx.args))
