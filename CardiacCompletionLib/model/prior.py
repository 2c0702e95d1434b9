"""The mean heart as a field: what the network starts from and corrects."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class MeanHeart(nn.Module):
    """Mean signed distance of every structure on a cubic grid in the frame, read by trilinear interpolation.

    With the network's zero-initialised last layer, an untrained model is exactly this aligned mean heart.

    Args:
        structures: number of structures C.
        size: nodes along each side.
        reach: the grid spans [-reach, reach] along every axis, in frame units.
    """

    def __init__(self, structures: int, size: int, reach: float) -> None:
        super().__init__()
        self.reach = reach
        self.register_buffer("field", torch.zeros(structures, size, size, size))

    def node_positions(self) -> Tensor:
        """Frame coordinates [size^3, 3] of the nodes; x runs fastest, z slowest, as in the field's last axes."""
        axis = torch.linspace(-self.reach, self.reach, self.field.shape[-1])
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
        return torch.stack([x, y, z], dim=-1).reshape(-1, 3)

    def forward(self, queries: Tensor, wanted: Tensor) -> Tensor:
        """Mean signed distance [B, W, Q] of the wanted structures (indices [W]) at frame points [B, Q, 3]."""
        batch, count, _ = queries.shape
        grid = (queries / self.reach).reshape(1, 1, 1, batch * count, 3)
        sampled = functional.grid_sample(self.field[None, wanted], grid, padding_mode="border", align_corners=True)
        return sampled.reshape(len(wanted), batch, count).transpose(0, 1)
