"""A Prometheus that is slow, overloaded, cut off or locked: asked again within bounds; no secret in any message."""

import pytest
from tests.history.fake_prometheus import FakePrometheus

from mainstay.domain.errors import BadFile, BadInput, Refused
from mainstay.history.prometheus.client import GaveUp, Pace, Prometheus, TooMuch
from mainstay.history.prometheus.credentials import Credentials

SERIES = {(("__name__", "up"), ("job", "api")): {60: 1.0, 75: 2.0, 90: 3.0}}


@pytest.fixture
def asking():
    """A factory: a fake and a client of it that does not really wait."""
    stack = []

    def start(credentials=None, timeout_s=1.0, patience_s=100.0, **how):
        fake = FakePrometheus(SERIES, **how)
        running = fake.running()
        url = running.__enter__()
        waited = []
        client = Prometheus(
            url, credentials or Credentials(), Pace(1000.0, timeout_s, patience_s), waited.append, told=told.append
        )
        stack.append((running, client))
        return fake, client, waited

    told = []
    start.told = told
    yield start
    for running, client in stack:
        client.close()
        running.__exit__(None, None, None)


def values(found):
    return [series.values for series in found]


ALL = [[(60.0, "1.0"), (75.0, "2.0"), (90.0, "3.0")]]


@pytest.mark.parametrize("wrong", [500, 502, 503, 504, 429, 408, "half", "lies", "close", "slow"])
def test_what_goes_wrong_once_is_asked_again(asking, wrong):
    fake, client, _ = asking(wrong=[wrong, wrong])
    assert values(client.over("up", 60, 90, 15)) == ALL
    assert client.retries == 2
    assert len(fake.asked) == 3


def test_the_pauses_grow_and_heed_what_they_ask_for(asking):
    _, client, waited = asking(wrong=[503, 503, (503, {"Retry-After": "17"}), 503])
    client.over("up", 60, 90, 15)
    pauses = waited[:4]
    assert 0.75 <= pauses[0] <= 1.25
    assert 1.5 <= pauses[1] <= 2.5
    assert pauses[2] == 17
    assert 6 <= pauses[3] <= 10


def test_patience_ends_with_what_to_do(asking):
    _, client, waited = asking(wrong=[503] * 1000, patience_s=60)
    with pytest.raises(GaveUp, match=r"60 s .*HTTP 503.*run the same command again"):
        client.over("up", 60, 90, 15)
    assert sum(waited) <= 60


def test_nobody_there():
    gone = Prometheus("http://127.0.0.1:9", Credentials(), Pace(1000.0, 1.0, 5.0), lambda _: None)
    with pytest.raises(GaveUp, match="refused"):
        gone.over("up", 60, 90, 15)
    gone.close()


def test_it_rests_as_long_as_it_worked(asking):
    _, client, waited = asking()
    client.over("up", 60, 90, 15)
    assert len(waited) == 1
    assert waited[0] > 0


def test_too_much_is_said_as_such(asking):
    _, client, _ = asking(most_points=2)
    with pytest.raises(TooMuch, match="too many samples"):
        client.over("up", 60, 90, 15)
    with pytest.raises(TooMuch, match="11,000"):
        client.over("up", 0, 11_001, 1)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404])
def test_what_will_not_change_is_not_asked_again(asking, status):
    fake, client, _ = asking(wrong=[(status, {"Location": "http://127.0.0.1:9/"})])
    with pytest.raises(Refused, match=str(status)):
        client.over("up", 60, 90, 15)
    assert len(fake.asked) == 1


def test_something_else_than_series(asking):
    fake, client, _ = asking()
    fake.answer = lambda *_: (200, {"status": "success", "data": {"result": [{"metric": 5}]}})
    with pytest.raises(Refused, match="something else than series"):
        client.over("up", 60, 90, 15)


SECRET = "s3cr3t-of-theirs"


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        (Credentials(bearer_token=SECRET), f"Bearer {SECRET}"),
        (Credentials(username="ada", password=SECRET), "Basic YWRhOnMzY3IzdC1vZi10aGVpcnM="),
    ],
)
def test_secrets_are_sent_and_never_said(asking, credentials, sent):
    fake, client, _ = asking(credentials=credentials, wrong=[503, 401])
    with pytest.raises(Refused) as refused:
        client.over("up", 60, 90, 15)
    assert fake.headers[0]["Authorization"] == sent
    assert SECRET not in f"{refused.value} {asking.told} {fake.asked}"


def test_headers_of_a_proxy_are_sent(asking):
    fake, client, _ = asking(credentials=Credentials(headers={"X-Scope-OrgID": "shop"}))
    client.over("up", 60, 90, 15)
    assert fake.headers[0]["X-Scope-OrgID"] == "shop"


def test_credentials_come_from_a_file_or_the_environment(tmp_path):
    file = tmp_path / "prometheus.yaml"
    file.write_text("username: ada\npassword: " + SECRET)
    assert Credentials.load(file, {}).username == "ada"
    assert Credentials.load(None, {"MAINSTAY_PROMETHEUS_TOKEN": SECRET}).bearer_token == SECRET
    assert (
        Credentials.load(None, {"MAINSTAY_PROMETHEUS_USER": "a", "MAINSTAY_PROMETHEUS_PASSWORD": "b"}).password == "b"
    )
    file.write_text("pasword: " + SECRET)
    with pytest.raises(BadFile) as bad:
        Credentials.load(file, {})
    assert SECRET not in str(bad.value)


@pytest.mark.parametrize("url", ["http://ada:s3cr3t@prom:9090", "ftp://prom", "prom:9090", "", "http://"])
def test_an_address_is_an_address_without_a_password(url):
    with pytest.raises(BadInput) as bad:
        Prometheus(url, Credentials(), Pace())
    assert "s3cr3t" not in str(bad.value)


def test_the_configuration_is_optional(asking):
    fake, client, _ = asking(config="global: {external_labels: {cluster: a}}")
    assert "cluster" in client.configuration()
    fake.wrong = [404]
    assert client.configuration() == ""
