"""Lines with known templates, from the logging calls of installed programs: `python -m mainstay.evaluate.harvest OUT`.

No labelled log file comes with Mainstay, so the truth is read where it is made: the format string of a call such as
`log.info("connected to %s in %d ms", host, took)` is the template, and lines are made by filling it with values of the
kind that the argument's name tells (seeded; calls and values are as unevenly frequent as in real logs). One system per
package. The templates are written by the rules of the labelled sets (`canonical`).
"""

from __future__ import annotations

import ast
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from mainstay.evaluate.fillings import Values

ANY = "<*>"
LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "msg", "log"})
LOGGERS = re.compile(r"(^|[._])(log|logger|logging)s?$", re.IGNORECASE)
LEAST_CALLS, MOST_LINES = 12, 2_000
_FORMAT = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?([sdrifgxXea%])")
_BRACES = re.compile(r"\{[^{}]*\}")
_CUTS = re.compile(r"([\s,!;:=|\"'+\[\](){}.\-@#$%&])")
_PATH_CUTS = re.compile(r"([\s,!;:=|\"'+\[\](){}])")
_WORDS = frozenset({"true", "false", "null", "root"})

Piece = tuple[str, str]
"""A constant ("", text), or a variable (conversion, name of the argument)."""


def canonical(template: str) -> str:
    """A template by the correction rules of the labelled sets (Khan et al., ICSE 2022: DS, BL, US, PS, DG, WV, DV, CV).

    >>> canonical("block blk_<*> of  /<*>:<*> took 3 s")
    'block <*> of <*> took <*> s'
    """
    text = re.sub(r"\s+", " ", template.strip())
    text = "".join(ANY if re.fullmatch(r"(/[^/]+)+|.*/.*\..*|([a-zA-Z0-9-]+\.){3,}[a-z]+", t) else t
                   for t in _PATH_CUTS.split(text))  # fmt: skip
    text = "".join(_corrected(token) for token in _CUTS.split(text))
    before = ""
    while before != text:
        before = text
        text = re.sub(r"<\*>[.:/#@]?<\*>", ANY, text).replace(f"#{ANY}#", ANY)
        text = text.replace(f' "{ANY}" ', f" {ANY} ").replace(f" '{ANY}' ", f" {ANY} ")
    return text


def _corrected(token: str) -> str:
    if token.lower() in _WORDS or token.isdigit():
        return ANY
    return ANY if re.fullmatch(r"[^\s/]*<\*>[^\s/]*", token) else token


def calls(folder: Path) -> Iterator[list[Piece]]:
    """The logging calls of the Python files of a folder, each format string once."""
    seen = set()
    for path in sorted(folder.rglob("*.py") if folder.is_dir() else [folder]):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            pieces = _pieces(node) if isinstance(node, ast.Call) else None
            text = "".join(text or ANY for kind, text in pieces or () if not kind)
            if pieces and text not in seen and sum(c.isalpha() for c in text) >= 4:
                seen.add(text)
                yield pieces


def _pieces(call: ast.Call) -> list[Piece] | None:
    if not (isinstance(call.func, ast.Attribute) and call.func.attr in LEVELS):
        return None
    if not LOGGERS.search(ast.unparse(call.func.value)):
        return None
    given = [a for a in call.args if not (call.func.attr == "log" and a is call.args[0])]
    if not given:
        return None
    message, names = given[0], [ast.unparse(a)[-40:] for a in given[1:]]
    if isinstance(message, ast.BinOp) and isinstance(message.op, ast.Mod):
        right = message.right.elts if isinstance(message.right, ast.Tuple) else [message.right]
        message, names = message.left, [ast.unparse(a)[-40:] for a in right]
    if isinstance(message, ast.JoinedStr):
        return [_of_part(part) for part in message.values]
    if isinstance(message, ast.Call) and isinstance(message.func, ast.Attribute) and message.func.attr == "format":
        names, message = [ast.unparse(a)[-40:] for a in message.args], message.func.value
        return _cut(message, _BRACES, names)
    return _cut(message, _FORMAT, names)


def _of_part(part: ast.expr) -> Piece:
    if isinstance(part, ast.FormattedValue):
        return ("r" if part.conversion == ord("r") else "s"), ast.unparse(part.value)[-40:]
    return "", str(part.value) if isinstance(part, ast.Constant) else ""


def _cut(message: ast.expr, pattern: re.Pattern[str], names: list[str]) -> list[Piece] | None:
    """A format string as pieces; None when the message is no constant."""
    if not (isinstance(message, ast.Constant) and isinstance(message.value, str)):
        return None
    pieces, at, given = [], 0, iter(names)
    for found in pattern.finditer(message.value):
        kind = found[1] if found.re.groups else "s"
        pieces.append(("", message.value[at : found.start()]))
        pieces.append(("", "%") if kind == "%" else (kind, next(given, found[0].strip("%(){}s"))))
        at = found.end()
    return [*pieces, ("", message.value[at:])]


def lines_of(system: str, statements: list[list[Piece]], most: int, seed: int) -> Iterator[tuple[str, str]]:
    """(line, template) of one system: which statement speaks is as uneven as in real logs (Zipf, exponent 1.3)."""
    rng = random.Random(f"{seed} {system}")  # noqa: S311 - drawn lots, guarding nothing
    order = rng.sample(statements, len(statements))
    weights = [1.0 / (rank + 1) ** 1.3 for rank in range(len(order))]
    values = [Values(rng) for _ in order]
    for number in (*range(len(order)), *rng.choices(range(len(order)), weights, k=max(most - len(order), 0))):
        line = "".join(text if not kind else values[number].of(kind, text) for kind, text in order[number])
        template = "".join(ANY if kind else text for kind, text in order[number])
        yield re.sub(r"\s+", " ", line).strip(), canonical(template)


def harvest(folders: list[Path], most: int = MOST_LINES, seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Per system (package) its lines and their templates; packages with few logging calls are left out."""
    found = {}
    for folder in folders:
        for package in sorted(p for p in folder.iterdir() if not p.name.startswith(("_", "."))):
            statements = list(calls(package)) if package.is_dir() or package.suffix == ".py" else []
            if len(statements) >= LEAST_CALLS:
                rng_lines = list(lines_of(package.name, statements, most, seed))
                random.Random(seed).shuffle(rng_lines)  # noqa: S311
                found[package.name] = rng_lines
    return found


def write(found: dict[str, list[tuple[str, str]]], out: Path) -> int:
    """One Parquet file of the columns that `evaluate templates` reads; returns the number of lines."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = [
        (system, number, line, template)
        for system, lines in found.items()
        for number, (line, template) in enumerate(lines)
    ]
    events = {key: f"E{n}" for n, key in enumerate(dict.fromkeys((s, t) for s, _, _, t in rows))}
    table = pa.table({
        "system": [r[0] for r in rows], "line": [r[1] for r in rows], "content": [r[2] for r in rows],
        "event_id": [events[r[0], r[3]] for r in rows], "template": [r[3] for r in rows],
    })  # fmt: skip
    parquet.write_table(table, out, compression="zstd")
    return len(rows)


def main(arguments: list[str]) -> None:
    """OUT [FOLDER …]: by default the packages of this environment."""
    import sysconfig

    folders = [Path(a) for a in arguments[1:]] or [Path(sysconfig.get_paths()["purelib"])]
    found = harvest(folders)
    count = write(found, Path(arguments[0]))
    sys.stdout.write(f"{count} lines of {len(found)} systems in {arguments[0]}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
