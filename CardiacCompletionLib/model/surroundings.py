"""What lies around a query: how far it is from the surface of each trusted structure, and on which side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Frame units: a few millimetres, where structures touch and vessels run along walls, and a few centimetres.
_NEAR, _FAR = 0.04, 0.2


class SurroundingsEmbedding(nn.Module):
    """Signed distances to C structures (frame units, inside < 0) -> features [..., D].

    Infinite is the distance to a structure of which nothing is told: it lies outside, and far away.
    """

    def __init__(self, structures: int, dim: int) -> None:
        super().__init__()
        self.mlp = nn.Linear(3 * structures, dim)

    def forward(self, distances: Tensor) -> Tensor:
        """Distances [..., C] -> [..., D]."""
        near = distances / _NEAR
        return self.mlp(torch.cat([near.tanh(), (distances / _FAR).tanh(), (-near.abs()).exp()], dim=-1))

    def mute(self) -> None:
        """From now on, and through training, every distance says what infinite ones have said so far."""
        with torch.no_grad():
            self.mlp.bias.copy_(self(torch.full((self.mlp.in_features // 3,), torch.inf)))
            self.mlp.weight.zero_()
        self.mlp.weight.requires_grad_(False)
