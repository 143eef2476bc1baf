"""For all tests: how long an example takes is no matter of right and wrong; speed lives in `mainstay bench`."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
