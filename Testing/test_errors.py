"""Lack of memory becomes a sentence, whoever runs out of it; nothing else does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from CardiacCompletionLib.errors import CompletionError, lack_of_memory_explained

_TOO_MUCH = 2**50
_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no graphics card to fill")


@pytest.mark.parametrize(
    "work",
    [
        lambda: np.ones(_TOO_MUCH),
        lambda: torch.ones(_TOO_MUCH),
        lambda: bytearray(_TOO_MUCH),
        pytest.param(lambda: torch.ones(_TOO_MUCH, device="cuda"), marks=_CUDA),
    ],
    ids=["numpy", "torch", "python", "cuda"],
)
def test_lack_of_memory_comes_with_advice(work: Callable[[], object]) -> None:
    advice = (
        "not enough memory for this completion: choose a coarser spacing, fewer plausible hearts, or the device cpu"
    )
    with pytest.raises(CompletionError, match=advice), lack_of_memory_explained():
        work()


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="must match"), lack_of_memory_explained():
        torch.ones(2) + torch.ones(3)
    with pytest.raises(CompletionError, match=r"^Trust more$"), lack_of_memory_explained():
        raise CompletionError("Trust more")
