"""Following a completion from Qt's event loop."""

from __future__ import annotations

import logging
from collections.abc import Callable

import qt

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.scene_completion import SceneCompletion

_INTERVAL_MS = 100


class CompletionRun:
    """Polls a completion with a timer on the main thread.

    Args:
        progress: called with a fraction, 0 to 1, and what is being done, whenever either changes.
        finished: called once with the completion, whether it has a result or an error.
    """

    def __init__(
        self,
        completion: SceneCompletion,
        progress: Callable[[float, str], None] | None,
        finished: Callable[[SceneCompletion], None] | None,
    ) -> None:
        self.completion = completion
        self._progress, self._finished = progress, finished
        self._ended = False
        self._told: tuple[float, str] | None = None
        self._timer = qt.QTimer()
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.connect("timeout()", self.step)
        self._timer.start()

    def step(self) -> bool:
        """Poll once; True when the completion has finished."""
        if self._ended:
            return True
        try:
            ended = self.completion.poll()
        except Exception as error:
            # Whatever it is, it must not come again with every tick of the timer.
            if not isinstance(error, CompletionError):
                logging.exception("A completion failed.")
            self.completion.error, ended = str(error) or type(error).__name__, True
        news = (self.completion.fraction, self.completion.text)
        if self._progress is not None and news != self._told:
            self._told = news
            self._progress(*news)
        if ended:
            self._end()
        return ended

    def cancel(self) -> None:
        """Stop at once; ``finished`` is called with the reason."""
        self.completion.cancel()
        self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._timer.stop()
        if self._finished is not None:
            self._finished(self.completion)
