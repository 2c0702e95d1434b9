"""The shipped weights and the bundled sample heart, loaded once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.resources import resource_path
from Training.cohort.heart import heart as virtual_heart


@pytest.fixture(scope="session")
def completer() -> HeartCompleter:
    return HeartCompleter.load(device="cpu")


@pytest.fixture(scope="session")
def virtual() -> Callable[[int], Heart]:
    """The virtual heart of a seed, ten structures at 3 mm."""
    ten = {value: key for value, key in load_vocabulary().convention("cardiac10").items() if value <= 10}
    return lambda seed: Heart.from_label_map(virtual_heart(seed, spacing=3.0).label_map, ten)


@pytest.fixture(scope="session")
def sample() -> Heart:
    """The whole sample heart, ten structures at 1 mm."""
    path = resource_path("SampleData", "WholeHeart.seg.nrrd")
    return read_segmentation(path).whole_heart(load_vocabulary())
