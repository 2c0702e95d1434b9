"""The one data file that defines the structures."""

from __future__ import annotations

import colorsys
from itertools import combinations

import numpy as np
import pytest

from CardiacCompletionLib.anatomy.identification import normalised
from CardiacCompletionLib.anatomy.terminology import entry_of, structure_of
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError

VOCABULARY = load_vocabulary()


def test_the_ten_structures_and_the_five_of_phase_three_have_their_labels() -> None:
    assert [(s.label, s.key) for s in VOCABULARY][:10] == [
        (1, "myocardium"),
        (2, "left_atrium"),
        (3, "left_ventricle"),
        (4, "right_atrium"),
        (5, "right_ventricle"),
        (6, "aorta"),
        (7, "pulmonary_artery"),
        (8, "left_atrial_appendage"),
        (9, "coronary_arteries"),
        (10, "pulmonary_veins"),
    ]
    assert [s.label for s in VOCABULARY] == list(range(1, 16))


def test_no_name_or_alias_means_two_structures() -> None:
    meanings: dict[str, str] = {}
    for structure in VOCABULARY:
        for name in {normalised(n) for n in (structure.key, structure.name, *structure.aliases)}:
            assert meanings.setdefault(name, structure.key) == structure.key


def test_every_terminology_code_leads_back_to_its_structure() -> None:
    for structure in VOCABULARY:
        assert structure_of(entry_of(structure), VOCABULARY) is structure


def test_both_encodings_of_the_left_atrial_appendage_are_understood() -> None:
    own_code = "any context~SCT^123037004^x~SCT^33626005^Left auricular appendage~^^~~^^~^^"
    with_side = "Total~SCT^123037004^x~SCT^68786006^Auricular appendage~SCT^7771000^Left~~^^~^^"
    right_side = "Total~SCT^123037004^x~SCT^68786006^Auricular appendage~SCT^24028007^Right~~^^~^^"
    assert structure_of(own_code, VOCABULARY).key == "left_atrial_appendage"
    assert structure_of(with_side, VOCABULARY).key == "left_atrial_appendage"
    assert structure_of(right_side, VOCABULARY) is None


def test_structures_touch_only_structures_that_exist() -> None:
    for structure in VOCABULARY:
        assert set(structure.touches) <= set(VOCABULARY.keys) - {structure.key}


def test_colours_tell_the_structures_apart() -> None:
    for a, b in combinations(VOCABULARY.structures[:10], 2):
        assert np.linalg.norm(np.subtract(a.color, b.color)) > 40, (a.key, b.key)
    chambers = [VOCABULARY[key] for key in ("left_atrium", "left_ventricle", "right_atrium", "right_ventricle")]
    hues = [colorsys.rgb_to_hsv(*(c / 255 for c in s.color))[0] for s in chambers]
    assert min(abs(a - b) for a, b in combinations(hues, 2)) > 0.04


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("mmwhs", 205, "myocardium"),
        ("mmwhs", 420, "left_atrium"),
        ("mmwhs", 850, "pulmonary_artery"),
        ("cardiac10", 8, "left_atrial_appendage"),
        ("totalsegmentator", 3, "left_ventricle"),
        ("totalsegmentator_total", 61, "left_atrial_appendage"),
    ],
)
def test_conventions_of_public_data_sets(name: str, value: int, key: str) -> None:
    assert VOCABULARY.convention(name)[value] == key


def test_unknown_names_are_answered_with_the_known_ones() -> None:
    with pytest.raises(CompletionError, match=r"no structure named 'spleen'.*left_atrium"):
        VOCABULARY["spleen"]
    with pytest.raises(CompletionError, match=r"no label convention named 'acdc'.*mmwhs"):
        VOCABULARY.convention("acdc")
