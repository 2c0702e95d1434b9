"""Make the bundled sample: a virtual heart that no training used, whole, and what a narrow scan would show of it."""

from __future__ import annotations

import argparse

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.resources import resource_path
from Training.cohort.heart import heart

# Training cohorts count their seeds up from zero; they never come this far.
SAMPLE_SEED = 90_000_001
SPACING = 1.0
PARTIAL = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def run(arguments: argparse.Namespace) -> None:
    del arguments
    vocabulary = load_vocabulary()
    label_map = heart(SAMPLE_SEED, spacing=SPACING).label_map
    ten = {value: key for value, key in vocabulary.convention("cardiac10").items() if value <= 10}
    whole = Heart.from_label_map(label_map, ten)
    folder = resource_path("SampleData")
    write_heart(whole, dict.fromkeys(ten.values(), "trusted"), vocabulary, folder / "WholeHeart.seg.nrrd")
    partial = whole.keep(PARTIAL)
    write_heart(partial, dict.fromkeys(PARTIAL, "trusted"), vocabulary, folder / "PartialHeart.seg.nrrd")
    print(f"Sample heart written to {folder}")
