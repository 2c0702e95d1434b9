"""How the model learns: the loss of one batch, the optimiser and its schedule."""

from __future__ import annotations

import math

import lightning
import torch
from torch import Tensor

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.settings import Settings

# Millimetres over which a structure's edge is soft in the overlap.
_EDGE = 1.5
# What the overlap of a great vessel counts of another vessel's: with all of it real ones come out too wide where they
# leave the heart, with none of it virtual ones lose their far ends (EXPERIMENTS.md).
_GREAT_VESSELS, _THEIR_SHARE = frozenset({"aorta", "pulmonary_artery"}), 0.5
# Share of all steps in which the rate falls to nought, as one minus a root. Before, it stays at its peak, so that any
# checkpoint of before the fall starts a longer run (Haegele 2024, arXiv 2405.18392).
_FALL = 0.2


class CompletionModule(lightning.LightningModule):
    """Masked L1 on signed distances, and the overlap of the vessels sought: hidden ones, and those cut off.

    A structure that a heart's data set never labelled counts nothing, whatever the network says there, nor does what
    lies beyond the end of one that is shown in part. Every query counts the same, for other given structures a share of
    it: they are there already. Beyond the band only too small a distance is an error, for there nobody asks how far
    exactly.
    """

    def __init__(self, network: HeartAutoEncoder, settings: Settings, unit: float) -> None:
        """
        Args:
            unit: mm per frame unit, to state the loss in mm.
        """
        super().__init__()
        self.network = network
        self._forward = torch.compile(network) if settings.compile else network
        self._settings = settings
        self._unit = unit
        shares = [_THEIR_SHARE if key in _GREAT_VESSELS else 1.0 for key in settings.structures]
        self.register_buffer("_shares", torch.tensor(shares), persistent=False)

    def training_step(self, batch: dict[str, Tensor], _index: int) -> Tensor:
        loss, error = self._losses(batch)
        if not torch.isfinite(loss):
            raise CompletionError(
                f"The loss is not a number at step {self.global_step}, hearts {batch['heart'].tolist()}: look at "
                "these cases; the last good checkpoint is kept."
            )
        self.log("loss_mm", loss, prog_bar=True)
        sought = batch["known"] & batch["sought"][..., None]
        self.log("inferred_mm", (error * sought).sum() / sought.sum().clamp(min=1), prog_bar=True)
        return loss

    def _losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """What a batch costs, in mm, and the error of every distance [B, C, Q], in mm."""
        asked = (batch["points"], batch["given"], batch["queries"], batch["numbers"], batch["surroundings"])
        said = self._forward(*asked)
        said, true = said * self._unit, batch["distances"] * self._unit
        short = (self._settings.band - said * true.sign()).relu()
        error = torch.where(true.abs() > self._settings.band, short, (said - true).abs())
        weight = batch["known"].float()
        sought = weight * batch["sought"][..., None]
        weight = sought + self._settings.given_share * weight * ~batch["sought"][..., None]
        loss = (error * weight).sum() / weight.sum()
        return loss + self._settings.overlap * self._overlap_loss(said, true, batch), error.detach()

    def _overlap_loss(self, said: Tensor, true: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """One minus the soft Dice of the vessels sought (Milletari 2016, arXiv 1606.04797), as a mean over all sought.

        Distances alone leave out what is there in less than half of all hearts that look alike, so that thin structures
        vanish; overlap does not. It also rewards fields that are steeper than distances, so chambers and muscle are
        spared it: they do not vanish.
        """
        sought = (batch["known"].any(dim=-1) & batch["sought"]).float()
        inside, truth = torch.sigmoid(-said / _EDGE), (true < 0).float()
        worth = batch["worth"] * batch["known"]
        both = (worth * inside * truth).sum(dim=-1)
        either = (worth * (inside + truth)).sum(dim=-1)
        dice = 2.0 * both / either.clamp(min=1e-6)
        counts = sought * self._shares * ~self.network.prior.anchors
        return ((1.0 - dice) * counts).sum() / sought.sum().clamp(min=1.0)

    def configure_optimizers(self) -> dict:
        s = self._settings
        optimiser = torch.optim.AdamW(self.network.parameters(), lr=s.peak_rate, weight_decay=s.weight_decay)

        warmup = max(s.share * s.warmup, 1.0)

        def factor(step: int) -> float:
            fallen = 1.0 - (s.total_steps - step) / (_FALL * s.total_steps)
            return min((step + 1) / warmup, 1.0 - math.sqrt(min(max(fallen, 0.0), 1.0)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
