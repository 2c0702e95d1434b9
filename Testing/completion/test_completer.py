"""The promise of a completion, with the shipped weights on the sample heart."""

from __future__ import annotations

import contextlib
import gc
import time

import numpy as np
import pytest

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.evidence import Evidence
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.workspace import Workspace
from CardiacCompletionLib.errors import CompletionCancelled, CompletionError
from CardiacCompletionLib.geometry.region import Region
from Training.evaluation.metrics import dice, on_grid_of

VOCABULARY = load_vocabulary()
TRUSTED = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium")


@pytest.fixture(scope="module")
def result(completer: HeartCompleter, sample: Heart) -> CompletionResult:
    return completer.complete(sample, TRUSTED, spacing=2.0)


def test_every_structure_comes_out_or_is_said_to_be_missing(result: CompletionResult) -> None:
    assert result.trusted == TRUSTED
    assert set(result.heart.regions) == set(TRUSTED) | set(result.inferred)
    missing = set(VOCABULARY.keys[:10]) - set(result.heart.regions)
    assert missing <= {"coronary_arteries"}
    assert len(result.warnings) == len(missing)
    assert all(VOCABULARY[key].name in " ".join(result.warnings) for key in missing)


def test_trusted_voxels_come_out_bit_for_bit(result: CompletionResult, sample: Heart) -> None:
    truth = on_grid_of(sample, result.heart)
    for key in TRUSTED:
        assert result.heart.regions[key].start == truth.regions[key].start
        assert np.array_equal(result.heart.regions[key].mask, truth.regions[key].mask)


def test_nothing_overlaps(result: CompletionResult) -> None:
    count = np.zeros(result.heart.shape, dtype=np.uint8)
    for region in result.heart.regions.values():
        count[region.box] += region.mask
    assert count.max() == 1


def test_hidden_structures_are_found_again(result: CompletionResult, sample: Heart) -> None:
    truth = on_grid_of(sample, result.heart)
    scores = {key: dice(result.heart.regions[key], truth.regions[key]) for key in result.inferred}
    assert scores["right_atrium"] > 0.7
    assert scores["pulmonary_artery"] > 0.5
    assert scores["aorta"] > 0.15
    assert scores["left_atrial_appendage"] > 0.1
    assert scores["pulmonary_veins"] > 0.1


def test_no_hidden_structure_helps(completer: HeartCompleter, sample: Heart, result: CompletionResult) -> None:
    """The answer is the same whether the hidden structures are in the input, missing, or nonsense."""
    poisoned = {key: sample.regions[key] for key in TRUSTED}
    poisoned["aorta"] = Region(np.ones((5, 5, 5), dtype=bool), (0, 0, 0))
    other = completer.complete(Heart(poisoned, sample.shape, sample.ijk_to_ras), TRUSTED, spacing=2.0)
    assert np.array_equal(other.labels.voxels, result.labels.voxels)


def test_everything_trusted_is_an_unchanged_heart(completer: HeartCompleter, sample: Heart) -> None:
    result = completer.complete(sample, list(sample.regions))
    assert not result.inferred
    assert np.array_equal(result.labels.voxels, sample.to_label_map(VOCABULARY).voxels)


def test_progress_runs_from_start_to_end(completer: HeartCompleter, sample: Heart) -> None:
    told: list[float] = []
    completer.complete(sample, TRUSTED, spacing=4.0, progress=lambda fraction, _text: told.append(fraction))
    assert told == sorted(told)
    assert 0 <= told[0] < 0.1
    assert told[-1] == 1.0


def test_a_cancelled_completion_stops(completer: HeartCompleter, sample: Heart) -> None:
    asked = iter([False] * 5)
    with pytest.raises(CompletionCancelled, match="nothing was changed"):
        completer.complete(sample, TRUSTED, cancel=lambda: next(asked, True))


def test_whoever_waits_is_asked_often_whether_to_go_on(completer: HeartCompleter, sample: Heart) -> None:
    """The longest time between two questions is a small part of the whole, whatever computer it runs on."""
    asked = [time.perf_counter()]

    def cancel() -> bool:
        asked.append(time.perf_counter())
        return False

    trusted = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium", "right_atrium", "aorta")
    completer.complete(sample, trusted, spacing=1.0, cancel=cancel, cut={"aorta": True})
    asked.append(time.perf_counter())
    assert len(asked) > 60
    assert np.diff(asked).max() < 0.2 * (asked[-1] - asked[0])


@pytest.mark.parametrize("questions", [3, 20, 45])
def test_a_cancelled_completion_leaves_nothing_in_memory(
    completer: HeartCompleter, sample: Heart, questions: int
) -> None:
    asked = iter([False] * questions)
    with contextlib.suppress(CompletionCancelled):
        completer.complete(sample, TRUSTED, spacing=2.0, cancel=lambda: next(asked, True))
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) in (SampledField, Workspace, Evidence)]


@pytest.mark.parametrize(
    ("trusted", "spacing", "sentence"),
    [
        ((), 1.0, "No structure is trusted"),
        (("spleen",), 1.0, "no structure named 'spleen'"),
        (("superior_vena_cava",), 1.0, "Superior vena cava is empty in this heart"),
        (("left_ventricle",), 0.0, "spacing of 0 mm"),
        (("left_ventricle",), float("nan"), "spacing of nan mm"),
    ],
)
def test_requests_that_make_no_sense(
    completer: HeartCompleter, sample: Heart, trusted: tuple, spacing: float, sentence: str
) -> None:
    with pytest.raises(CompletionError, match=sentence):
        completer.complete(sample, trusted, spacing)
