"""kill -9, again and again, under mixed traffic: what was acknowledged is there afterwards, each thing once."""

import pytest
from tests.durability.course import Course

KILLS = 20
RECOVERS_WITHIN_S = 5.0


@pytest.mark.slow
def test_twenty_kills(tmp_path, capsys):
    course = Course(tmp_path, KILLS)
    course.run()
    with capsys.disabled():
        print(f"\n{course.says}")
    assert course.median_s < RECOVERS_WITHIN_S, course.recovered_s
