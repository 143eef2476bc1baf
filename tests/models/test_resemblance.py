"""What is alike is ranked first; structure tells what words do not; a ticket is found by its words."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.models.similarity import Resemblance

DEPLOY = ["cause:deploy", "place:service middle tier 2", "symptom:latency service middle tier 2", "service:a"]
QUEUE = ["cause:queue", "place:queue", "symptom:saturation queue", "service:b"]


def asked(words, facts, past, **more):
    frequency: dict[str, int] = {}
    for _, theirs, _ in past:
        for word in theirs:
            frequency[word] = frequency.get(word, 0) + 1
    listed = [{"id": name, "words": list(w), "facts": list(f)} for name, w, f in past]
    return {
        "incident": {"id": "INC-9", "words": list(words), "facts": list(facts)},
        "past": listed,
        "known": len(past),
        "frequency": frequency,
        **more,
    }


def ranked(inputs, **parameters):
    return [one["id"] for one in Resemblance(parameters).decide(inputs)["similar"]]


def test_the_same_cause_in_the_same_place_comes_before_the_same_words():
    past = [("INC-1", ["slow", "orders"], QUEUE), ("INC-2", ["late", "carts"], DEPLOY)]
    assert ranked(asked(["slow", "orders"], DEPLOY, past), least=0.0) == ["INC-2", "INC-1"]
    assert ranked(asked(["slow", "orders"], DEPLOY, past), least=0.0, text_weight=1.0)[0] == "INC-1"


def test_itself_and_what_is_unlike_are_not_told():
    past = [("INC-9", ["slow"], DEPLOY), ("INC-1", ["full"], QUEUE)]
    assert ranked(asked(["slow"], DEPLOY, past)) == []


def test_a_ticket_without_structure_is_found_by_its_words_and_believed_less():
    found = Resemblance({}).decide(asked(["disk", "full"], DEPLOY, [("ticket:7", ["disk", "full"], [])]))["similar"]
    assert [(one["id"], one["score"], one["text"]) for one in found] == [("ticket:7", 0.8, 1.0)]


def test_a_rare_word_counts_more_than_one_that_everybody_says():
    past = [("INC-1", ["slow", "x"], []), ("INC-2", ["slow", "y"], []), ("INC-3", ["deadlock", "z"], [])]
    assert ranked(asked(["slow", "deadlock"], [], past), least=0.0)[0] == "INC-3"


def test_it_says_what_they_share_the_heaviest_first():
    found = Resemblance({}).decide(asked([], DEPLOY, [("INC-1", [], DEPLOY)]))["similar"][0]
    assert found["shared"][:2] == ["cause:deploy", "place:service middle tier 2"]
    assert (found["structure"], found["text"]) == (1.0, 0.0)


def test_at_most_so_many_and_equals_by_id():
    past = [(f"INC-{n}", ["slow"], DEPLOY) for n in range(1, 9)]
    assert ranked(asked(["slow"], DEPLOY, past), most=3) == ["INC-1", "INC-2", "INC-3"]


def test_what_it_does_not_know_is_refused():
    with pytest.raises(msgspec.ValidationError, match="text_wieght"):
        Resemblance({"text_wieght": 1})
    with pytest.raises(msgspec.ValidationError):
        Resemblance({}).decide({"incident": {"id": "a"}, "candidates": []})


word = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
incident = st.tuples(st.lists(word, max_size=6, unique=True), st.lists(word, max_size=6, unique=True))


@given(incident, st.lists(incident, max_size=5))
def test_scores_are_shares_and_the_order_of_the_past_means_nothing(mine, others):
    past = [(f"INC-{n}", *one) for n, one in enumerate(others)]
    forward = Resemblance({"least": 0.0}).decide(asked(*mine, past))
    backward = Resemblance({"least": 0.0}).decide(asked(*mine, past[::-1]))
    assert json.dumps(forward) == json.dumps(backward)
    assert all(0 <= one[name] <= 1.0001 for one in forward["similar"] for name in ("score", "text", "structure"))
