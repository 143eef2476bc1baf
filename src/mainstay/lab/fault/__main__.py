"""`python -m mainstay.lab.fault KIND [SERVICE]`: the same as `python -m mainstay.lab fault`."""

from __future__ import annotations

import sys

from mainstay.lab.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["fault", *sys.argv[1:]]))
