"""The parts of a service, each by itself: queue, quota, limit, configuration, releases, noise, slots."""

import errno
import json
import subprocess
import sys
import time

import psutil
import pytest

from mainstay.lab.folder import Folder, read_json, write_json
from mainstay.lab.opening import Destinations, prepare
from mainstay.lab.service.broker import Broker
from mainstay.lab.service.bucket import Bucket
from mainstay.lab.service.noise import SLOW_START_S, Noise
from mainstay.lab.service.storage import RECORD, Storage
from mainstay.lab.shop import Queue
from mainstay.lab.shop.release import (
    Configuration,
    Release,
    publish_release,
    read_configuration,
    read_revision,
    versions,
    write_configuration,
)
from mainstay.lab.slots import enter, evict, strangers
from tests.lab.conftest import CORNER

MESSAGE = json.dumps({"order": "o-1"}).encode()


@pytest.fixture
def queue(tmp_path):
    broker = Broker(tmp_path, (Queue("slips", "tray", 3),), lease_s=0.3, wait_s=0.0)
    yield broker
    broker.close()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "lab")


def test_a_message_is_there_until_it_is_confirmed(queue):
    status, published = queue.answer("POST", "/queues/slips", MESSAGE)
    assert status == 201
    status, taken = queue.answer("POST", "/queues/slips/leases", b"")
    assert taken == {"id": published["id"], "message": {"order": "o-1"}}
    assert queue.depth("slips") == 1
    queue.answer("DELETE", f"/queues/slips/{taken['id']}", b"")
    assert queue.depth("slips") == 0


def test_a_message_is_handed_out_once_while_it_is_leased_and_again_after(queue):
    queue.answer("POST", "/queues/slips", MESSAGE)
    assert queue.answer("POST", "/queues/slips/leases", b"")[1]
    assert queue.answer("POST", "/queues/slips/leases", b"") == (200, {})
    time.sleep(0.35)
    assert queue.answer("POST", "/queues/slips/leases", b"")[1]


def test_a_full_queue_refuses(queue):
    for _ in range(3):
        assert queue.answer("POST", "/queues/slips", MESSAGE)[0] == 201
    assert queue.answer("POST", "/queues/slips", MESSAGE)[0] == 429
    assert queue.answer("GET", "/queues/slips", b"")[1]["depth"] == 3


def test_messages_survive_the_broker(tmp_path):
    first = Broker(tmp_path, (Queue("slips", "tray", 3),))
    first.answer("POST", "/queues/slips", MESSAGE)
    first.close()
    second = Broker(tmp_path, (Queue("slips", "tray", 3),))
    assert second.depth("slips") == 1
    assert second.oldest_s("slips") >= 0
    second.close()


@pytest.mark.parametrize("path", ["/goods/1", "/queues/flyers", "/queues/slips/x/y"])
def test_what_is_not_a_queues_is_left_to_others(queue, path):
    assert queue.answer("GET", path, b"") is None


def test_work_is_traced_and_asking_for_work_is_not(queue):
    assert queue.is_traced("POST", "/queues/slips")
    assert not queue.is_traced("POST", "/queues/slips/leases")
    assert not queue.is_traced("DELETE", "/queues/slips/1")


def test_a_write_that_does_not_fit_fails_as_on_a_full_disk(tmp_path):
    storage = Storage(tmp_path, 100_000)
    storage.keep("receipts")
    assert storage.used_bytes() == len(RECORD)
    (tmp_path / "somebody-elses.hprof").write_bytes(bytes(99_000))
    with pytest.raises(OSError, match="No space left") as error:
        storage.keep("receipts")
    assert error.value.errno == errno.ENOSPC
    assert storage.used_share() > 0.99


def test_files_are_turned_over_and_never_fill_the_quota(tmp_path):
    storage = Storage(tmp_path, 200_000)
    for _ in range(300):
        storage.keep("receipts")
    assert storage.used_share() < 0.2


def test_a_limit_admits_its_rate():
    bucket = Bucket()
    assert all(bucket.admits(0) for _ in range(100))
    admitted = sum(bucket.admits(5) for _ in range(100))
    assert 1 <= admitted <= 6
    time.sleep(0.45)
    assert 1 <= sum(bucket.admits(5) for _ in range(100)) <= 3


def test_releases_are_numbered_on(folder):
    write_json(folder.release("till", "v9"), {"version": "v9"})
    assert publish_release(folder, "till", Release("", extra_ms=300)).version == "v10"
    assert versions(folder, "till") == ["v9", "v10"]
    assert Release.read(folder.release("till", "v10")).extra_ms == 300


def test_a_configuration_is_kept_by_revision(folder):
    write_configuration(folder, "till", Configuration())
    write_configuration(
        folder, "till", Configuration(2, timeout_ms=5, addresses=(("shelf", "127.0.0.1:1"),), last_good=1)
    )
    assert read_configuration(folder, "till").addresses == (("shelf", "127.0.0.1:1"),)
    assert read_revision(folder, "till", 1) == Configuration()


def test_noise_is_the_same_for_the_same_seed():
    one, other = Noise("a"), Noise("a")
    assert [one.around(20) for _ in range(5)] == [other.around(20) for _ in range(5)]
    assert one.values() == other.values()


def test_noise_is_rare_and_small():
    noise = Noise("b")
    cold = [noise.delay_s() for _ in SLOW_START_S]
    assert cold[0] > cold[-1]
    later = [noise.delay_s() for _ in range(2000)]
    assert max(later) <= 0.15
    assert sum(noise.is_stray_error() for _ in range(20_000)) < 10
    assert 0 < sum(noise.is_not_found() for _ in range(20_000)) < 200


def test_work_takes_about_its_median():
    noise = Noise("c")
    drawn = sorted(noise.around(100) for _ in range(999))
    assert 0.09 < drawn[499] < 0.11
    assert drawn[-1] < 0.4


def test_a_stranger_is_seen_and_evicted(folder):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    own = enter(folder, "till")
    own.rename(own.with_name(str(stranger.pid)))
    assert strangers(folder, "till") == []  # the entry tells another birth: that process has gone
    own.with_name(str(stranger.pid)).write_text(str(psutil.Process(stranger.pid).create_time()))
    assert [found.pid for found in strangers(folder, "till")] == [stranger.pid]
    assert len(evict(folder, "till")) == 1
    assert stranger.wait(5) < 0
    assert strangers(folder, "till") == []


def test_a_folder_is_laid_out_for_its_owner(folder):
    shop = prepare(folder, CORNER, Destinations("http://127.0.0.1:9", token="let-me-in"), seed=4)
    assert folder.token.stat().st_mode & 0o777 == 0o600
    assert all(versions(folder, name) for name in shop.names)
    assert folder.database("ledger").exists()
    timeouts = {name: read_configuration(folder, name).timeout_ms for name in shop.names}
    assert timeouts["counter"] > timeouts["till"] > timeouts["shelf"]
    assert read_json(folder.settings)["noise_seed"] != "4"


def test_a_folder_of_something_else_is_left_alone(tmp_path, folder):
    folder.root.mkdir()
    (folder.root / "thesis.txt").write_text("all my work")
    with pytest.raises(FileExistsError, match="expected an empty folder"):
        prepare(folder, CORNER, Destinations(""), seed=1)
    assert [path.name for path in folder.root.iterdir()] == ["thesis.txt"]
