"""Hearts that cannot be right: a plain sentence, a refusal unless forced, and never a traceback."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.model.weights import TrainedModel
from Training.cohort.heart import heart as virtual_heart

VOCABULARY = load_vocabulary()
TEN = {value: key for value, key in VOCABULARY.convention("cardiac10").items() if value <= 10}
CHAMBERS = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium", "right_atrium")


def renamed(heart: Heart, names: dict[str, str]) -> Heart:
    regions = {names.get(key, key): region for key, region in heart.regions.items()}
    return Heart(regions, heart.shape, heart.ijk_to_ras)


@pytest.mark.parametrize(
    ("swapped", "sentence"),
    [
        (("left_ventricle", "right_ventricle"), "Left ventricle and Right ventricle look swapped"),
        (("left_atrium", "right_atrium"), "Left atrium and Right atrium look swapped"),
    ],
)
def test_swapped_sides_are_refused_unless_forced(
    completer: HeartCompleter, sample: Heart, swapped: tuple[str, str], sentence: str
) -> None:
    wrong = renamed(sample, dict(zip(swapped, swapped[::-1], strict=True)))
    with pytest.raises(CompletionError, match=sentence):
        completer.complete(wrong, CHAMBERS)
    forced = completer.complete(wrong, CHAMBERS, spacing=5.0, force=True)
    assert any(sentence in warning for warning in forced.warnings)


def test_the_same_voxels_under_two_names_are_refused_unless_forced(completer: HeartCompleter, sample: Heart) -> None:
    twice = Heart({**sample.regions, "left_atrium": sample.regions["left_ventricle"]}, sample.shape, sample.ijk_to_ras)
    trusted = ("left_ventricle", "left_atrium", "right_ventricle")
    with pytest.raises(CompletionError, match=r"Left ventricle and Left atrium are the same voxels \(100%\)"):
        completer.complete(twice, trusted)
    forced = completer.complete(twice, trusted, spacing=5.0, force=True)
    assert any("same voxels" in warning for warning in forced.warnings)


def test_a_muscle_that_holds_its_blood_is_completed_with_a_warning(completer: HeartCompleter, sample: Heart) -> None:
    wall = sample.regions["myocardium"].joined(sample.regions["left_ventricle"])
    filled = Heart({**sample.regions, "myocardium": wall}, sample.shape, sample.ijk_to_ras)
    result = completer.complete(filled, CHAMBERS, spacing=5.0)
    assert any("the muscle should not hold its blood" in warning for warning in result.warnings)


def test_a_heart_unlike_any_other_is_completed_with_a_warning(completer: HeartCompleter, sample: Heart) -> None:
    stretch = np.diag([1.7, 0.75, 0.8, 1.0])
    strange = Heart(sample.regions, sample.shape, stretch @ sample.ijk_to_ras)
    result = completer.complete(strange, CHAMBERS, spacing=5.0)
    assert result.unlikeness > 1
    assert any("unlike those the model knows" in warning for warning in result.warnings)


@pytest.mark.parametrize(
    "change",
    [np.eye(3) * 1.7, np.eye(3) * 0.6, np.diag([1.0, 1.0, 0.65]), np.diag([1.45, 1.0, 1.0])],
    ids=["large", "small", "flat", "broad"],
)
def test_a_heart_of_unusual_size_or_proportions_is_told_of(
    completer: HeartCompleter, sample: Heart, change: np.ndarray
) -> None:
    grid = sample.ijk_to_ras.copy()
    grid[:3] = change @ grid[:3]
    result = completer.complete(Heart(sample.regions, sample.shape, grid), CHAMBERS, spacing=8.0)
    assert any("unlike those the model knows" in warning for warning in result.warnings)


def test_held_out_hearts_give_no_warning(completer: HeartCompleter) -> None:
    alarms = 0
    for seed in range(97_000_000, 97_000_006):
        heart = Heart.from_label_map(virtual_heart(seed, spacing=3.0).label_map, TEN)
        for trusted in (("left_ventricle",), ("myocardium", "left_ventricle"), CHAMBERS):
            result = completer.complete(heart, trusted, spacing=8.0)
            alarms += any("unlike" in warning for warning in result.warnings)
    assert alarms == 0


def test_a_hopeless_scale_cannot_be_forced(completer: HeartCompleter, sample: Heart) -> None:
    tiny = Heart(sample.regions, sample.shape, np.diag([0.001, 0.001, 0.001, 1.0]) @ sample.ijk_to_ras)
    with pytest.raises(CompletionError, match="metres"):
        completer.complete(tiny, CHAMBERS, force=True)


def test_voxels_too_fine_for_a_whole_heart_are_refused_before_memory_runs_out(
    completer: HeartCompleter, sample: Heart
) -> None:
    region = sample.regions["left_atrial_appendage"]
    mask = region.mask.repeat(5, 0).repeat(5, 1).repeat(5, 2)
    heart = Heart({"left_atrial_appendage": Region(mask, (0, 0, 0))}, mask.shape, np.diag([0.2, 0.2, 0.2, 1.0]))
    with pytest.raises(CompletionError, match=r"too fine for a whole heart \(0\.2 mm\): resample"):
        completer.complete(heart, ["left_atrial_appendage"], spacing=8.0, cut={"left_atrial_appendage": False})


@pytest.fixture(scope="module")
def small_completer(completer: HeartCompleter) -> HeartCompleter:
    """The shipped mean heart with next to no network: as right or wrong as any, and quick."""
    from CardiacCompletionLib.model.config import HeartModelConfig
    from CardiacCompletionLib.model.heart import HeartAutoEncoder

    config = completer._model.network.config
    size = {"dim": 64, "depth": 1, "latents": 2, "latent_dim": 4, "points": 16}
    network = HeartAutoEncoder(HeartModelConfig.from_json({**config.to_json(), **size}))
    network.prior.load_state_dict(completer._model.network.prior.state_dict())
    return HeartCompleter(TrainedModel(network.eval(), completer._model.reference, {}), "cpu")


@st.composite
def label_soups(draw: st.DrawFn) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Voxels of any type with any labels in lumps, slabs or dust, and a spacing."""
    longest = draw(st.sampled_from([0, 1, 2, None, None]))
    shape = [draw(st.integers(1, 300 if axis == longest else 44)) for axis in range(3)]
    kinds = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.uint64, np.int64, np.float32, np.float64]
    dtype = np.dtype(draw(st.sampled_from(kinds)))
    labels = draw(st.lists(st.integers(0, 12) | st.integers(-130, 70000), min_size=1, max_size=8))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    coarse = draw(st.integers(1, 12))
    lumps = generator.integers(0, len(labels), [-(-n // coarse) for n in shape])
    for axis in range(3):
        lumps = lumps.repeat(coarse, axis)
    lumps = lumps[tuple(slice(n) for n in shape)]
    values = np.array(labels).astype(dtype)
    if dtype.kind == "f" and draw(st.booleans()):
        values[0] = draw(st.sampled_from([np.nan, np.inf, 0.5]))
    return values[lumps], tuple(draw(st.floats(0.1, 20.0)) for _ in range(3))


@pytest.mark.timeout(1200)
@settings(
    max_examples=500,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(soup=label_soups(), force=st.booleans(), data=st.data())
def test_any_label_map_gives_a_heart_or_a_sentence(
    small_completer: HeartCompleter, tmp_path: Path, soup: tuple, force: bool, data: st.DataObject
) -> None:
    voxels, spacing = soup
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    path = tmp_path / "soup.mha"
    sitk.WriteImage(image, str(path))
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            heart = read_segmentation(path).whole_heart(
                VOCABULARY, data.draw(st.sampled_from(["cardiac10", "cardiac10", None]))
            )
            known = [key for key in heart.regions if key in TEN.values()]
            trusted = data.draw(st.lists(st.sampled_from(known), min_size=1, unique=True)) if known else []
            result = small_completer.complete(heart, trusted, spacing=10.0, force=force)
        except CompletionError as error:
            sentence, result = str(error), None
    if result is None:
        assert sentence.endswith((".", ")"))
        return
    for key in result.trusted:
        assert np.count_nonzero(result.heart.regions[key].mask) == np.count_nonzero(heart.regions[key].mask)
