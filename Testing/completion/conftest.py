"""The shipped weights and the bundled sample heart, loaded once."""

from __future__ import annotations

import pytest

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.resources import resource_path


@pytest.fixture(scope="session")
def completer() -> HeartCompleter:
    return HeartCompleter.load(device="cpu")


@pytest.fixture(scope="session")
def sample() -> Heart:
    """The whole sample heart, ten structures at 1 mm."""
    path = resource_path("SampleData", "WholeHeart.seg.nrrd")
    return read_segmentation(path).whole_heart(load_vocabulary())
