"""A picture of prepared samples: surface points over slices of the label map, signed distances beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.label_map import LabelMap
from Training.data.samples import CaseSamples

# Across and upward axes of RAS, and the axis that is cut; across runs from the patient's right in the first two.
PLANES = {"axial": (0, 1, 2), "coronal": (0, 2, 1), "sagittal": (1, 2, 0)}
_RIGHT = 0
_SLAB = 1.0  # mm to either side of a slice within which samples are drawn on it
_STEP = 0.75  # mm between the picture's pixels
_FAR = 10.0  # mm at which the colours of distances end
_PALE = 0.55


def draw_sheet(cases: Sequence[tuple[str, Heart, CaseSamples]], keys: tuple[str, ...], path: Path) -> None:
    """A row for each case: three slices with the surface points of all structures, and distances to one structure."""
    figure = Figure(figsize=(15, 4.1 * len(cases)), layout="constrained")
    rows = figure.subplots(len(cases), len(PLANES) + 1, squeeze=False)
    for (name, heart, samples), row in zip(cases, rows, strict=True):
        labels = heart.to_label_map(load_vocabulary())
        chosen = int(np.argmax(samples.present))
        middle = _middle(samples)
        for axes, plane in zip(row, PLANES, strict=False):
            _slice(axes, labels, plane, middle)
            _surface_points(axes, samples, keys, plane, middle)
            axes.set_title(f"{name}, {plane}", fontsize=9)
        middle = samples.centroids[chosen]
        _slice(row[-1], labels, "coronal", middle)
        _distances(row[-1], samples, chosen, "coronal", middle, figure)
        row[-1].set_title(f"mm from {load_vocabulary()[keys[chosen]].name}, coronal", fontsize=9)
    figure.savefig(path, dpi=80)


def _middle(samples: CaseSamples) -> np.ndarray:
    """RAS mm [3], the mean of the centroids of what is there."""
    return samples.centroids[samples.present].mean(axis=0)


def _slice(axes: Axes, labels: LabelMap, plane: str, middle: np.ndarray) -> None:
    """The label map's colours, paled, on a plane through a RAS point; the patient's right is on the left."""
    across, upward, normal = PLANES[plane]
    corners = labels.ras_from_ijk(np.argwhere(np.ones((2, 2, 2))) * (np.array(labels.voxels.shape[::-1]) - 1))
    low, high = corners.min(axis=0), corners.max(axis=0)
    columns, lines = (np.arange(low[axis], high[axis], _STEP) for axis in (across, upward))
    ras = np.empty((len(lines), len(columns), 3))
    ras[..., across], ras[..., upward], ras[..., normal] = columns[None], lines[:, None], middle[normal]
    index = np.round(labels.ijk_from_ras(ras.reshape(-1, 3))).astype(int)[:, ::-1]
    held = ((index >= 0) & (index < labels.voxels.shape)).all(axis=1)
    values = np.zeros(len(index), dtype=int)
    values[held] = labels.voxels[tuple(index[held].T)]
    palette = np.ones((256, 3))
    for structure in load_vocabulary():
        palette[structure.label] = 1.0 - _PALE * (1.0 - np.array(structure.color) / 255)
    axes.imshow(
        palette[values].reshape(*ras.shape),
        origin="lower",
        extent=(columns[0], columns[-1], lines[0], lines[-1]),
        interpolation="nearest",
    )
    if across == _RIGHT:
        axes.invert_xaxis()
    axes.tick_params(labelsize=6)


def _surface_points(axes: Axes, samples: CaseSamples, keys: tuple[str, ...], plane: str, middle: np.ndarray) -> None:
    across, upward, normal = PLANES[plane]
    for structure in np.flatnonzero(samples.present):
        points = samples.surface[structure]
        points = points[np.abs(points[:, normal] - middle[normal]) < _SLAB]
        color = 0.6 * np.array(load_vocabulary()[keys[structure]].color) / 255
        axes.scatter(points[:, across], points[:, upward], s=2.5, color=color, linewidths=0)


def _distances(
    axes: Axes, samples: CaseSamples, structure: int, plane: str, middle: np.ndarray, figure: Figure
) -> None:
    """The queries near a slice, blue inside and red outside one structure."""
    across, upward, normal = PLANES[plane]
    near = np.abs(samples.queries[:, normal] - middle[normal]) < _SLAB
    points = samples.queries[near]
    drawn = axes.scatter(
        points[:, across],
        points[:, upward],
        c=samples.distances[structure][near].astype(float),
        s=7,
        cmap="coolwarm",
        vmin=-_FAR,
        vmax=_FAR,
        linewidths=0.2,
        edgecolors="black",
    )
    figure.colorbar(drawn, ax=axes, shrink=0.8)
