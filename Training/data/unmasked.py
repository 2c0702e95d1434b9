"""The ablation of the masked loss: structures that a data set never labelled are taken to be nowhere."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from Training.data.examples import CompletionExamples

# Frame units; farther than any band, so that all of space is outside.
_NOWHERE = 10.0


class UnmaskedExamples(Dataset):
    """The same examples with all structures known: an unlabelled one has no inside anywhere."""

    def __init__(self, examples: CompletionExamples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        item = dict(self._examples[index])
        item["distances"] = item["distances"].masked_fill(~item["known"], _NOWHERE)
        item["known"] = torch.ones_like(item["known"])
        return item
