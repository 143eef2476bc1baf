"""A shop file that cannot be used says where and why."""

import re
from pathlib import Path

import pytest

from mainstay.lab.__main__ import main
from mainstay.lab.shop import ShopFileError, read_shop

CORNER = (Path(__file__).parent / "corner.yaml").read_text()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "tier: 3, owner: family}",
            "tier: 9, owner: family}",
            r":\d+: services\[3\].tier: expected a number from 1 to 4, found '9'",
        ),
        ("call till POST /sales", "call kiosk POST /sales", "expected a call to a service of this shop"),
        ("call till POST /sales", "call till POST /gifts", "expected a route of till"),
        ("call till POST /sales", "phone till", "expected 'call SERVICE METHOD /path'"),
        ("read ledger.stock", "read ledger.shoes", "expected a table of this shop"),
        ("publish slips", "publish flyers", "expected a queue of this shop"),
        ("quota_mb: 4", "replicas: 1", "expected a 'quota_mb' for till"),
        ("entry: true", "entry: maybe", "expected true or false"),
        ("    entry: true\n", "", "exactly one service with 'entry: true'"),
        ("owner: accountant\n    quota", "boss: accountant\n    quota", "expected one of name, tier, owner"),
        ('requests: ["POST /purchases"]', 'requests: ["POST /gifts"]', "expected a route of counter"),
        ("broker: tray", "broker: drawer", "expected a service of this shop"),
        ("    consumes: slips\n", "", "'consumes' and 'on_message' together"),
        ("journeys_per_s: 9", "journeys_per_s: fast", "expected a number from 0.1 to 500, found 'fast'"),
        ("shop: corner", "shop: [corner", "expected YAML"),
        ("shop: corner", "shop: Corner Shop", "expected a name of small letters"),
        ('["read ledger.stock"]', '["call counter GET /shelves/{id}"]', "the circle counter → shelf → counter"),
    ],
)
def test_says_file_line_and_what_was_expected(tmp_path, old, new, complaint):
    assert old in CORNER
    file = tmp_path / "shop.yaml"
    file.write_text(CORNER.replace(old, new, 1))
    with pytest.raises(ShopFileError) as error:
        read_shop(file)
    assert str(error.value).startswith(str(file))
    assert re.search(complaint if "\\" in complaint else re.escape(complaint), str(error.value))


def test_the_line_is_the_line(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(CORNER.replace("call shelf GET /goods/{id}", "call shelf GET /bads/{id}"))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "/bads/" in text)
    with pytest.raises(ShopFileError, match=f":{line}: "):
        read_shop(file)


@pytest.mark.parametrize("content", [None, ""])
def test_a_missing_or_empty_file(tmp_path, content):
    file = tmp_path / "shop.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ShopFileError, match=r"shop\.yaml:"):
        read_shop(file)


def test_the_command_exits_with_2(tmp_path, capsys):
    (tmp_path / "shop.yaml").write_text("shop: 1x")
    assert main(["run", "--lab", str(tmp_path / "lab"), "--shop", str(tmp_path / "shop.yaml")]) == 2
    assert "shop.yaml:1:" in capsys.readouterr().err


@pytest.mark.parametrize(
    "shop",
    ["default", "library", "ticketing", "clinic", "freight", "garage", "stadium", "airport", "newsroom", "railway"],
)
def test_the_shops_that_come_with_the_lab(shop):
    read = read_shop(shop)
    assert len(read.services) >= 8
    assert read.databases
    assert read.queues
    assert sum(bool(service.databases) for service in read.services) >= 2
