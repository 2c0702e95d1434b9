"""Slicer's end of the engine's process: start it, ask it, follow it, kill it.

Why a process and not a thread: in Slicer a Python thread only runs while the main thread runs Python, so it would
crawl while the user does nothing; a process really is in the background, really can be cancelled in the middle of a
computation, and cannot take Slicer down when memory runs out. Messages come through a file that the main thread polls:
no reader thread, and no dependence on process signals, which other modules' processes can swallow.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import slicer

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.mrml.exchange import Request, read_messages, read_result, write_request

_LIBRARY = Path(__file__).resolve().parent.parent.parent
_WORKER = "CardiacCompletionLib.mrml.engine_worker"


class EngineJob:
    """One completion under way; nothing moves unless :meth:`poll` is called.

    Attributes:
        fraction: work done, 0 to 1.
        text: what is being done.
        result: the completion, once it is there.
        error: a sentence for the user, if it failed.
    """

    def __init__(self, process: subprocess.Popen, folder: Path, on_end: Callable[[subprocess.Popen], None]) -> None:
        """``on_end`` is called with the process if it ends before it has answered."""
        self._process, self._on_end = process, on_end
        self._folder = folder
        self._position = 0
        self.fraction = 0.0
        self.text = ""
        self.result: CompletionResult | None = None
        self.error: str | None = None

    @property
    def finished(self) -> bool:
        return self.result is not None or self.error is not None

    def poll(self) -> bool:
        """Take in what the engine has said since the last call; True once the job has finished."""
        if self.finished:
            return True
        ended = self._process.poll() is not None
        messages, self._position = read_messages(self._folder, self._position)
        for message in messages:
            self._take(message)
        if ended and not self.finished:
            self._on_end(self._process)
            self.error = (
                "The completion stopped unexpectedly, perhaps for lack of memory: try a larger spacing, or see the log "
                "of Slicer."
            )
        if self.finished:
            self.forget()
        return self.finished

    def forget(self) -> None:
        """Remove the job's files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _take(self, message: dict) -> None:
        if "error" in message:
            self.error = message["error"]
        elif "done" in message:
            self.result = read_result(self._folder)
        else:
            self.fraction, self.text = message["progress"], message["text"]


class EngineProcess:
    """The engine's process, started when it is first needed and kept for the next completion."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._log: Path | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def submit(self, heart: Heart, request: Request) -> EngineJob:
        """Hand over a heart; the answer comes through the job.

        Raises:
            CompletionError: if the process cannot be started, or nothing can be written.
        """
        if not self.running:
            self._start()
        folder = None
        try:
            folder = Path(tempfile.mkdtemp(prefix="job-", dir=slicer.app.temporaryPath))
            write_request(folder, heart, request)
        except OSError as error:
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            raise _nowhere_to_write() from error
        try:
            self._process.stdin.write(f"{folder}\n".encode())
            self._process.stdin.flush()
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            logging.error("The completion engine takes no request: %s", error)
            self.stop()
            raise CompletionError("The completion engine does not start: see the log of Slicer.") from error
        return EngineJob(self._process, folder, self._ended)

    def stop(self) -> None:
        """End the process now, whatever it is doing."""
        if self._process is None:
            return
        status = self._process.poll()
        # PythonSlicer is a launcher: its child notices by its closed input that it has to go.
        self._process.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()
        self._process = None
        if status:
            logging.error("The completion engine ended by itself with status %s.", status)
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace").strip()
        except OSError as error:
            text = f"What it said cannot be read: {error}"
        if text:
            logging.info("Completion engine:\n%s", text)
        # On Windows a launcher's child may hold the file a moment longer; Slicer clears the folder in the end.
        with contextlib.suppress(OSError):
            self._log.unlink(missing_ok=True)

    def _ended(self, process: subprocess.Popen) -> None:
        """Bring what a process said that ended by itself to Slicer's log now, where its user is sent to look."""
        if process is self._process:
            self.stop()

    def _start(self) -> None:
        self.stop()
        # With the fault handler a crash of the interpreter, too, leaves its traceback in the log.
        environment = {**slicer.util.startupEnvironment(), "PYTHONUTF8": "1", "PYTHONFAULTHANDLER": "1"}
        # Not by PYTHONPATH, which a launcher may set anew.
        code = f"import sys; sys.path.insert(0, {str(_LIBRARY)!r}); from {_WORKER} import main; main()"
        python = shutil.which("PythonSlicer") or sys.executable
        try:
            handle, log = tempfile.mkstemp(suffix=".log", prefix="engine-", dir=slicer.app.temporaryPath)
        except OSError as error:
            raise _nowhere_to_write() from error
        self._log = Path(log)
        try:
            self._process = subprocess.Popen(
                [python, "-c", code],
                stdin=subprocess.PIPE,
                stdout=handle,
                stderr=subprocess.STDOUT,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            logging.error("%s cannot be started: %s", python, error)
            raise CompletionError("The completion engine does not start: see the log of Slicer.") from error
        finally:
            os.close(handle)


def _nowhere_to_write() -> CompletionError:
    return CompletionError(
        f"Slicer cannot write to its folder for temporary files ({slicer.app.temporaryPath}): free some disk space, or "
        "choose another folder in the Application Settings."
    )
