"""The engine in its own process: what goes over comes back, and what is stopped is gone."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import slicer

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.model.weights import load_model, save_model
from CardiacCompletionLib.mrml.casting import cast, players
from CardiacCompletionLib.mrml.engine_process import EngineJob, EngineProcess
from CardiacCompletionLib.mrml.exchange import (
    Request,
    append_message,
    read_messages,
    read_request,
    read_result,
    write_request,
    write_result,
)
from CardiacCompletionLib.mrml.segmentation_reading import read_heart
from CardiacCompletionLib.resources import resource_path
from Training.baselines.stiff_mean_heart import blank_network

_SHEARED = np.array([[1.0, 0.3, 0.0, -7.5], [0.1, 0.9, 0.0, 2.0], [0.0, -0.2, 2.0, 1 / 3], [0, 0, 0, 1.0]])
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


def _small_heart() -> Heart:
    mask = np.random.default_rng(1).random((4, 5, 6)) > 0.4
    return Heart({"aorta": Region(mask, (1, 2, 3)), "left_atrium": Region(~mask, (0, 0, 0))}, (9, 9, 9), _SHEARED)


def _assert_same(one: Heart, other: Heart) -> None:
    assert one.shape == other.shape
    assert one.regions.keys() == other.regions.keys()
    np.testing.assert_array_equal(one.ijk_to_ras, other.ijk_to_ras)
    for key, region in one.regions.items():
        assert region.start == other.regions[key].start
        np.testing.assert_array_equal(region.mask, other.regions[key].mask)


def test_a_request_arrives_as_it_was_sent_even_sheared(tmp_path: Path):
    request = Request(
        ("aorta",), spacing=0.7, device="cpu", weights="/a path/w.safetensors", samples=3, left_out=("aorta",)
    )
    write_request(tmp_path, _small_heart(), request)
    heart, received = read_request(tmp_path)
    assert received == request
    _assert_same(heart, _small_heart())


def test_a_result_arrives_as_it_was_sent(tmp_path: Path):
    part = Region(np.ones((2, 3, 4), dtype=bool), (1, 0, 0))
    sent = CompletionResult(
        _small_heart(),
        ("aorta",),
        ("left_atrium",),
        ("Mind the gap.",),
        {"fields": 1.5},
        cut=("aorta",),
        continued={"aorta": part},
        unlikeness=0.7,
    )
    write_result(tmp_path, sent)
    received = read_result(tmp_path)
    _assert_same(received.heart, sent.heart)
    assert (received.trusted, received.inferred, received.warnings) == (sent.trusted, sent.inferred, sent.warnings)
    assert received.timings == sent.timings
    assert (received.cut, received.unlikeness) == (sent.cut, sent.unlikeness)
    assert received.continued["aorta"].start == part.start
    np.testing.assert_array_equal(received.continued["aorta"].mask, part.mask)


def test_samples_arrive_as_they_were_drawn(tmp_path: Path):
    heart = _small_heart()
    lattice = Lattice(np.array([1.0, 2.0, 1 / 3]), _SHEARED[:3, :3][:, ::-1], heart.shape)
    confidence, reach = {"aorta": 0.9, "left_atrium": 0.1}, {"left_atrium": (-0.5, 2.5)}
    kept = {"left_ventricle": heart.regions["aorta"].shifted((1, 0, 0))}
    drawn = Samples(lattice, (heart.regions, {"aorta": heart.regions["aorta"]}), confidence, reach, kept)
    write_result(tmp_path, CompletionResult(heart, (), ("aorta", "left_atrium"), (), {}, samples=drawn))
    samples = read_result(tmp_path).samples
    assert samples.count == 2
    assert samples.confidence == drawn.confidence
    _assert_same(samples.heart(0), drawn.heart(0))
    np.testing.assert_array_equal(samples.kept["left_ventricle"].mask, kept["left_ventricle"].mask)
    assert samples.hearts[1].keys() == {"aorta"}
    assert samples.share("left_atrium").max() == 0.5
    np.testing.assert_array_equal(samples.probability["left_atrium"], drawn.probability["left_atrium"])
    for key in confidence:
        assert samples.interval_ml(key) == drawn.interval_ml(key)


def test_a_contact_that_is_missing_arrives_as_a_warning(tmp_path: Path):
    ball = Region(np.ones((2, 2, 2), dtype=bool), (0, 0, 0))
    apart = {"right_atrium": ball, "right_ventricle": ball.shifted((5, 0, 0))}
    sent = CompletionResult(Heart(apart, (9, 9, 9), _SHEARED), ("right_ventricle",), ("right_atrium",), ("Mind.",), {})
    write_result(tmp_path, sent)
    said = read_result(tmp_path).warnings
    assert said[0] == "Mind."
    assert said[1].startswith("Right atrium and Right ventricle should touch and do not")
    write_result(tmp_path, sent, left_out=["right_atrium"])
    assert read_result(tmp_path).warnings == ("Mind.",)
    met = replace(sent, heart=Heart({**apart, "right_atrium": ball.shifted((3, 0, 0))}, (9, 9, 9), _SHEARED))
    assert met.concerns() == ("Mind.",)
    # What the user has drawn apart is not for the completion to blame.
    assert replace(sent, trusted=tuple(apart), inferred=()).concerns() == ("Mind.",)


def test_half_a_message_waits_for_its_other_half(tmp_path: Path):
    append_message(tmp_path, progress=0.5, text="Größe")
    path = next(tmp_path.iterdir())
    with path.open("ab") as file:
        file.write(b'{"done": tr')
    messages, position = read_messages(tmp_path, 0)
    assert messages == [{"progress": 0.5, "text": "Größe"}]
    assert read_messages(tmp_path, position) == ([], position)
    with path.open("ab") as file:
        file.write(b"ue}\n")
    assert read_messages(tmp_path, position)[0] == [{"done": True}]


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


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for the launcher is a shell script")
def test_stopping_ends_the_process_behind_a_launcher(engine, heart, tmp_path: Path, monkeypatch):
    """PythonSlicer starts Python as its child: killing the launcher alone would leave the work running."""
    launcher, note = tmp_path / "PythonSlicer", tmp_path / "pid"
    script = f'#!/bin/sh\nexec 3<&0\n"{sys.executable}" "$@" <&3 3<&- &\necho $! > "{note}"\nwait\n'
    launcher.write_text(script, encoding="utf-8")
    launcher.chmod(launcher.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
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
