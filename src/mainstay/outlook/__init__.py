"""What is ahead: resources that run out, and services at risk; told in time, by versions that can be named."""

from mainstay.outlook.stage import Outlooks

__all__ = ["Outlooks"]
