"""What was found out about a structure is kept while its voxels stay the same, and changes no result."""

from __future__ import annotations

import numpy as np
import pytest

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.seen import LastSeen
from CardiacCompletionLib.geometry.region import Region

FEW = ("myocardium", "left_ventricle")


@pytest.fixture
def own(sample: Heart) -> Heart:
    """The sample heart with voxels of its own, to be edited."""
    regions = {key: Region(region.mask.copy(), region.start) for key, region in sample.regions.items()}
    return Heart(regions, sample.shape, sample.ijk_to_ras)


def test_another_choice_of_trust_asks_no_surface_again(own: Heart) -> None:
    last = LastSeen()
    before = last.look_at(own.keep(FEW))
    surface = before["left_ventricle"].surface
    again = last.look_at(own.keep(("left_ventricle", "aorta")))
    assert again["left_ventricle"].surface is surface
    assert last.look_at(own.keep(FEW))["myocardium"] is before["myocardium"]


def test_distances_are_measured_once_for_each_step(own: Heart) -> None:
    ventricle = LastSeen().look_at(own.keep(FEW))["left_ventricle"]
    fine = ventricle.distances_around(4.0)
    assert ventricle.distances_around(4.0) is fine
    assert ventricle.distances_around(8.0).values.size < fine.values.size


def test_an_edited_or_resized_structure_is_seen_anew(own: Heart) -> None:
    last = LastSeen()
    before = last.look_at(own.keep(FEW))
    assert before["left_ventricle"].moments.centroid.shape == (3,)
    middle = np.array(own.regions["left_ventricle"].mask.shape) // 2
    own.regions["left_ventricle"].mask[tuple(middle)] ^= True
    edited = last.look_at(own.keep(FEW))
    assert edited["left_ventricle"] is not before["left_ventricle"]
    assert edited["myocardium"] is before["myocardium"]
    larger = Heart(own.regions, own.shape, own.ijk_to_ras @ np.diag([1.1, 1.0, 1.0, 1.0]))
    assert last.look_at(larger.keep(FEW))["myocardium"] is not before["myocardium"]


def test_what_was_seen_before_changes_nothing(completer: HeartCompleter, own: Heart) -> None:
    completer.complete(own, FEW, spacing=4.0)
    own.regions["left_ventricle"].mask[:4] = False
    for trusted in (FEW, (*FEW, "right_ventricle")):
        again = completer.complete(own, trusted, spacing=4.0)
        fresh = HeartCompleter(completer._model, "cpu").complete(own, trusted, spacing=4.0)
        assert np.array_equal(again.labels.voxels, fresh.labels.voxels)
        assert again.report()["structures"] == fresh.report()["structures"]
