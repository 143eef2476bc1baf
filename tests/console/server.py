"""A real HTTP server with the console's files and recorded answers: what the console is tested against."""

from __future__ import annotations

import json
import mimetypes
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from tests.console import ahead, fixture, mlops
from tests.console.fixture import World

from mainstay.api.budget import BudgetPage, Held, Learned, TeamPage
from mainstay.console import content_security_policy, static_directory
from mainstay.detect import explain
from mainstay.detect.explanation import says
from mainstay.domain.alerts import Alert
from mainstay.domain.budget import Floor, TeamBudget
from mainstay.domain.incidents import Incident
from mainstay.domain.runbooks import Approval, Plan
from mainstay.domain.views import Reperformed
from mainstay.feedback import observed

TOKEN = "let-me-in"


def plan_view(plan: Plan) -> dict[str, Any]:
    return msgspec.to_builtins(plan) | {"digest": plan.digest}


class Answers:
    """What each path answers for one world; writes change the world and are told to the stream."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.signed_in = True
        self.events: list[queue.Queue[tuple[str, str]]] = []
        self.is_stalled = False
        self.is_changed = False

    def tell(self, kind: str, subject: str) -> None:
        for waiting in list(self.events):
            waiting.put((kind, subject))

    def get(self, parts: list[str], query: dict[str, str]) -> Any:
        match parts:
            case [name]:
                return self.listed(name, query)
            case ["series", series, "points"]:
                about = {"id": series, "entity": fixture.service("payments"), "metric": fixture.LATENCY, "unit": "s"}
                return about | fixture.points(self.world.now_ms)
            case ["changes" | "outlook" as page, name]:
                world = self.world
                return ahead.one(page, name, world.changes, world.now_ms, is_calm=not world.deployments)
            case ["traces", trace]:
                return self.world.traces[trace]
            case ["models" | "production-models" as whose, name, *rest]:
                page = self.model(name) if whose == "models" else {}
                return mlops.about(page, rest, world_ms=self.world.now_ms)
            case [kind, name]:
                one = {"incidents": self.incident, "entities": self.entity, "ledger": self.entry,
                       "alerts": self.alert, "rollouts": lambda _: mlops.a_rollout(self.world.now_ms)}  # fmt: skip
                return one[kind](name)
        raise KeyError("/".join(parts))

    def listed(self, name: str, query: dict[str, str]) -> Any:
        world = self.world
        made: dict[str, Callable[[], Any]] = {
            "session": lambda: {"user": world.users[0], "expires_ms": None},
            "incidents": lambda: self.incidents(query),
            "alerts": lambda: self.alerts(query),
            "approvals": lambda: [plan_view(p) for p in world.plans.values() if p.status == "proposed"],
            "unplaced": lambda: [[["instance", "10.0.0.7:9100"], ["job", "node"]], [["job", fixture.HOSTILE]]],
            "models": lambda: [self.model(d.kind) for d in world.deployments],
            "ledger": lambda: list(reversed(world.ledger)),
            "budget": self.budget,
            **mlops.listed(world.now_ms, is_calm=not world.deployments),
            **ahead.listed(world.now_ms, is_calm=not world.deployments),
        }
        return made[name]() if name in made else vars(world)[name]

    def alerts(self, query: dict[str, str]) -> list[Alert]:
        held = {"true": True, "false": False}.get(query.get("suppressed", ""))
        rows = [a for a in self.world.alerts if query.get("status") in (None, a.status)]
        return [a for a in rows if held in (None, a.suppressed)]

    def budget(self) -> BudgetPage:
        held = [a for a in self.world.alerts if a.suppressed]
        stands = TeamBudget(team="default", promised=7, watched=120, reserved=1, places=6, used=2, level=None)
        seen = observed("default", [], 2.0, 7)
        bar = fixture.a_bar()
        return BudgetPage(
            since_ms=self.world.now_ms - 86_400_000,
            teams=[TeamPage(team="default", stands=stands, observed=seen)],
            held=[Held(alert=a, missed=None) for a in held],
            held_count=len(held),
            missed_count=0,
            learned=[Learned(bar=bar, says=says(bar))],
            floors=[Floor(below=5, unit="ms")],
            waiting=3,
            lost=1,
        )

    def alert(self, alert: str) -> dict[str, Any]:
        found = next(a for a in self.world.alerts if a.id == alert)
        bars = [msgspec.structs.replace(fixture.a_bar(), id=found.fingerprint)] if found.suppressed else []
        return msgspec.to_builtins(found) | {"explanation": msgspec.to_builtins(explain(found, bars))}

    def entry(self, entry: str) -> dict[str, Any]:
        found = next(e for e in self.world.ledger if e.id == entry)
        return msgspec.to_builtins(found) | {"inputs": {"value": 2.4, "band": [0.15, 0.22]}}

    def entity(self, entity: str) -> dict[str, Any]:
        world = self.world
        return {
            "entity": next(e for e in world.entities if e.id == entity),
            "callers": [e.caller for e in world.edges if e.callee == entity],
            "callees": [e.callee for e in world.edges if e.caller == entity],
            "series": [
                {
                    "id": fixture.SERIES,
                    "entity": entity,
                    "metric": fixture.LATENCY,
                    "unit": "s",
                    "direction": "up",
                    "labels": {"route": "/pay"},
                }
            ],
            "alerts": [a for a in world.alerts if a.entity == entity],
            "changes": [c for c in world.changes if c.entity == entity],
        }

    def model(self, name: str) -> dict[str, Any]:
        return {
            "name": name,
            "kind": name,
            "deployment": next((d for d in self.world.deployments if d.kind == name), None),
            "versions": [v for v in self.world.versions if v.kind == name],
            "deployments": [d for d in self.world.deployments if d.kind == name],
            "agreement": {"agreement": fixture.AGREEMENT} if name == "metrics" else None,
            "scorecard": [fixture.METRICS_SCORE] if name == "metrics" else [],
            "back": {d.scope: str(d.previous) for d in self.world.deployments if d.kind == name and d.previous},
        }

    def incidents(self, query: dict[str, str]) -> list[Incident]:
        rows = [i for i in self.world.incidents if query.get("status") in (None, i.status)]
        words = query.get("q", "").lower().split()
        rows = [i for i in rows if all(word in msgspec.json.encode(i).decode().lower() for word in words)]
        rows.sort(key=lambda i: -i.opened_ms)
        ids = [i.id for i in rows]
        first = ids.index(query["before"]) + 1 if "before" in query else 0
        return rows[first : first + int(query.get("limit", "100"))]

    def incident(self, incident: str) -> dict[str, Any]:
        found = next(i for i in self.world.incidents if i.id == incident)
        plans = [p for p in self.world.plans.values() if p.incident == incident]
        return {
            "incident": found,
            "plans": [plan_view(p) for p in plans],
            "alerts": [a for a in self.world.alerts if a.entity in found.entities],
            "changes": self.world.changes,
            "approvals": self.world.approvals,
            "verdicts": self.world.verdicts,
            "steps": self.world.steps,
        }

    def post(self, parts: list[str], body: Any) -> Any:
        self.world.writes.append(("/".join(parts), body))
        match parts:
            case ["session"]:
                self.signed_in = body.get("token") == TOKEN
                return self.world.users[0]
            case ["plans", plan, ("approve" | "reject") as decision]:
                return self.decide(plan, body["digest"], decision)
            case ["plans", plan, "dry-run"]:
                return {"says": self.world.plans[plan].dry_run}
            case ["ledger", "verify"]:
                return {"count": len(self.world.ledger), "first_bad": None, "why": ""}
            case ["ledger", entry, "reperform"]:
                return Reperformed(
                    entry=entry, decided_by=fixture.METRICS, is_same=True, recorded={}, output={}, says="byte for byte"
                )
            case ["incidents", incident, "acknowledge"]:
                self.replace(incident, status="acknowledged", acknowledged_by="admin")
        return {}

    def decide(self, plan: str, digest: str, decision: str) -> Approval:
        known = self.world.plans[plan]
        if digest != known.digest or self.is_changed:
            raise PermissionError("the plan has changed since you read it")
        word = "approved" if decision == "approve" else "rejected"
        self.world.plans[plan] = msgspec.structs.replace(known, status=word)
        approval = Approval(
            id="ap1",
            plan=plan,
            digest=digest,
            decision=word,
            by="admin",
            at_ms=self.world.now_ms,
            expires_ms=self.world.now_ms + 900_000,
        )
        self.world.approvals.append(approval)
        self.tell("plan", plan)
        return approval

    def replace(self, incident: str, **fields: Any) -> None:
        self.world.incidents = [
            msgspec.structs.replace(i, **fields) if i.id == incident else i for i in self.world.incidents
        ]
        self.tell("incident", incident)


class Handler(BaseHTTPRequestHandler):
    """One request. HTTP/1.1, so that a browser keeps its connections as with the real server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as with the real one: or an answer waits 40 ms for the acknowledgement of its head
    answers: Answers

    def log_message(self, *args: Any) -> None:
        pass

    def reply(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", content_security_policy())
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(body)

    def reply_json(self, status: int, value: Any) -> None:
        self.reply(status, msgspec.json.encode(value), "application/json")

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/api/v1/stream":
            self.stream()
        elif url.path.startswith("/api/v1/"):
            self.api(url.path, {k: v[0] for k, v in parse_qs(url.query).items()})
        else:
            self.file(url.path.lstrip("/") or "index.html")

    def api(self, path: str, query: dict[str, str]) -> None:
        if not self.answers.signed_in:
            self.reply_json(401, {"detail": "sign in first"})
            return
        try:
            self.reply_json(200, self.answers.get([unquote(p) for p in path.split("/")[3:]], query))
        except (KeyError, StopIteration):
            self.reply_json(404, {"detail": f"there is no {path}"})

    def file(self, name: str) -> None:
        path = (static_directory() / name).resolve()
        if not path.is_relative_to(static_directory()) or not path.is_file():
            self.reply(404, b"", "text/plain")
            return
        kind = "text/javascript" if path.suffix in (".js", ".mjs") else mimetypes.guess_type(name)[0] or "text/plain"
        self.reply(200, path.read_bytes(), kind)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("X-Mainstay") != "1":
            self.reply_json(403, {"detail": "the header X-Mainstay: 1 is missing"})
            return
        try:
            answer = self.answers.post(
                [unquote(p) for p in self.path.split("/")[3:]], json.loads(body) if body else None
            )
        except PermissionError as refused:
            self.reply_json(403, {"detail": str(refused)})
            return
        if not self.answers.signed_in:
            self.reply_json(401, {"detail": "this token is not known"})
            return
        self.reply_json(201, answer)

    def stream(self) -> None:
        if not self.answers.signed_in or self.answers.is_stalled:
            self.reply_json(401 if not self.answers.is_stalled else 503, {"detail": "not now"})
            return
        events: queue.Queue[tuple[str, str]] = queue.Queue()
        self.answers.events.append(events)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b": hello\n\n")
        try:
            while (event := events.get())[0] != "end":
                self.wfile.write(
                    f"event: {event[0]}\ndata: {json.dumps({'kind': event[0], 'id': event[1]})}\n\n".encode()
                )
                self.wfile.flush()
        except OSError:
            pass
        self.answers.events.remove(events)
        self.close_connection = True


class QuietServer(ThreadingHTTPServer):
    """A browser that leaves in the middle of an answer is not an error here."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(world: World) -> Iterator[tuple[str, Answers]]:
    """Serve this world on a free port of the loopback until the block ends."""
    answers = Answers(world)
    server = QuietServer(("127.0.0.1", 0), type("Bound", (Handler,), {"answers": answers}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", answers
    finally:
        answers.tell("end", "")
        server.shutdown()
        server.server_close()
        thread.join()
