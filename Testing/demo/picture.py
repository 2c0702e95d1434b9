"""The demo's picture: the heart in 3D, and three slices; trusted structures solid, inferred ones hatched."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import slicer
from matplotlib.patches import Patch

from CardiacCompletionLib.anatomy.vocabulary import Vocabulary
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.geometry.label_map import LabelMap
from Testing.bench.mrml_views import ThreeDView

PLANES = {"axial": 2, "coronal": 1, "sagittal": 0}
STEP = 0.7


def draw(result: CompletionResult, vocabulary: Vocabulary, path: Path) -> None:
    """Draw the completed heart, which is also the one shown in the scene."""
    figure, axes = plt.subplot_mosaic(
        [["front", "axial"], ["front", "coronal"], ["back", "sagittal"], ["back", "legend"]],
        figsize=(12, 14),
        width_ratios=[1.5, 1],
        layout="constrained",
    )
    for side, letter in (("front", "A"), ("back", "P")):
        view = ThreeDView(slicer.mrmlScene, size=(900, 900))
        view.setBackground((1.0, 1.0, 1.0))
        view.frame(letter, zoom=1.2)
        axes[side].imshow(view.pixels())
        axes[side].set_title(f"from the {side}")
        axes[side].axis("off")
    for plane, axis in PLANES.items():
        _draw_slice(result, vocabulary, axes[plane], axis)
        axes[plane].set_title(plane)
    _draw_legend(result, vocabulary, axes["legend"])
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _draw_slice(result: CompletionResult, vocabulary: Vocabulary, axes: plt.Axes, axis: int) -> None:
    """One slice through the middle of the heart, in patient axes as radiologists look at them."""
    labels, extent = _patient_slice(result.labels, axis)
    for key, origin in result.origins.items():
        mask = labels == vocabulary[key].label
        if not mask.any():
            continue
        color = np.array(vocabulary[key].color) / 255
        solid = origin == "trusted"
        axes.contourf(
            mask.astype(float),
            levels=[0.5, 1.5],
            colors=[color],
            alpha=1.0 if solid else 0.45,
            hatches=[None if solid else "////"],
            extent=extent,
        )
        axes.contour(mask.astype(float), levels=[0.5], colors=[color * 0.6], linewidths=0.8, extent=extent)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    left, right = ("A", "P") if axis == 0 else ("R", "L")
    bottom, top = ("P", "A") if axis == 2 else ("I", "S")
    for text, x, y in ((left, 0.02, 0.5), (right, 0.96, 0.5), (bottom, 0.49, 0.02), (top, 0.49, 0.95)):
        axes.text(x, y, text, transform=axes.transAxes, color="0.4")


def _patient_slice(label_map: LabelMap, axis: int) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Labels [rows, columns] on the RAS plane through the heart's middle, rows upwards, and its extent in mm."""
    occupied = np.argwhere(label_map.voxels > 0)[:, ::-1]
    ras = label_map.ras_from_ijk(occupied)
    low, high, middle = ras.min(axis=0) - 5, ras.max(axis=0) + 5, ras.mean(axis=0)
    across, up = [a for a in range(3) if a != axis]
    columns = np.arange(low[across], high[across], STEP)[::-1]  # the patient's right, or front, on the viewer's left
    rows = np.arange(low[up], high[up], STEP)
    points = np.empty((len(rows), len(columns), 3))
    points[..., axis], points[..., across], points[..., up] = middle[axis], columns[None], rows[:, None]
    ijk = np.round(label_map.ijk_from_ras(points.reshape(-1, 3))).astype(int)
    inside = ((ijk >= 0) & (ijk < label_map.voxels.shape[::-1])).all(axis=1)
    labels = np.zeros(len(ijk), dtype=np.uint8)
    labels[inside] = label_map.voxels[tuple(ijk[inside].T[::-1])]
    return labels.reshape(points.shape[:2]), (0.0, columns[0] - columns[-1], 0.0, rows[-1] - rows[0])


def _draw_legend(result: CompletionResult, vocabulary: Vocabulary, axes: plt.Axes) -> None:
    handles = []
    for key, origin in result.origins.items():
        color = np.array(vocabulary[key].color) / 255
        look = {"alpha": 1.0} if origin == "trusted" else {"alpha": 0.55, "hatch": "////"}
        handles.append(
            Patch(facecolor=color, edgecolor=color * 0.6, label=f"{vocabulary[key].name} ({origin})", **look)
        )
    axes.legend(handles=handles, loc="center", frameon=False, fontsize=11)
    axes.axis("off")
