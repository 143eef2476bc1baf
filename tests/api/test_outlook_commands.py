"""`mainstay outlook …`: what a person at a terminal reads, from what the API answers."""

import json

import msgspec
import pytest
from tests.api.test_outlook import STATE

from mainstay.cli.insight import outlook as commands


class Answers:
    """A client of the API in memory."""

    def __init__(self, viewer):
        self._viewer = viewer

    def get(self, path, **query):
        return self._viewer.get(path, **query)


@pytest.fixture
def run(viewer, platform, capsys):
    platform.ahead = STATE

    def call(command, **given):
        command.callback.__wrapped__(Answers(viewer), **{"as_json": False, **given})
        return capsys.readouterr().out

    return call


def test_the_list_says_when_and_what_is_not_told(run):
    says = run(commands.list_outlooks, entity="", limit=10)
    assert "disk /var of db-1: full in 5 h (3–9 h), because +4/h, 80 % used" in says
    assert "c1 is not told: 20 are open already" in says
    assert "7 series with a limit are followed" in says


def test_an_empty_list_says_what_to_do(run, platform):
    platform.ahead = msgspec.structs.replace(STATE, outlooks=(), followed=0, beyond=3)
    says = run(commands.list_outlooks, entity="", limit=10)
    assert "nothing with a limit has been heard of" in says
    assert "3 more had no room" in says


def test_one_resource_says_who_decided_and_whom_it_told(run):
    says = run(commands.show_outlook, id="d1")
    assert "forecaster@1" in says
    assert "minor, alert a1" in says
    assert "nothing to forecast" in run(commands.show_outlook, id="c1")
    assert json.loads(run(commands.show_outlook, id="d1", as_json=True))["entity"] == "host:prod/db-1"


def test_risks_come_with_their_reasons_and_that_nobody_is_paged(run):
    says = run(commands.risks, limit=10)
    assert "40.0 %" in says
    assert "a recent change (odds ×2.7)" in says
    assert "within 60 min, by predictor@1; in shadow" in says
    assert json.loads(run(commands.risks, limit=10, as_json=True))["tally"]["flagged"] == 6
