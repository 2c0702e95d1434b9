"""Hearts, results and messages in a folder: what goes in comes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.mrml.exchange import (
    Request,
    append_message,
    read_messages,
    read_request,
    read_result,
    write_request,
    write_result,
)

_SHEARED = np.array([[1.0, 0.3, 0.0, -7.5], [0.1, 0.9, 0.0, 2.0], [0.0, -0.2, 2.0, 1 / 3], [0, 0, 0, 1.0]])


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
