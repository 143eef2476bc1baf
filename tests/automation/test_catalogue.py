"""Runbook files: the shipped ones are good, and a bad one is refused with file, line and what was expected."""

from __future__ import annotations

import pytest

from mainstay.automation import load_runbooks
from mainstay.automation.catalogue import SHIPPED, read_runbook
from mainstay.domain.errors import BadFile, BadInput

GOOD = """name: own
title: Restart ${service}
causes: [memory]
parameters:
  service: entity.name
steps:
  - name: one
    action: command
    with: {command: shopctl, verb: restart, arguments: ["${service}"]}
    timeout_s: 30
verify:
  within_s: 60
  quiet_s: 5
"""


def written(folder, text, name="own.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def test_every_shipped_runbook_loads_and_together_they_cover_every_cause_with_a_mend():
    catalogue = load_runbooks()
    assert len(catalogue) == len(list(SHIPPED.glob("*.yaml")))
    enabled = {cause for runbook in catalogue if runbook.enabled for cause in runbook.causes}
    assert enabled == {"deploy", "config", "memory", "cpu", "database", "dependency", "queue", "disk"}


def test_the_placebo_is_switched_off_unless_it_is_forced():
    assert not load_runbooks()["placebo"].enabled
    [offer] = load_runbooks(force="placebo").offered()
    assert (offer["name"], offer["enabled"], offer["min_probability"]) == ("placebo", True, 0.0)
    assert {"deploy", "disk", "unknown"} <= set(offer["causes"])
    with pytest.raises(BadInput, match="no runbook is named 'nope'"):
        load_runbooks(force="nope")


def test_an_own_runbook_stands_beside_the_shipped_ones_or_replaces_one(tmp_path):
    """Adding a runbook is adding a file."""
    written(tmp_path, GOOD)
    catalogue = load_runbooks([tmp_path])
    assert catalogue["own"].verify.within_s == 60
    assert len(catalogue) == len(load_runbooks()) + 1
    written(tmp_path, GOOD.replace("name: own\n", "name: clean-disk\nenabled: false\n"), "b.yaml")
    assert not load_runbooks([tmp_path])["clean-disk"].enabled


def test_the_digest_is_of_the_text_in_force(tmp_path):
    written(tmp_path, GOOD)
    first = load_runbooks([tmp_path]).digest("own")
    assert first == load_runbooks([tmp_path]).digest("own")
    written(tmp_path, GOOD.replace("timeout_s: 30", "timeout_s: 31"))
    assert first != load_runbooks([tmp_path]).digest("own")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("timeout_s: 30", "timeout_s: soon", 10, "expected `float`, got `str`"),
        ("timeout_s: 30", "timeout_s: 0", 10, "more than 0 and at most 3600 seconds"),
        ("timeout_s: 30", "timeout_s: .nan", 10, "more than 0 and at most 3600 seconds"),
        ("within_s: 60", "within_s: -1", 12, "expected more than 0 seconds"),
        ("quiet_s: 5", "quiet_s: -5", 13, "expected 0 or more seconds"),
        ("causes: [memory]", "causes: [gremlins]", 3, "enum value 'gremlins'"),
        ("causes: [memory]", "causes: []", 3, "at least one cause"),
        ("entity.name", "telemetry.body", 5, "expected one of entity.id"),
        ("action: command", "action: shell", 8, "expected one of command, http, notify"),
        ('["${service}"]', '["${servise}"]', 9, "${servise} is not declared"),
        ("title: Restart", "titel: Restart", 2, "unknown field `titel`"),
        ("quiet_s: 5", "quiet_s: 5\n  entity: ${x}", 14, "declared parameter"),
        ("name: own", "name: own\nmin_probability: 3", 2, "a probability from 0 to 1"),
        ("verify:", "verify: [", 13, "not YAML"),
        ("  - name: one", "  - name: one\n    action: notify\n  - name: one", 9, "a second step named 'one'"),
    ],
)
def test_a_bad_runbook_is_refused_with_its_line(tmp_path, old, new, line, says):
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(BadFile) as caught:
        load_runbooks([tmp_path])
    assert says in caught.value.says
    assert (caught.value.path, caught.value.line) == (str(path), line), caught.value


def test_what_is_no_runbook_at_all(tmp_path):
    for text in ("", "[]", "3", "name: x"):
        with pytest.raises(BadFile):
            read_runbook(written(tmp_path, text))
    with pytest.raises(BadFile, match="cannot be read"):
        read_runbook(tmp_path / "none.yaml")
    with pytest.raises(BadFile, match="expected a folder"):
        load_runbooks([tmp_path / "none"])
    (tmp_path / "own.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadFile, match="cannot be read"):
        load_runbooks([tmp_path])


def test_two_of_one_name_in_one_folder(tmp_path):
    written(tmp_path, GOOD)
    written(tmp_path, GOOD, "z.yaml")
    with pytest.raises(BadFile, match="a second runbook named own"):
        load_runbooks([tmp_path])


def test_a_shipped_step_that_can_be_looked_up_says_how():
    """After a crash in the middle of it nobody needs to be asked; a restart leaves no trace to look for."""
    for runbook in load_runbooks():
        for step in (*runbook.steps, *runbook.undo):
            if step.action == "command":
                assert ("probe" in step.with_) == (step.with_["verb"] != "restart"), runbook.name
