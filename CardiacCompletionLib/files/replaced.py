"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file of the same name to write in a hidden folder beside ``path``, which it then replaces at once.

    So what is left of it by a kill is taken for nobody's file. Several processes, on several computers, may write the
    same: each in a folder of its own.
    """
    folder = path.with_name(f".partial-{platform.node()}-{os.getpid()}")
    folder.mkdir(exist_ok=True)
    partial = folder / path.name
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
