"""The shape of the code is held here: sizes, names, excepts, prose. See docs/decisions for why these numbers."""

import ast
import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
SURVIVES = {  # the loops that must outlive a failure: each logs and counts it
    "app/health.py",
    "automation/executor.py",
    "engine/local.py",
    "ingest/columnar/ready.py",
    "ingest/door.py",
    "lab/operate/supervisor.py",
    "lab/service/consumer.py",
    "lab/service/door.py",
    "lab/service/outbound.py",
    "outbox/delivery.py",
}
LARGE = {
    "domain": 34,  # the words that all rooms share: cutting them up would hide them
    "bench": 24,  # a file for each suite
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "src" / "mainstay").as_posix()


@cache
def parsed(path: Path) -> tuple[str, list[ast.AST]]:
    """Docstring and nodes of a file; each test asks all files."""
    tree = ast.parse(path.read_text())
    return ast.get_docstring(tree) or "", list(ast.walk(tree))


def functions(path: Path):
    return [node for node in parsed(path)[1] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def own_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, less its docstring: explaining is not what makes a function long."""
    first = node.body[0]
    doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return node.end_lineno - node.lineno + 1 - (first.end_lineno - first.lineno + 1 if doc else 0)


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_a_file_is_one_room(path):
    assert path.read_text().count("\n") <= 400, "split it by a word of the trade"


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_a_function_fits_a_screen(path):
    long = {node.name: own_lines(node) for node in functions(path) if own_lines(node) > 60}
    assert not long


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_seven_parameters_or_a_type_is_missing(path):
    wide = {}
    for node in functions(path):
        names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        names = [n for n in names if n not in {"self", "cls"}]
        # A command's parameters are its options: click asks for them so. Compiled code has arrays to pass, not objects.
        decorators = " ".join(ast.unparse(d) for d in node.decorator_list)
        if len(names) > (9 if "njit" in decorators else 7) and "command" not in decorators:
            wide[node.name] = len(names)
    assert not wide


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_no_room_without_a_word_of_the_trade(path):
    assert not {"utils", "helpers", "common", "core", "base", "misc"} & set(path.with_suffix("").parts)


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_every_module_says_what_it_is_for(path):
    assert parsed(path)[0]


@pytest.mark.parametrize("path", SOURCE, ids=name_of)
def test_only_the_loops_that_must_survive_catch_everything(path):
    caught = [
        node.lineno
        for node in parsed(path)[1]
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)  # it cleans up and raises on
    ]
    assert not caught or name_of(path) in SURVIVES


def test_packages_stay_small():
    counts = {p: len(list(p.glob("*.py"))) for p in {path.parent for path in SOURCE}}
    assert not {name_of(p): n for p, n in counts.items() if n > LARGE.get(name_of(p), 16)}


def test_no_pickle_anywhere():
    for path in SOURCE:
        text = io.StringIO(path.read_text()).readline
        names = {token.string for token in tokenize.generate_tokens(text) if token.type == tokenize.NAME}
        assert not names & {"pickle", "cloudpickle", "dill", "joblib"}, path


def test_every_setting_is_documented():
    import msgspec

    from mainstay.settings import Settings

    page = (ROOT / "docs" / "settings.md").read_text()
    assert not [f.name for f in msgspec.structs.fields(Settings) if f"`{f.name}`" not in page]


def test_architecture_names_every_room():
    page = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {p.name for p in (ROOT / "src" / "mainstay").iterdir() if p.is_dir() and (p / "__init__.py").exists()}
    assert not [room for room in rooms if f"{room}/" not in page]


def test_every_command_is_in_the_readme_or_the_docs():
    from mainstay.cli import COMMANDS

    prose = "\n".join(p.read_text() for p in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
    assert not [name for name in COMMANDS if not re.search(rf"mainstay {name}\b", prose)]
