"""The articulated mean heart: what the network starts from and corrects."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from CardiacCompletionLib.geometry.expectation import PER_STRUCTURE, Expectation


class MeanHeart(nn.Module):
    """Every structure's mean shape, put where and stretched as it is to be expected in this heart.

    A mean shape is a signed distance on a cubic grid in the structure's own coordinates, where its centroid is zero and
    its spread the unit; distances there count in units of the geometric mean of its spreads. With the network's
    zero-initialised last layer, an untrained model is exactly this heart.

    Args:
        structures: number of structures C.
        size: nodes along each side of a grid.
        reach: a grid spans [-reach, reach] along every axis, in spreads.
    """

    def __init__(self, structures: int, size: int, reach: float) -> None:
        super().__init__()
        self.reach = reach
        self.register_buffer("field", torch.zeros(structures, size, size, size))
        self.register_buffer("moment_mean", torch.zeros(structures * PER_STRUCTURE))
        self.register_buffer("moment_covariance", torch.eye(structures * PER_STRUCTURE))
        self.register_buffer("anchors", torch.ones(structures, dtype=torch.bool))

    def node_positions(self) -> Tensor:
        """Coordinates [size^3, 3] of the nodes in spreads; x runs fastest, z slowest, as in the field's last axes."""
        axis = torch.linspace(-self.reach, self.reach, self.field.shape[-1])
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
        return torch.stack([x, y, z], dim=-1).reshape(-1, 3)

    def expectation(self, structures: tuple[str, ...]) -> Expectation:
        """The distribution of moments that this heart was made with."""
        mean, covariance = self.moment_mean.double().cpu().numpy(), self.moment_covariance.double().cpu().numpy()
        return Expectation(structures, self.anchors.cpu().numpy(), mean, covariance)

    def set_expectation(self, expectation: Expectation) -> None:
        self.moment_mean.copy_(torch.from_numpy(expectation.mean))
        self.moment_covariance.copy_(torch.from_numpy(expectation.covariance))
        self.anchors.copy_(torch.from_numpy(np.asarray(expectation.anchors)))

    def forward(self, queries: Tensor, centroids: Tensor, spreads: Tensor, wanted: Tensor) -> Tensor:
        """Mean signed distance [B, W, Q] of the wanted structures (indices [W]).

        Args:
            queries: frame points [B, Q, 3].
            centroids: expected centroids [B, C, 3] in frame units.
            spreads: expected spreads [B, C, 3, 3] in frame units.
        """
        own = torch.linalg.inv(spreads[:, wanted])
        offset = queries[:, None] - centroids[:, wanted, None]
        places = offset @ own.transpose(-1, -2) / self.reach
        within = places.clamp(-1.0, 1.0)
        batch, count, asked, _ = places.shape
        grid = within.transpose(0, 1).reshape(count, 1, 1, batch * asked, 3)
        sampled = functional.grid_sample(self.field[wanted, None], grid, padding_mode="border", align_corners=True)
        sampled = sampled.reshape(count, batch, asked).transpose(0, 1)
        beyond = (places - within).norm(dim=-1) * self.reach
        unit = torch.linalg.det(spreads[:, wanted]).pow(1.0 / 3.0)[..., None]
        return (sampled + beyond) * unit
