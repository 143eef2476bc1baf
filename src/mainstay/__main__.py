"""`python -m mainstay` is `mainstay`."""

from mainstay.cli import main

main()
