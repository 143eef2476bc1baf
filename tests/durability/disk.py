"""A disk that keeps only what was synced: `unsynced.c`, compiled and preloaded into what a test starts."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("unsynced.c")


class UnsyncedDisk:
    """A folder whose processes (started with `env`) lose what they did not sync, when `cut` is called.

    Attributes:
        lost_bytes: What stood in files and was gone after a cut, over all cuts.
    """

    def __init__(self, data, scratch):
        self.data, self._shadow, self._new = data, scratch / "shadow", scratch / "restored"
        self.env = {
            "LD_PRELOAD": str(compiled(scratch)),
            "UNSYNCED_ROOT": str(data),
            "UNSYNCED_SHADOW": str(self._shadow),
        }
        self.lost_bytes = 0

    def cut(self):
        """The power fails: the folder is what its disk would hold. No process may run in it."""
        names = self._shadow / "names"
        self._new.mkdir(mode=0o700)
        for name in sorted(names.rglob("*")):
            target = self._new / name.relative_to(names)
            if name.is_symlink():
                target.touch(mode=0o600)
                if (kept := self._shadow / "files" / name.readlink()).exists():
                    shutil.copyfile(kept, target)
            else:
                target.mkdir(mode=0o700)
        self.lost_bytes += max(0, size(self.data) - size(self._new))
        shutil.rmtree(self.data)
        shutil.rmtree(self._shadow)
        self._new.rename(self.data)


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def compiled(folder):
    compiler = shutil.which("cc")
    if compiler is None:
        if os.environ.get("MAINSTAY_NOTHING_ABSENT"):
            pytest.fail("cc is absent, and here nothing may be")
        pytest.skip("no C compiler (Debian: gcc, libc6-dev)")
    library = folder / "unsynced.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-pthread"], check=True)
    return library
