"""The engine in a process of its own, which :class:`EngineProcess` starts.

Reads names of request folders from standard input, one a line, and answers each in its folder. A request whose folder
is removed is abandoned. The process ends when its input is closed, at once and whatever it is doing: so killing the
launcher that started it, or Slicer, ends it too.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from pathlib import Path

import numpy as np

from CardiacCompletionLib.completion.completer import HeartCompleter
from CardiacCompletionLib.errors import CompletionError, lack_of_memory_explained, lacks_memory
from CardiacCompletionLib.mrml.exchange import append_message, read_request, write_result

# Without work the process goes, and with it the memory it holds on a graphics card.
_IDLE_S = 300.0


def main() -> None:
    folders: queue.Queue[Path] = queue.Queue()
    threading.Thread(target=_listen, args=(folders,), daemon=True).start()
    engine = _Engine()
    while True:
        try:
            folder = folders.get(timeout=_IDLE_S)
        except queue.Empty:
            return
        try:
            with lack_of_memory_explained():
                engine.answer(folder)
        except CompletionError as error:
            if error.__cause__ is not None:
                traceback.print_exc()
            _answer_with(folder, str(error))
        except Exception as error:
            # A folder that is gone means that nobody waits for the answer any more.
            if folder.exists():
                traceback.print_exc()
                _answer_with(folder, f"The completion failed: {error or type(error).__name__}.")


def _answer_with(folder: Path, sentence: str) -> None:
    if folder.exists():
        append_message(folder, error=sentence)


def _listen(folders: queue.Queue[Path]) -> None:
    for line in sys.stdin:
        folders.put(Path(line.rstrip("\n")))
    os._exit(0)


class _Engine:
    """Keeps the last loaded weights, so that the next completion starts at once."""

    def __init__(self) -> None:
        self._loaded: tuple[str | None, str] | None = None
        self._completer: HeartCompleter | None = None

    def answer(self, folder: Path) -> None:
        heart, request = read_request(folder)
        append_message(folder, progress=0.0, text="Starting PyTorch")
        _check_torch(request.device)
        if self._loaded != (request.weights, request.device):
            append_message(folder, progress=0.01, text="Loading the weights")
            self._completer = HeartCompleter.load(request.weights, request.device)
            self._loaded = (request.weights, request.device)
        result = self._completer.complete(
            heart,
            request.trusted,
            request.spacing,
            progress=lambda fraction, text: append_message(folder, progress=fraction, text=text),
            cancel=lambda: not folder.exists(),
            cut=request.cut,
            force=request.force,
            samples=request.samples,
            left_out=request.left_out,
        )
        write_result(folder, result, request.left_out)
        append_message(folder, done=True)


def _check_torch(device: str) -> None:
    """One tensor operation where the work will be done: a build for another graphics card fails only here.

    And one array handed over: a PyTorch before 2.3 can be imported beside numpy 2, and knows no arrays then.

    Raises:
        CompletionError: if PyTorch is broken, or does not go with numpy.
    """
    try:
        import torch

        # One core stays with Slicer, so that it remains usable.
        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
        place = "cuda" if device in ("auto", "cuda") and torch.cuda.is_available() else "cpu"
        works = float(torch.ones(2, device=place).sum()) == 2.0
    except (ImportError, OSError, RuntimeError) as error:
        if lacks_memory(error):  # of a graphics card that others have filled
            raise
        raise CompletionError(
            f"PyTorch cannot be used ({error}): in the module PyTorch Util uninstall it, restart Slicer, then install "
            "it again with another computation backend."
        ) from error
    if not works:
        raise CompletionError("PyTorch computes wrongly on this computer: reinstall it in the module PyTorch Util.")
    try:
        torch.from_numpy(np.ones(2, dtype=np.float32))
    except (RuntimeError, TypeError) as error:
        raise CompletionError(
            f"PyTorch {torch.__version__} does not go with numpy {np.__version__}: in the module PyTorch Util "
            "uninstall it, restart Slicer, and complete the heart again to install PyTorch 2.3 or newer."
        ) from error
