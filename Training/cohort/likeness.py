"""How a virtual cohort's mean heart differs from real ones once both lie on the same left ventricle and muscle.

What a model learns from virtual hearts is where the other structures lie beside the trusted ones. A mean that is off
there is off in every heart it completes; this measures by how many millimetres, and beside it how well the mean of the
other real hearts does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.frame import Moments, fit_frame, moments_of
from CardiacCompletionLib.geometry.label_map import LabelMap
from CardiacCompletionLib.geometry.reference import measure_reference
from Training.cohort.real_heart import signed_distance

ANCHORS = frozenset({"myocardium", "left_ventricle"})
COMPARED = ("right_ventricle", "left_atrium", "right_atrium", "aorta")
_CUT = ("aorta",)  # real scans end somewhere in it: compared only within the box that the real one fills
_STEP = 4.0  # mm between the nodes at which hearts are compared
_REACH = ((-100.0, 110.0), (-90.0, 100.0), (-90.0, 120.0))  # mm around the anchors along R, A, S
_BAND = 15.0  # mm: distances count up to here in a mean heart


def lattice() -> np.ndarray:
    """Nodes [N, 3] (mm, along the frame's axes) at which all hearts are compared."""
    axes = [np.arange(low, high, _STEP) for low, high in _REACH]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


Placed = Mapping[str, np.ndarray]  # structure -> signed distance float32 [N] at the nodes, mm at the cohort's mean size


@dataclass(frozen=True)
class Comparison:
    """One structure of a cohort's mean heart beside the real ones.

    Attributes:
        key: the structure.
        count: how many real hearts label it.
        offset: from the cohort's mean centre to the real hearts' [3], R, A, S, mm; None for a structure scans cut.
        spread, real_spread: how far single centres lie around these means [3], standard deviations, mm; None likewise.
        dice: mean overlap of the cohort's mean heart with the real hearts.
        real_dice: the same of the mean of the other real hearts.
    """

    key: str
    count: int
    offset: np.ndarray | None
    spread: np.ndarray | None
    real_spread: np.ndarray | None
    dice: float
    real_dice: float


def compare(cohort: Sequence[LabelMap], real: Sequence[LabelMap]) -> list[Comparison]:
    """Every compared structure that at least two real hearts label; all hearts must label the anchors."""
    places = _Frame([_moments(_heart(label_map)) for label_map in cohort])
    ours, theirs = [places.place(label_map) for label_map in cohort], [places.place(label_map) for label_map in real]
    found = []
    for key in COMPARED:
        having = [placed[key] for placed in theirs if key in placed]
        if len(having) > 1:
            found.append(_comparison(key, [placed[key] for placed in ours], having))
    return found


def comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """A table of comparisons."""
    lines = [
        "| structure | real hearts | offset R, A, S | spread, real spread | Dice of this mean, of the real mean |",
        "|---|---|---|---|---|",
    ]
    for found in comparisons:
        if found.offset is None:
            where = "cut by the scan | – "
        else:
            where = f"{_triple(found.offset)} mm | {_triple(found.spread)}, {_triple(found.real_spread)} mm "
        name = found.key.replace("_", " ")
        lines.append(f"| {name} | {found.count} | {where}| {found.dice:.3f}, {found.real_dice:.3f} |")
    return lines


def _triple(values: np.ndarray) -> str:
    return " ".join(f"{value:.1f}" for value in values)


class _Frame:
    """Moves, turns and scales hearts onto the cohort's mean left ventricle and muscle."""

    def __init__(self, moments: Sequence[Mapping[str, Moments]]) -> None:
        self.reference = measure_reference(moments, ANCHORS)

    def place(self, label_map: LabelMap) -> Placed:
        frame = fit_frame(_moments(_heart(label_map)), self.reference)
        index = np.round(label_map.ijk_from_ras(frame.to_ras(lattice() / self.reference.scale))).astype(int)[:, ::-1]
        held = np.all((index >= 0) & (index < label_map.voxels.shape), axis=1)
        present, fields = set(np.unique(label_map.voxels).tolist()), {}
        for key in COMPARED:
            label = load_vocabulary()[key].label
            if label in present:
                distance = signed_distance(label_map.voxels == label, label_map.spacing)
                fields[key] = np.full(len(index), 4 * _BAND, dtype=np.float32)
                fields[key][held] = distance[tuple(index[held].T)] * (self.reference.scale / frame.scale)
        return fields


def _heart(label_map: LabelMap) -> Heart:
    return Heart.from_label_map(label_map, {load_vocabulary()[key].label: key for key in ANCHORS})


def _moments(heart: Heart) -> dict[str, Moments]:
    return {key: moments_of(heart.regions[key], heart.ijk_to_ras) for key in ANCHORS}


def _comparison(key: str, ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Comparison:
    mean = np.mean([np.clip(field, -_BAND, _BAND) for field in ours], axis=0)
    total = np.sum([np.clip(field, -_BAND, _BAND) for field in theirs], axis=0)
    overlaps = []
    for field in theirs:
        where = _box(field < 0) if key in _CUT else slice(None)
        others = total - np.clip(field, -_BAND, _BAND)
        overlaps.append([_dice(guess[where] < 0, field[where] < 0) for guess in (mean, others)])
    dice, real_dice = np.mean(overlaps, axis=0)
    if key in _CUT:
        return Comparison(key, len(theirs), None, None, None, float(dice), float(real_dice))
    here, there = (np.array([lattice()[field < 0].mean(axis=0) for field in fields]) for fields in (ours, theirs))
    offset = there.mean(axis=0) - here.mean(axis=0)
    return Comparison(key, len(theirs), offset, here.std(axis=0), there.std(axis=0), float(dice), float(real_dice))


def _box(inside: np.ndarray) -> np.ndarray:
    """Which nodes lie in the box around the marked ones."""
    nodes = lattice()
    low, high = nodes[inside].min(axis=0), nodes[inside].max(axis=0)
    return np.all((nodes >= low) & (nodes <= high), axis=1)


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2.0 * np.count_nonzero(first & second) / max(np.count_nonzero(first) + np.count_nonzero(second), 1)
