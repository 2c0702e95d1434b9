"""What is odd about a prepared heart, in plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary, load_vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.evidence import measure, weigh
from CardiacCompletionLib.completion.plausibility import (
    doubts_about_fragments,
    doubts_about_places,
    doubts_about_size,
)
from CardiacCompletionLib.completion.topology import Topology
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.cut import border_cuts
from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import Moments, Reference, fit_frame
from Training.data.meaning import read_heart
from Training.data.samples import CaseSamples


@dataclass(frozen=True)
class Case:
    """A prepared case to look at.

    Attributes:
        source: its label map.
        samples: what was prepared from it, of the structures ``keys``.
        truncated: keys of those that its data set says it shows only in part.
        labels: label value -> key.
        reference: where and how large structures usually are.
        expectation: the same, and how they vary together.
    """

    source: Path
    samples: CaseSamples
    keys: tuple[str, ...]
    truncated: tuple[str, ...]
    labels: dict[int, str]
    reference: Reference
    expectation: Expectation


@dataclass(frozen=True)
class Findings:
    """What was found in one case.

    Attributes:
        faults: what is odd, a sentence each.
        missing: names of structures that its data set labels and it has not.
        volumes_ml: of every structure it has.
    """

    faults: tuple[str, ...]
    missing: tuple[str, ...]
    volumes_ml: dict[str, float]


def look_at(case: Case) -> Findings:
    """Read the label map of a case and say what is odd about it."""
    vocabulary = load_vocabulary()
    missing = tuple(
        vocabulary[key].name
        for key, known, present in zip(case.keys, case.samples.known, case.samples.present, strict=True)
        if known and not present
    )
    try:
        heart = read_heart(case.source, case.labels)
    except CompletionError as error:
        return Findings((f"Its label map is not to be had: {error}",), missing, {})
    moments = case.samples.moments(case.keys, case.samples.present)
    faults = (
        *misplaced(moments, case.reference, case.expectation, vocabulary),
        *small_ones(heart, moments, case.reference, vocabulary),
    )
    faults += islands(heart, vocabulary)
    faults += truncated(heart, case.truncated, case.reference, case.expectation, vocabulary)
    return Findings(faults, missing, {key: heart.volume_ml(key) for key in heart.regions})


def misplaced(
    moments: Mapping[str, Moments], reference: Reference, expectation: Expectation, vocabulary: Vocabulary
) -> list[str]:
    """Mirrored, turned, swapped, or in wrong units."""
    doubts = doubts_about_places(moments, reference, expectation, vocabulary)
    doubts += doubts_about_size(fit_frame(moments, reference), reference)
    return [doubt.sentence for doubt in doubts]


def small_ones(heart: Heart, moments: Mapping[str, Moments], reference: Reference, vocabulary: Vocabulary) -> list[str]:
    """Structures too small to be what they are called."""
    scale = fit_frame(moments, reference).scale
    return [
        f"{vocabulary[key].name} is tiny."
        for key in moments
        if doubts_about_fragments(heart, {key: moments[key]}, reference, vocabulary, scale)
    ]


def islands(heart: Heart, vocabulary: Vocabulary) -> tuple[str, ...]:
    """Structures in more pieces than anatomy gives them."""
    pieces = Topology.of(heart.regions, vocabulary).pieces
    return tuple(
        f"{vocabulary[key].name} is in {count} pieces, not {vocabulary[key].pieces}."
        for key, count in pieces.items()
        if count > vocabulary[key].pieces
    )


def truncated(
    heart: Heart, partly: Sequence[str], reference: Reference, expectation: Expectation, vocabulary: Vocabulary
) -> tuple[str, ...]:
    """Structures that leave the image or end in a flat face, but for those that are said to be shown only ``partly``.

    What valves and ostia close is flat too; of structures that the expectation knows the engine tells them apart.
    """
    seen = heart.keep(key for key in heart.regions if key in expectation.structures)
    cuts, clock = {}, Clock()
    if seen.regions:
        cuts = weigh(measure(seen, reference, clock), {}, reference, expectation, vocabulary, clock).cuts
    faults = []
    for key, region in heart.regions.items():
        if key in partly:
            continue
        if border_cuts(region, heart.shape, heart.ijk_to_ras):
            faults.append(f"{vocabulary[key].name} leaves the image.")
        elif cuts.get(key):
            faults.append(f"{vocabulary[key].name} ends in a flat face, as if it were cut off.")
    return tuple(faults)
