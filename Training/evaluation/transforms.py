"""Whether results transform with the heart: turned, larger, smaller; and whether a mirrored heart is refused.

Prints for each scheme the mean Dice of hidden chambers and great vessels with the truth, of hearts as they are and of
the same hearts transformed, and how many mirrored hearts are refused.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.data.hearts import PreparedHearts
from Training.evaluation.metrics import dice, on_grid_of
from Training.evaluation.report import origin, write_section
from Training.schemes import schemes

DEGREES = 20.0
_SCHEMES = "lv,ventricles,ventricles_and_left_atrium,chambers"
_MIRRORED = np.diag([-1.0, 1.0, 1.0, 1.0])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, metavar="DIR", help="prepared hearts, of which the test split is used")
    parser.add_argument("--weights", metavar="FILE", help="the bundled ones without")
    parser.add_argument("--schemes", default=_SCHEMES, metavar="NAME[,NAME...]")
    parser.add_argument("--hearts", type=int, default=6, help="test hearts at most")
    parser.add_argument("--spacing", type=float, default=3.0, help="mm at which surfaces are resolved")
    parser.add_argument("--report", metavar="FILE", help="Markdown file whose section of this name is replaced")


def run(arguments: argparse.Namespace) -> None:
    model = load_model(arguments.weights)
    completer = HeartCompleter(model, "cpu")
    tested = PreparedHearts([arguments.data], "test", completer.structures)
    lines = [
        f"# Transformed hearts, {tested.names[0]}: Dice with the truth\n",
        origin("Weights", model) + "\n",
        f"Turned by {DEGREES:.0f} degrees to either side about each axis, or scaled; {arguments.spacing:g} mm.\n",
        "| scheme | hearts | structure | as it is | turned | at 0.8 | at 1.25 |\n|---|---|---|---|---|---|---|",
    ]
    refused = []
    for name in arguments.schemes.split(","):
        trusted = schemes()[name]
        chosen = tested.spread_evenly(arguments.hearts, trusted)
        found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        mirrored = 0
        for index in tqdm(chosen, desc=name, unit="heart", leave=False):
            heart, whole = tested.heart(index), tested.cases[index].whole
            sought = [key for key in _sought(trusted) if whole[tested.structures.index(key)]]
            for kind, matrix in transforms():
                for key, value in _dice(completer, heart, trusted, sought, matrix, arguments.spacing).items():
                    found[key][kind].append(value)
            mirrored += refused_mirrored(completer, heart, trusted)
        for key, kinds in found.items():
            means = " | ".join(f"{np.mean(values):.3f}" for values in kinds.values())
            lines.append(f"| {name} | {len(chosen)} | {load_vocabulary()[key].name} | {means} |")
        refused.append(f"{name} {mirrored} of {len(chosen)}")
    lines.append(f"\nMirrored left to right and refused: {', '.join(refused)}.")
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.report:
        write_section(Path(arguments.report), text)


def _sought(trusted: tuple[str, ...]) -> list[str]:
    """Hidden structures large enough for Dice to speak of their place: anchors and what springs from the ventricles."""
    vocabulary = load_vocabulary()
    return [s.key for s in vocabulary if s.key not in trusted and (s.anchor or s.key in ("aorta", "pulmonary_artery"))]


def transforms() -> list[tuple[str, np.ndarray]]:
    """Kind and matrix float64 [4, 4] of each, RAS mm to RAS mm, about the origin."""
    turns = [sign * DEGREES * axis for axis in np.eye(3) for sign in (1, -1)]
    kinds = [("as it is", np.eye(3))]
    kinds += [("turned", Rotation.from_rotvec(turn, degrees=True).as_matrix()) for turn in turns]
    kinds += [(f"at {scale}", scale * np.eye(3)) for scale in (0.8, 1.25)]
    return [(kind, np.block([[m, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])) for kind, m in kinds]


def _dice(
    completer: HeartCompleter,
    heart: Heart,
    trusted: tuple[str, ...],
    sought: list[str],
    matrix: np.ndarray,
    spacing: float,
) -> dict[str, float]:
    """Dice of the hidden structures of a transformed heart, transformed back."""
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    answer = completer.complete(heart.transformed(matrix), trusted, spacing=scale * spacing).heart
    back = on_grid_of(answer.transformed(np.linalg.inv(matrix)), heart)
    return {key: dice(back.regions.get(key), heart.regions[key]) for key in sought}


def refused_mirrored(completer: HeartCompleter, heart: Heart, trusted: tuple[str, ...]) -> bool:
    """Whether the heart is refused as mirrored once left and right of the patient are swapped."""
    try:
        completer.complete(heart.transformed(_MIRRORED), trusted, spacing=8.0)
    except CompletionError as error:
        return "mirrored" in str(error)
    return False
