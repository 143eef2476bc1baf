"""A service's configuration as it stands now, read again when its file changes."""

from __future__ import annotations

import time

from mainstay.lab.folder import Folder
from mainstay.lab.shop.release import Configuration, read_configuration

LOOK_AGAIN_S = 0.3


class Settings:
    """Follows the configuration file of one service."""

    def __init__(self, folder: Folder, service: str) -> None:
        self._folder = folder
        self._service = service
        self._configuration = read_configuration(folder, service)
        self._looked_at = time.monotonic()

    def configuration(self) -> Configuration:
        now = time.monotonic()
        if now - self._looked_at > LOOK_AGAIN_S:
            self._configuration = read_configuration(self._folder, self._service)
            self._looked_at = now
        return self._configuration
