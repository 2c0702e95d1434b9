"""The engine in its own process: what goes over comes back, and what is stopped is gone."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import slicer

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model, save_model
from CardiacCompletionLib.mrml.casting import cast, players
from CardiacCompletionLib.mrml.engine_process import EngineJob, EngineProcess
from CardiacCompletionLib.mrml.exchange import Request
from CardiacCompletionLib.mrml.segmentation_reading import read_heart
from CardiacCompletionLib.resources import resource_path
from Training.baselines.stiff_mean_heart import blank_network

_TRUSTED = ("left_ventricle", "myocardium", "right_ventricle")


@pytest.fixture
def engine() -> Iterator[EngineProcess]:
    engine = EngineProcess()
    yield engine
    engine.stop()


@pytest.fixture
def heart(scene) -> Heart:
    node = slicer.util.loadSegmentation(str(resource_path("SampleData", "PartialHeart.seg.nrrd")), {})
    vocabulary = load_vocabulary()
    return read_heart(node, players(cast(node, _TRUSTED, vocabulary), _TRUSTED, vocabulary)).heart


def _wait(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this takes too long"
        time.sleep(0.02)


def _finish(job: EngineJob) -> EngineJob:
    _wait(job.poll)
    return job


def test_a_heart_goes_over_and_comes_back_whole(engine, heart):
    job = engine.submit(heart, Request(_TRUSTED, spacing=4.0, device="cpu"))
    assert not job.finished
    _finish(job)
    assert job.error is None
    assert job.fraction == 1.0
    assert "left_atrium" in job.result.inferred
    assert not list(Path(slicer.app.temporaryPath).glob("job-*"))


def test_a_second_heart_finds_the_engine_warm(engine, heart):
    said: list[set[str]] = []
    for _ in range(2):
        job, texts = engine.submit(heart, Request(_TRUSTED, spacing=4.0, device="cpu")), set()
        while not job.poll():
            texts.add(job.text)
            time.sleep(0.005)
        said.append(texts)
    assert "Loading the weights" in said[0]
    assert "Loading the weights" not in said[1]
    assert any(text.startswith("Inferring") for text in said[1])


def test_a_refusal_comes_as_the_engine_s_sentence(engine, heart):
    job = _finish(engine.submit(heart, Request(("aorta",), spacing=4.0)))
    assert job.error == "Aorta is empty in this heart: do not trust it."
    job = _finish(engine.submit(heart, Request(_TRUSTED, weights="/nowhere/w.safetensors")))
    assert job.error.startswith("The model card /nowhere/w.json is missing or damaged")
    assert engine.running


def test_lack_of_memory_comes_as_a_sentence_and_the_log_says_where(engine, heart, tmp_path: Path, caplog):
    weights = shutil.copy(resource_path("Weights", "cardiac10.safetensors"), tmp_path)
    card = json.loads(resource_path("Weights", "cardiac10.json").read_text(encoding="utf-8"))
    card["architecture"]["latents"] = 2**44
    (tmp_path / "cardiac10.json").write_text(json.dumps(card), encoding="utf-8")
    job = _finish(engine.submit(heart, Request(_TRUSTED, device="cpu", weights=str(weights))))
    assert job.error.startswith("There is not enough memory for this completion: choose a coarser spacing")
    assert engine.running
    with caplog.at_level("INFO"):
        engine.stop()
    assert "load_model" in caplog.text


def test_no_warning_names_what_the_user_left_out(engine, heart, tmp_path: Path):
    """Weights for which coronary arteries have no inside anywhere cannot infer them."""
    weights = tmp_path / "w.safetensors"
    model = load_model(None)
    network = blank_network(model)
    network.prior.field[network.config.structures.index("coronary_arteries")] = 9.0
    save_model(network, model.reference, {"recipe": model.card["recipe"]}, weights)
    request = Request(_TRUSTED, spacing=5.0, device="cpu", weights=str(weights))
    sentence = "Coronary arteries could not be inferred from these structures: trust more of them."
    assert sentence in _finish(engine.submit(heart, request)).result.warnings
    left_out = replace(request, left_out=("coronary_arteries",))
    assert not any("Coronary" in text for text in _finish(engine.submit(heart, left_out)).result.warnings)


def test_an_abandoned_request_does_not_hold_up_the_next(engine, heart):
    slow = engine.submit(heart, Request(_TRUSTED, spacing=0.5, device="cpu"))
    _wait(lambda: slow.poll() or slow.fraction > 0.1)
    slow.forget()
    job = _finish(engine.submit(heart, Request(_TRUSTED, spacing=4.0, device="cpu")))
    assert job.error is None
    assert not slow.finished


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that a process dies of with a traceback")
def test_when_the_engine_crashes_slicer_s_log_says_where_at_once(engine, heart, caplog):
    job = engine.submit(heart, Request(_TRUSTED, spacing=0.5, device="cpu"))
    _wait(lambda: job.poll() or job.fraction > 0.1)
    with caplog.at_level("INFO"):
        engine._process.send_signal(signal.SIGABRT)
        _finish(job)
        assert job.error.startswith("The completion stopped unexpectedly")
        assert job.error.endswith("see the log of Slicer.")
    assert f"ended by itself with status {-signal.SIGABRT}" in caplog.text
    assert "Fatal Python error: Aborted" in caplog.text
    assert "engine_worker.py" in caplog.text
    assert _finish(engine.submit(heart, Request(_TRUSTED, spacing=5.0, device="cpu"))).error is None


def _launcher(folder: Path, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be the PythonSlicer that starts the engine."""
    path = folder / "PythonSlicer"
    path.write_text(content, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the launcher is a shell script")
@pytest.mark.parametrize("started", [False, True])
def test_without_a_place_to_write_the_user_is_told_where(engine, heart, tmp_path: Path, monkeypatch, started: bool):
    if started:
        _finish(engine.submit(heart, Request(_TRUSTED, spacing=8.0, device="cpu")))
    (tmp_path / "file").touch()
    monkeypatch.setattr(type(slicer.app), "temporaryPath", str(tmp_path / "file"))
    with pytest.raises(CompletionError, match=r"cannot write to its folder .*file\): free some disk space"):
        engine.submit(heart, Request(_TRUSTED))


def test_a_disk_that_is_full_is_told_of_and_nothing_half_written_stays(engine, heart):
    """Files may not grow as large as a heart here: the kernel refuses as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(CompletionError, match="free some disk space"):
            engine.submit(heart, Request(_TRUSTED))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(Path(slicer.app.temporaryPath).glob("job-*"))


def test_why_the_engine_takes_no_request_is_in_the_log(engine, heart, tmp_path: Path, monkeypatch, caplog):
    go, closed = tmp_path / "go", tmp_path / "closed"
    waiting = f'while [ ! -e "{go}" ]; do sleep 0.05; done\n'
    _launcher(
        tmp_path, f'#!/bin/sh\n{waiting}echo Quarantined >&2\nexec 0<&-\ntouch "{closed}"\nsleep 10\n', monkeypatch
    )
    first = engine.submit(heart, Request(("aorta",)))
    go.touch()
    _wait(closed.exists)
    with caplog.at_level("INFO"), pytest.raises(CompletionError, match="does not start: see the log of Slicer"):
        engine.submit(heart, Request(("aorta",)))
    assert "takes no request" in caplog.text
    assert "Quarantined" in caplog.text
    first.forget()
    assert not list(Path(slicer.app.temporaryPath).glob("job-*"))


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the launcher is no program of Windows")
def test_why_the_engine_cannot_be_started_is_in_the_log(engine, heart, tmp_path: Path, monkeypatch, caplog):
    _launcher(tmp_path, "no program", monkeypatch)
    with pytest.raises(CompletionError, match="does not start: see the log of Slicer"):
        engine.submit(heart, Request(("aorta",)))
    assert "PythonSlicer cannot be started" in caplog.text


def test_a_log_that_cannot_be_read_is_said_in_the_log(engine, heart, caplog):
    _finish(engine.submit(heart, Request(("aorta",), device="cpu")))
    for path in Path(slicer.app.temporaryPath).glob("engine-*.log"):
        path.unlink()
        path.mkdir()
    with caplog.at_level("INFO"):
        engine.stop()
    for path in Path(slicer.app.temporaryPath).glob("engine-*.log"):
        path.rmdir()
    assert "What it said cannot be read" in caplog.text


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the launcher is a shell script")
def test_stopping_ends_the_process_behind_a_launcher(engine, heart, tmp_path: Path, monkeypatch):
    """PythonSlicer starts Python as its child: killing the launcher alone would leave the work running."""
    note = tmp_path / "pid"
    script = f'#!/bin/sh\nexec 3<&0\n"{sys.executable}" "$@" <&3 3<&- &\necho $! > "{note}"\nwait\n'
    _launcher(tmp_path, script, monkeypatch)
    job = engine.submit(heart, Request(_TRUSTED, spacing=0.5, device="cpu"))
    _wait(lambda: job.poll() or job.fraction > 0.1)
    assert job.error is None
    worker = int(note.read_text(encoding="utf-8"))
    assert _is_alive(worker)
    engine.stop()
    _wait(lambda: not _is_alive(worker), 5.0)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc").is_dir()
    return state != "Z"
