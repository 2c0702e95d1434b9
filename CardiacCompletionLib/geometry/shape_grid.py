"""The grid on which a structure's shape is described, in the structure's own coordinates.

Own coordinates are offsets from the structure's centroid, undone of its spread: the centroid is zero, one is a standard
deviation of its voxels. In them the same structure of two hearts differs by its shape alone, and little.
"""

from __future__ import annotations

import numpy as np

from CardiacCompletionLib.geometry.frame import Moments

NODES = 27
# The grid spans [-REACH, REACH] along every axis; surfaces lie at about two, the tips of vessels at three and a half.
REACH = 3.6
# Every other node is enough to tell which shape it is.
_SPARSE = 2
SPARSE_NODES = len(range(0, NODES, _SPARSE))
# In spreads: how far from the surface distances tell of the shape.
BAND = 2.0


def node_positions(sparse: bool = False) -> np.ndarray:
    """Own coordinates float64 [N, 3] of the nodes; x runs fastest, z slowest, as in a field [z, y, x]."""
    axis = np.linspace(-REACH, REACH, NODES)[:: _SPARSE if sparse else 1]
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.stack([x, y, z], axis=-1).reshape(-1, 3)


def sparse_nodes(fields: np.ndarray) -> np.ndarray:
    """Values [..., N'] at the sparse nodes of fields [..., NODES, NODES, NODES]."""
    thinned = fields[..., ::_SPARSE, ::_SPARSE, ::_SPARSE]
    return thinned.reshape(*fields.shape[:-3], SPARSE_NODES**3)


def to_ras(own: np.ndarray, moments: Moments) -> np.ndarray:
    """RAS mm of own coordinates [N, 3]."""
    return own @ moments.spread.T + moments.centroid


def own_unit(moments: Moments) -> float:
    """Millimetres that count as one in a structure's field: the geometric mean of its spreads."""
    return float(np.cbrt(np.linalg.det(moments.spread)))
