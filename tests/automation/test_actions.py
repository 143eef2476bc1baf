"""Actions against real targets: a program that writes a file, a server that counts requests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.automation.test_planning import HOSTILE
from tests.automation.world import Spy

from mainstay.automation.actions import NAMES, Command, Http, Notify, actions_of
from mainstay.automation.actions.output import KEPT, fit
from mainstay.domain.protocols import Action, ActionContext
from mainstay.settings import CommandRule


def context(*, dry_run=False, timeout_s=20.0):
    return ActionContext("PLAN-1", "one", "key-1", dry_run=dry_run, timeout_s=timeout_s)


def done(action, arguments, **how):
    return asyncio.run(action.run(arguments, context(**how)))


@pytest.fixture
def spy(tmp_path):
    return Spy(tmp_path)


@pytest.fixture
def command(spy):
    return Command({"shopctl": spy.rule})


class Target:
    """A real server that notes what it is sent."""

    def __init__(self):
        target = self
        self.seen = []

        class Answer(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                target.seen.append((self.command, self.path, dict(self.headers), body))
                status = {"/teapot": 418, "/gone": 404, "/away": 302}.get(self.path, 200)
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"password=hunter2 " + b"x" * (300_000 if self.path == "/big" else 3))

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def target():
    made = Target()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_catalogue_of_actions_is_what_runbooks_may_name(spy):
    actions = actions_of({"shopctl": spy.rule}, lambda *_: None)
    assert tuple(actions) == NAMES
    assert all(name == action.name for name, action in actions.items())
    checked: list[Action] = list(actions.values())
    for action in checked:
        assert action.check({"no such": 1}), "every action refuses what it does not know"
        assert not done(action, {"no such": 1}).is_done


def test_a_command_runs_its_verb_with_plain_arguments(command, spy):
    result = done(command, {"command": "shopctl", "verb": "redeploy", "arguments": ["payments", "--version", "v1.2"]})
    assert result.is_done
    assert spy.calls == ["redeploy payments --version v1.2"]


def test_its_exit_code_decides(command):
    result = done(command, {"command": "shopctl", "verb": "broken"})
    assert (result.is_done, "ended with 1" in result.says) == (False, True)


@pytest.mark.parametrize("value", [*HOSTILE, "--a=b;c", "--rm -rf", "-", "--", "--a b", 3, None, ["x"], {"a": 1}])
def test_hostile_arguments_are_refused_and_nothing_runs(command, spy, value):
    if value in (
        "..",
        "../x",
        "--option",
        "-x",
    ):  # a runbook's author may write a path or an option; a fact may not be one
        pytest.skip("plain words for a command; `parameters.checked` refuses them as facts")
    arguments = {"command": "shopctl", "verb": "restart", "arguments": [value]}
    assert command.check(arguments)
    assert not done(command, arguments).is_done
    assert spy.calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "sh", "verb": "restart"},
        {"command": ["shopctl"], "verb": "restart"},
        {"verb": "restart"},
        {"command": "shopctl", "verb": "format"},
        {"command": "shopctl", "verb": ""},
        {"command": "shopctl"},
        {"command": "shopctl", "verb": "restart", "arguments": "payments"},
        {"command": "shopctl", "verb": "restart", "arguments": ["x"] * 33},
        {"command": "shopctl", "verb": "restart", "env": {"LD_PRELOAD": "x"}},
        {"command": "shopctl", "verb": "restart", "probe": {"verb": "format"}},
        {"command": "shopctl", "verb": "restart", "probe": "status"},
    ],
)
def test_only_what_the_operator_allowed(command, spy, arguments):
    assert command.check(arguments)
    assert not done(command, arguments).is_done
    assert spy.calls == []


def python(code):
    return Command({"py": CommandRule(argv=(sys.executable, "-c", code), verbs=("go",))})


def shell(code):
    """Starts at once, so that a short time limit is long enough."""
    return Command({"sh": CommandRule(argv=("/bin/sh", "-c", code), verbs=("go",))})


def test_the_environment_is_clean_and_the_input_empty(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    code = "import os, sys, json; print(json.dumps([sorted(os.environ), sys.stdin.read(), os.getcwd()]))"
    seen, stdin, folder = json.loads(done(python(code), {"command": "py", "verb": "go"}).output)
    assert set(seen) <= {"PATH", "LANG", "LC_CTYPE"}
    assert (stdin, folder) == ("", "/")


def lives(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("is_of_the_group", [True, False])
def test_a_child_that_ends_and_leaves_its_output_open_is_no_success_and_holds_nothing_up(tmp_path, is_of_the_group):
    """Nobody can say what the one in the background still does: it is killed with its group, or else not waited for."""
    group = "" if is_of_the_group else "setsid "
    code = (
        f"{group}sh -c 'echo $$ > {tmp_path}/pid; exec sleep 30' & until test -s {tmp_path}/pid; do :; done; echo done"
    )
    result = done(shell(code), {"command": "sh", "verb": "go"}, timeout_s=1.5)
    child = int((tmp_path / "pid").read_text())
    assert not result.is_done
    assert "left a process that holds its output" in result.says
    if is_of_the_group:
        eventually_gone(child)
    else:
        os.kill(child, signal.SIGKILL)


def eventually_gone(pid):
    for _ in range(200):
        if not lives(pid):
            return
        time.sleep(0.05)
    pytest.fail(f"{pid} outlived its time")


def test_at_the_time_limit_the_whole_group_is_killed(tmp_path):
    alive = tmp_path / "pid"
    result = done(shell(f"sleep 60 & echo $! > {alive}; wait"), {"command": "sh", "verb": "go"}, timeout_s=1.5)
    assert (result.is_done, "was killed" in result.says) == (False, True)
    eventually_gone(int(alive.read_text()))


def test_output_is_cut_and_masked_however_much_there_is():
    code = "import sys; sys.stdout.write('api_key=sk-123456 ' + 'y' * 5_000_000 + ' the end')"
    output = done(python(code), {"command": "py", "verb": "go"}).output
    assert len(output) < KEPT + 100
    assert output.startswith("api_key=***")
    assert output.endswith("the end")


def test_a_program_that_is_not_there():
    command = Command({"x": CommandRule(argv=("/nowhere/tool",), verbs=("go",))})
    assert "could not be started" in done(command, {"command": "x", "verb": "go"}).says


def test_a_call_is_sent_once_with_its_key(target):
    action = Http([target.url])
    result = done(action, {"url": f"{target.url}/restart", "json": {"service": "payments"}})
    assert result.is_done
    [(method, path, headers, body)] = target.seen
    assert (method, path, json.loads(body)) == ("POST", "/restart", {"service": "payments"})
    assert headers["Idempotency-Key"] == "key-1"
    assert result.output == "password=*** xxx"


def test_its_status_decides_and_redirects_are_not_followed(target):
    action = Http([target.url])
    assert not done(action, {"url": f"{target.url}/teapot"}).is_done
    assert done(action, {"url": f"{target.url}/teapot", "expect": [418]}).is_done
    assert not done(action, {"url": f"{target.url}/away", "method": "GET"}).is_done
    assert [path for _, path, *_ in target.seen] == ["/teapot", "/teapot", "/away"]
    assert len(done(action, {"url": f"{target.url}/big", "method": "GET"}).output) < KEPT + 100


def test_no_answer_is_a_failed_step():
    result = done(Http(["http://127.0.0.1:9/"]), {"url": "http://127.0.0.1:9/x"})
    assert (result.is_done, "no answer" in result.says) == (False, True)


@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://other.example/"}, {"url": "file:///etc/passwd"}, {"url": "http://127.0.0.1:80@evil.example/"},
        {"url": "HTTP://x"}, {"url": 3}, {"url": "{url}/a b"}, {"url": "{url}/a\r\nHost: x"},
        {"url": "{url}.evil.example/"},
        {"url": "{url}/ok/../secret"}, {"method": "TRACE"}, {"headers": {"X": "a\r\nY: b"}}, {"headers": {"Host": "x"}},
        {"headers": ["X"]}, {"expect": "200"}, {"probe": {"url": "http://other.example/"}}, {"follow": True},
    ],
)  # fmt: skip
def test_only_allowed_addresses_and_plain_headers(target, change):
    action = Http([target.url])
    arguments = {"url": f"{target.url}/x", **change}
    if isinstance(arguments["url"], str):
        arguments["url"] = arguments["url"].replace("{url}", target.url)
    assert action.check(arguments), arguments
    assert not done(action, arguments).is_done
    assert target.seen == []


def test_without_allowed_addresses_nothing_is_called():
    assert "is not allowed (targets: none)" in Http().check({"url": "http://127.0.0.1/"})[0]


@pytest.mark.parametrize(("path", "found"), [("/there", True), ("/gone", False), ("/teapot", None)])
def test_a_probe_reads_and_never_writes(target, path, found):
    action = Http([target.url])
    arguments = {"url": f"{target.url}/restart", "probe": {"url": target.url + path}}
    assert asyncio.run(action.probe(arguments, context())) is found
    assert [method for method, *_ in target.seen] == ["GET"]


def test_a_notification_is_handed_over_masked_under_its_key():
    said = []
    result = done(Notify(lambda *given: said.append(given)), {"text": "look: token=abc123"})
    assert result.is_done
    assert said == [("key-1", "PLAN-1", "look: token=***")]
    for text in ("", "x" * 2001, None):
        assert Notify(lambda *_: None).check({"text": text})


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ('{"password": "p", "user": "u"}', '{"password": "***", "user": "u"}'),
        ("postgres://me:pw@db/x", "postgres://me:***@db/x"),
        ("order 1234567890123 done", "order 1234567890123 done"),
        ("a\x1b[31mred\x00", "a [31mred"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----!", "***!"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_what_is_kept_holds_no_secret(text, kept):
    assert fit(text) == kept


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["a-", "sk-", "token", "eyJ", "://a", "4 "])
def test_masking_costs_the_length_of_an_output_and_no_power_of_it(piece):
    fit("key " + piece * (65_536 // len(piece)))
