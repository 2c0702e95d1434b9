"""Looks at hearts that are kept apart, now and then, and the end of a run that gets no better on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor

from CardiacCompletionLib.errors import CompletionError
from Training.completion_module import CompletionModule
from Training.data.examples import CompletionExamples
from Training.data.hearts import PreparedHearts, keeps_apart

EXAMPLES = 64
LOSS, HIDDEN = "held_out_mm", "hidden_mm"
_LEAST_GAIN = 1e-3  # mm; less is rounding


class WatchedModule(CompletionModule):
    """Says its loss on held-out examples, with averaged weights, and by structure how far hidden ones are off."""

    def on_validation_epoch_start(self) -> None:
        self._off = torch.zeros(len(self._settings.structures), 2, device=self.device)

    def validation_step(self, batch: dict[str, Tensor], _index: int) -> None:
        loss, error = self._losses(batch)
        if not torch.isfinite(loss):
            raise CompletionError(
                f"The loss on held-out hearts is not a number, among {batch['heart'].tolist()}: look at these cases; "
                "the last good checkpoint is kept."
            )
        self.log(LOSS, loss, prog_bar=True, batch_size=len(batch["heart"]), sync_dist=True)
        sought = (batch["known"] & batch["sought"][..., None]).float()
        self._off += torch.stack([(error * sought).sum(dim=(0, 2)), sought.sum(dim=(0, 2))], dim=-1)

    def on_validation_epoch_end(self) -> None:
        everywhere = self.all_gather(self._off).reshape(-1, *self._off.shape).sum(dim=0)
        for key, (total, count) in zip(self._settings.structures, everywhere, strict=True):
            if count:
                self.log(f"{HIDDEN}/{key}", total / count, sync_dist=True)


def held_out_hearts(
    folders: Sequence[str | Path], structures: tuple[str, ...], fold: int | None
) -> PreparedHearts | None:
    """The test split of those data sets that keep one apart from this training; None where none does."""
    apart = [folder for folder in folders if keeps_apart(folder, fold)]
    return PreparedHearts(apart, "test", structures, fold) if apart else None


def fixed(examples: CompletionExamples) -> list[dict[str, Tensor]]:
    """The first examples, drawn once, so that every look asks the same."""
    return [examples[index] for index in range(EXAMPLES)]


def stated(logged: Mapping[str, Tensor]) -> dict[str, Any]:
    """What the last look found, for the model card, in mm: the loss, and by structure how far hidden ones are off."""
    if LOSS not in logged:
        return {}
    hidden = {name.split("/")[1]: round(float(v), 3) for name, v in logged.items() if name.startswith(f"{HIDDEN}/")}
    return {LOSS: round(float(logged[LOSS]), 3), HIDDEN: hidden}


def stop_when_no_better(patience: int) -> EarlyStopping:
    """Ends a run after so many looks in a row without a better loss."""
    return EarlyStopping(LOSS, min_delta=_LEAST_GAIN, patience=patience, mode="min")
