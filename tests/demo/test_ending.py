"""A demo that is told to end stops what it has started."""

import signal
import subprocess
import sys

CHILD = """
import time
from mainstay.process import end_in_order
end_in_order()
try:
    print("runs", flush=True)
    time.sleep(60)
finally:
    print("stopped", flush=True)
"""


def test_asked_to_end_it_ends_as_with_ctrl_c():
    with subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "runs\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.read() == "stopped\n"
    assert child.returncode == 128 + signal.SIGTERM
