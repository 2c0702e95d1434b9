"""How far the work is, how long its stages took, and whether anybody still wants it."""

from __future__ import annotations

import time
from collections.abc import Callable

from CardiacCompletionLib.errors import CompletionCancelled

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]


class Clock:
    """Times the stages, tells the caller how far the work is, and stops it when asked to."""

    def __init__(self, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        self._progress = progress
        self._cancel = cancel
        self._stage = ""
        self._since = time.perf_counter()
        self.timings: dict[str, float] = {}

    def stage(self, name: str, fraction: float, text: str) -> None:
        """Another stage begins; an empty name ends the last one."""
        now = time.perf_counter()
        if self._stage:
            self.timings[self._stage] = now - self._since
        self._stage, self._since = name, now
        self.tell(fraction, text)

    def tell(self, fraction: float, text: str) -> None:
        """Report the fraction of the work done, 0 to 1, and what is being done."""
        self.check()
        if self._progress is not None:
            self._progress(fraction, text)

    def check(self) -> None:
        """Raises CompletionCancelled if the work is no longer wanted."""
        if self._cancel is not None and self._cancel():
            raise CompletionCancelled
