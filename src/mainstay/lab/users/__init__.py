"""The shop's users: a load that does not wait for answers, and what it feels."""

from mainstay.lab.users.experience import Experience, Users

__all__ = ["Experience", "Users"]
