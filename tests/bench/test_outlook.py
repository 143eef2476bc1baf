"""The benches of the outlook run small, and measure what they say."""

from mainstay.bench.outlook import outlook
from mainstay.bench.prediction import prediction


def test_the_cost_is_of_the_same_run_and_the_disks_are_followed():
    found = outlook(series=400, share=0.1, rounds=2)
    assert found["followed"] == 20
    assert 0 < found["outlook_cpu_s_per_million"] < found["pipeline_cpu_s_per_million"]
    assert found["ratio"] >= 1.0


def test_a_town_from_a_seed_says_that_it_is_made_and_is_the_same_again():
    one, other = (prediction(services=3, days=6, seed=3) for _ in range(2))
    assert one["is_made_from_a_seed"]
    assert one["incidents"] == other["incidents"] > 0
    assert one["repeat_offender"] == other["repeat_offender"]
    assert one.get("learned") == other.get("learned")


def test_towns_stand_beside_what_an_oracle_could_foretell():
    found = prediction(services=3, days=5, seed=3, towns=2)
    ceiling, shipped = found["ceiling"], found["shipped"]
    assert ceiling["incidents"] == shipped["incidents"] > 0
    assert 0 < ceiling["recall"] <= ceiling["with_any_sign"] <= 1
    assert ceiling["recall_within"][0] <= ceiling["recall"] <= ceiling["recall_within"][1]
    assert sum(found for found, _ in shipped["by_sign"].values()) == shipped["caught"]
    assert 0 <= shipped["towns_over_budget"] <= found["towns"] == 2
    assert sum(of for _, of in shipped["by_sign"].values()) == ceiling["incidents"]
