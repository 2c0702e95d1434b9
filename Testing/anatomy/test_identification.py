"""Which segment plays which structure: code, then name, then label value; doubt is refused with both names."""

from __future__ import annotations

import pytest

from CardiacCompletionLib.anatomy.identification import Segment, identify, segment_playing
from CardiacCompletionLib.anatomy.terminology import entry_of
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError

VOCABULARY = load_vocabulary()
TISSUE = "Segmentation category and type~SCT^85756007^Tissue~SCT^85756007^Tissue~^^~~^^~^^"


def key_of(segment: Segment, convention: str | None = None) -> str | None:
    return identify([segment], VOCABULARY, convention)[0].key


@pytest.mark.parametrize(
    "name", ["Left atrium", "left_atrium", "LA", "heart_atrium_left", "Left-Atrium", "  left   ATRIUM "]
)
def test_names_of_other_tools_are_understood(name: str) -> None:
    assert key_of(Segment("s", name=name)) == "left_atrium"


def test_a_code_goes_before_a_label_value() -> None:
    segment = Segment("s", name="Segment_3", terminology=entry_of(VOCABULARY["aorta"]), label=3)
    assert key_of(segment) == "aorta"


def test_slicers_default_terminology_says_nothing() -> None:
    assert key_of(Segment("s", name="Segment_2", terminology=TISSUE, label=2)) == "left_atrium"


def test_a_name_that_is_none_of_ours_is_not_read_by_its_label_value() -> None:
    assert key_of(Segment("s", name="Left lung", label=2)) is None


def test_code_and_name_that_disagree_are_refused_naming_both() -> None:
    liar = Segment("s", name="Right atrium", terminology=entry_of(VOCABULARY["left_atrium"]))
    found = identify([liar], VOCABULARY)
    assert found[0].ambiguous
    with pytest.raises(CompletionError, match=r"Left atrium.*Right atrium"):
        segment_playing("left_atrium", found, VOCABULARY)


def test_two_segments_for_one_structure_are_refused_naming_both() -> None:
    found = identify([Segment("a", name="Aorta"), Segment("b", name="Ascending aorta")], VOCABULARY)
    with pytest.raises(CompletionError, match='"Aorta" and "Ascending aorta"'):
        segment_playing("aorta", found, VOCABULARY)


def test_a_missing_structure_is_answered_with_those_that_are_there() -> None:
    found = identify([Segment("a", name="Aorta")], VOCABULARY)
    with pytest.raises(CompletionError, match="Left ventricle is not in this heart; it holds: Aorta"):
        segment_playing("left_ventricle", found, VOCABULARY)


def test_the_convention_is_found_from_the_label_values() -> None:
    mmwhs = [Segment(str(v), label=v) for v in (205, 420, 500, 550, 600, 820, 850)]
    assert [found.key for found in identify(mmwhs, VOCABULARY)][:2] == ["myocardium", "left_atrium"]
    ours = [Segment(str(v), label=v) for v in range(1, 11)]
    assert identify(ours, VOCABULARY)[9].key == "pulmonary_veins"


def test_label_values_of_no_convention_ask_for_one() -> None:
    with pytest.raises(CompletionError, match=r"99.*name the convention"):
        identify([Segment("1", label=1), Segment("99", label=99)], VOCABULARY)


def test_a_named_convention_leaves_other_values_out() -> None:
    found = identify([Segment("1", label=1), Segment("99", label=99)], VOCABULARY, "cardiac10")
    assert [one.key for one in found] == ["myocardium", None]
