"""Waiting for something real to happen, and asking the shop directly how it does."""

import http.client
import random
import time

from mainstay.lab.folder import read_json


def eventually(condition, within_s=15.0):
    until = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > until:
            raise AssertionError(f"did not come about within {within_s} s: {condition.__doc__ or condition}")
        time.sleep(0.1)
    return found


class Probe:
    """Asks the entry a few times, as a user would."""

    def __init__(self, lab):
        self._lab = lab

    def ask(self, request):
        """(status, milliseconds); status 0 when nothing came back."""
        address = read_json(self._lab.folder.endpoints)[self._lab.shop.entry.name][0]["address"]
        method, _, path = request.format(id=7).partition(" ")
        connection = http.client.HTTPConnection(address, timeout=2)
        started = time.perf_counter()
        try:
            connection.request(method, path)
            response = connection.getresponse()
            response.read()
            status = response.status
        except OSError:
            status = 0
        finally:
            connection.close()
        return status, (time.perf_counter() - started) * 1000

    def is_bad(self):
        """Whether a request fails (the noise fails one in two thousand), or two in three of one sort take long."""
        for request in self._requests():
            slow = 0
            for _ in range(3):
                time.sleep(random.uniform(0.01, 0.15))  # in step with a disturbance one would not see it
                status, ms = self.ask(request)
                slow += ms > 90
                if status == 0 or status >= 500 or status == 429 or slow >= 2:
                    return True
        return False

    def is_good(self):
        return not self.is_bad()

    def _requests(self):
        return [request for journey in self._lab.shop.journeys for request in journey.requests]
