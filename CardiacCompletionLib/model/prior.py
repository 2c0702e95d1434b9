"""The articulated mean heart: what the network starts from and corrects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from CardiacCompletionLib.geometry.expectation import OFF_DIAGONAL, PLACE_NUMBERS, UPPER, Expectation
from CardiacCompletionLib.geometry.shape_grid import BAND, NODES, REACH, SPARSE_NODES, sparse_nodes

# Spreads, root mean square over the nodes.
_MISREAD = 0.005


@dataclass(frozen=True)
class ShapeReader:
    """Distances at the sparse nodes -> mixture of principal shapes, see :meth:`MeanHeart.shape_numbers`.

    Attributes:
        mean: float64 [N'], of the mean shape.
        pull: float64 [N', K + F], what a deviation from it says.
    """

    mean: np.ndarray
    pull: np.ndarray

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        return (np.clip(distances, -BAND, BAND) - self.mean) @ self.pull


class MeanHeart(nn.Module):
    """Every structure where, how stretched and how shaped it is to be expected in this heart.

    A shape is a signed distance on a cubic grid in the structure's own coordinates (see ``geometry/shape_grid``), the
    cohort's mean plus its principal shapes in the measure the heart's numbers say. Distances count in the geometric
    mean of the structure's spreads. With the network's zero-initialised last layer, an untrained model is this heart.

    Of a given structure F finer principal shapes are read as well, which only tell of other structures.

    Args:
        structures: number of structures C.
        shapes: number K of principal shapes of each.
        fine_shapes: number F of finer ones, known at the sparse nodes.
    """

    def __init__(self, structures: int, shapes: int, fine_shapes: int = 0) -> None:
        super().__init__()
        numbers = PLACE_NUMBERS + shapes + fine_shapes
        self.register_buffer("field", torch.zeros(structures, NODES, NODES, NODES))
        self.register_buffer("shapes", torch.zeros(structures, shapes, NODES, NODES, NODES))
        self.register_buffer(
            "fine_shapes", torch.zeros(structures, fine_shapes, SPARSE_NODES, SPARSE_NODES, SPARSE_NODES)
        )
        self.register_buffer("number_mean", torch.zeros(structures, numbers))
        self.register_buffer("size_mean", torch.zeros(()))
        self.register_buffer("number_covariance", torch.eye(structures * numbers + 1))
        self.register_buffer("anchors", torch.ones(structures, dtype=torch.bool))

    def expectation(self, structures: tuple[str, ...]) -> Expectation:
        """The distribution of numbers that this heart was made with."""
        mean, covariance = self.number_mean.cpu().double().numpy(), self.number_covariance.cpu().double().numpy()
        anchors, fine, size = self.anchors.cpu().numpy(), self.fine_shapes.shape[1], float(self.size_mean)
        return Expectation(structures, anchors, mean, size, covariance, self.misread, fine)

    @property
    def misread(self) -> np.ndarray:
        """Standard deviation of what is read of each shape number, float64 [C, K + F].

        Distances are misread alike, whichever shape they tell of, so the finer ones are told less well.
        """
        size = [np.sqrt((self._read_shapes(c) ** 2).mean(axis=-1)) for c in range(len(self.field))]
        return _MISREAD / np.maximum(np.array(size), 1e-3 * _MISREAD)

    def _read_shapes(self, structure: int) -> np.ndarray:
        """All principal shapes of a structure at the sparse nodes, float64 [K + F, N']."""
        large = sparse_nodes(self.shapes[structure].cpu().numpy())
        fine = self.fine_shapes[structure].cpu().numpy().reshape(-1, large.shape[1])
        return np.concatenate([large, fine]).astype(np.float64)

    def set_expectation(self, expectation: Expectation) -> None:
        self.number_mean.copy_(torch.from_numpy(expectation.mean))
        self.size_mean.fill_(expectation.size)
        self.number_covariance.copy_(torch.from_numpy(expectation.covariance))
        self.anchors.copy_(torch.from_numpy(np.asarray(expectation.anchors)))

    def shape_numbers(self, structure: int, distances: np.ndarray) -> np.ndarray:
        """Which mixture of principal shapes a structure is, by least squares at the sparse nodes.

        Args:
            distances: signed distances [..., N'] in spreads at the sparse nodes of the structure's own grid.

        Returns:
            float64 [..., K + F], in standard deviations.
        """
        return self.shape_reader(structure)(distances)

    def shape_reader(self, structure: int) -> ShapeReader:
        """What reads the shape numbers of a structure, for where that is done again and again."""
        mean = np.clip(sparse_nodes(self.field[structure].cpu().double().numpy()), -BAND, BAND)
        modes = self._read_shapes(structure)
        gram = modes @ modes.T
        return ShapeReader(mean, modes.T @ np.linalg.inv(gram + 1e-6 * max(np.trace(gram), 1e-6) * np.eye(len(gram))))

    def forward(self, queries: Tensor, numbers: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Expected signed distance of the wanted structures (indices [W]) at frame points.

        Args:
            queries: frame points [B, W, Q, 3].
            numbers: of each heart's structures, [B, C, 9 + K].

        Returns:
            Distances [B, W, Q] in own units; the queries in own coordinates [B, W, Q, 3], over REACH; and how many
            frame units an own unit is, [B, W, 1].
        """
        # Half a precision would be half a millimetre.
        with torch.autocast(queries.device.type, enabled=False):
            return self._expected(queries, numbers, wanted)

    def _expected(self, queries: Tensor, numbers: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        asked = numbers[:, wanted]
        logs = self._matrices(asked[..., 3:PLACE_NUMBERS])
        own = inverse_exponential(logs)
        unit = torch.exp(logs.diagonal(dim1=-2, dim2=-1).mean(dim=-1, keepdim=True))
        places = (queries - asked[..., None, :3]) @ own / REACH
        fields = self.field[wanted] + torch.einsum("bwk,wkzyx->bwzyx", asked[..., PLACE_NUMBERS:], self.shapes[wanted])
        batch, count, points, _ = places.shape
        within = places.clamp(-1.0, 1.0)
        grid = within.reshape(batch * count, 1, 1, points, 3)
        fields = fields.reshape(batch * count, 1, NODES, NODES, NODES)
        sampled = functional.grid_sample(fields, grid, padding_mode="border", align_corners=True)
        beyond = (places - within).norm(dim=-1) * REACH
        return sampled.reshape(batch, count, points) + beyond, places, unit

    @staticmethod
    def _matrices(entries: Tensor) -> Tensor:
        """Six numbers [..., 6] -> symmetric matrices [..., 3, 3]."""
        matrices = entries.new_zeros(*entries.shape[:-1], 3, 3)
        weighted = entries / entries.new_tensor(OFF_DIAGONAL)
        matrices[..., UPPER[0], UPPER[1]] = weighted
        matrices[..., UPPER[1], UPPER[0]] = weighted
        return matrices


def inverse_exponential(logs: Tensor) -> Tensor:
    """exp(-L) of matrices [..., 3, 3]; for mps on the processor, as PyTorch has no kernel of it there."""
    exponents = -logs.cpu() if logs.device.type == "mps" else -logs
    return torch.linalg.matrix_exp(exponents).to(logs)
