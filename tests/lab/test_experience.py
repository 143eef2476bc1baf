"""When users count as hurt, and when as well again."""

import json

import pytest

from mainstay.lab.users import Users

SINCE = 1000.0


@pytest.fixture
def users(tmp_path):
    """Users whose diary is written from (second, latencies, errors)."""

    def write(*spans):
        lines = []
        for first, last, ms, errors in spans:
            for second in range(first, last):
                latencies = [ms * (1 + 0.02 * n) for n in range(5)]
                page = {"at_s": SINCE + second, "count": 5, "errors": errors, "p50_ms": ms, "p95_ms": ms}
                page["requests"] = {"GET /a": {"errors": errors, "latencies_ms": latencies}}
                lines.append(json.dumps(page) + "\n")
        file = tmp_path / "users.jsonl"
        file.write_text("".join(lines))
        return Users(file)

    return write


def test_nothing_happened(users):
    felt = users((-60, 60, 20, 0)).experience(SINCE, SINCE + 60)
    assert (felt.is_hurt, felt.was_hurt, felt.recovery_s) == (False, False, None)


def test_slow_since_and_recovered(users):
    felt = users((-60, 3, 20, 0), (3, 23, 200, 0), (23, 60, 20, 0)).experience(SINCE, SINCE + 60)
    assert (felt.is_hurt, felt.was_hurt) == (False, True)
    assert 3 <= felt.hurt_since_s - SINCE <= 7
    assert 20 <= felt.recovery_s <= 24
    assert felt.worst_p95_ms > 200


def test_errors_hurt_while_they_last(users):
    felt = users((-60, 5, 20, 0), (5, 30, 20, 1)).experience(SINCE, SINCE + 30)
    assert felt.is_hurt
    assert felt.recovery_s is None
    assert felt.worst_error_share == pytest.approx(0.2)


def test_a_little_slower_does_not_hurt(users):
    assert not users((-60, 0, 20, 0), (0, 40, 45, 0)).experience(SINCE, SINCE + 40).was_hurt


def test_one_stray_error_does_not_hurt(users):
    assert not users((-60, 9, 20, 0), (9, 10, 20, 1), (10, 40, 20, 0)).experience(SINCE, SINCE + 40).was_hurt


def test_a_half_written_line_is_left_for_later(users, tmp_path):
    read = users((-5, 5, 20, 0))
    with (tmp_path / "users.jsonl").open("a") as file:
        file.write('{"at_s": 10')
    assert len(read.seconds()) == 10
