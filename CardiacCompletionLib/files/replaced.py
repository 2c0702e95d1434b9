"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, with the same ending, which it then replaces; without an error, at once.

    Several processes, on several computers, may write the same: each under a name of its own.
    """
    partial = path.with_name(f".partial-{platform.node()}-{os.getpid()}-{path.name}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
