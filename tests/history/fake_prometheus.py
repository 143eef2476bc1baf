"""A small Prometheus over HTTP: real selectors over series in memory, and misbehaviour on demand."""

import contextlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import msgspec

_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"')
_RANGE = re.compile(r"(\{.*\}|\w+(?:\{.*\})?)\[(\d+)(ms|s|m)\]")


class FakePrometheus:
    """`series` maps label sets (pairs with `__name__`) to {second: value}.

    `wrong` is a list of things to do instead of answering, the first request takes the first: a status, `(status,
    headers)`, `half`, `lies` (half of a body with a length that fits), `slow` or `close`; None answers.
    `most_points` is how many points all series of an answer may have together; beyond, 422.
    """

    def __init__(self, series, wrong=(), most_points=10**9, config=""):
        self.series = {tuple(sorted(labels)): values for labels, values in series.items()}
        self.wrong, self.most_points, self.config = list(wrong), most_points, config
        self.asked, self.headers = [], []

    @contextlib.contextmanager
    def running(self):
        """Its address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, path, form):
        """(status, document)."""
        if path.endswith("status/config"):
            return 200, {"status": "success", "data": {"yaml": self.config}}
        query = form["query"]
        if path.endswith("/query"):
            return 200, _result(self._instant(query, float(form["time"])))
        start, end, step = (int(float(form[name])) for name in ("start", "end", "step"))
        if (end - start) // step + 1 > 11_000:
            return 400, {
                "status": "error",
                "errorType": "bad_data",
                "error": "exceeded maximum resolution of 11,000 points",
            }
        found = self._range(query, range(start, end + 1, step), step)
        if sum(len(one["values"]) for one in found) > self.most_points:
            return 422, {
                "status": "error",
                "errorType": "execution",
                "error": "query processing would load too many samples",
            }
        return 200, _result(found)

    def _range(self, query, grid, step):
        inside = _RANGE.search(query)
        chosen = self._chosen(inside[1] if inside else query)
        rows = [
            {"metric": dict(labels), "values": [[t, str(values[t])] for t in grid if t in values]}
            for labels, values in chosen.items()
        ]
        return [row for row in rows if row["values"]]

    def _instant(self, query, at):
        selector, number, unit = _RANGE.search(query).groups()
        since = at - int(number) * {"ms": 0.001, "s": 1, "m": 60}[unit]
        chosen = {
            labels: kept
            for labels, values in self._chosen(selector).items()
            if (kept := {t: v for t, v in values.items() if since < t <= at})
        }
        if query.startswith("count("):
            return [{"metric": {}, "value": [at, str(len(chosen))]}] if chosen else []
        if query.startswith("topk"):
            jobs = {}
            for labels in chosen:
                jobs.setdefault(dict(labels).get("job", ""), []).append(labels)
            return [{"metric": dict(one), "value": [at, "1"]} for some in jobs.values() for one in some[:3]]
        return [{"metric": dict(one), "values": [[t, str(v)] for t, v in kept.items()]} for one, kept in chosen.items()]

    def _chosen(self, selector):
        name = re.match(r"\w+", selector)
        matchers = [("__name__", "=", name[0])] if name else []
        matchers += [(k, op, re.sub(r"\\(.)", r"\1", v)) for k, op, v in _MATCHER.findall(selector)]
        return {labels: values for labels, values in self.series.items() if _fits(dict(labels), matchers)}


def _fits(labels, matchers):
    tests = {
        "=": lambda had, want: had == want,
        "!=": lambda had, want: had != want,
        "=~": lambda had, want: re.fullmatch(want, had) is not None,
        "!~": lambda had, want: re.fullmatch(want, had) is None,
    }
    return all(tests[op](labels.get(name, ""), want) for name, op, want in matchers)


def _result(found):
    return {"status": "success", "data": {"resultType": "matrix", "result": found}}


def _handler(fake):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for the acknowledgement of its head

        def log_message(self, *_):
            pass

        def do_GET(self):
            self._serve({})

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._serve({name: values[0] for name, values in parse_qs(body).items()})

        def _serve(self, form):
            fake.headers.append(dict(self.headers))
            fake.asked.append((self.path, form))
            wrong = fake.wrong.pop(0) if fake.wrong else None
            status, document = fake.answer(self.path, form)
            body = msgspec.json.encode(document)
            if wrong == "close":
                self.close_connection = True
                return
            if wrong == "slow":
                time.sleep(1.5)
            status, headers = wrong if isinstance(wrong, tuple) else (wrong if isinstance(wrong, int) else status, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            sent = body[: len(body) // 2] if wrong in ("half", "lies") else body
            self.send_header("Content-Length", str(len(body) if wrong == "half" else len(sent)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(sent)
            self.close_connection = wrong == "half"

    return Handler
