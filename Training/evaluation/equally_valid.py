"""The limit of any completion on virtual hearts: others that share the trusted structures, taken as answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from Training.cohort.conditional import conditional
from Training.cohort.heart import VirtualHeart
from Training.cohort.heart import heart as virtual_heart
from Training.cohort.record import read_rows
from Training.data.hearts import PreparedHearts
from Training.evaluation.contestants import Question
from Training.evaluation.metrics import dice

_STRAY = 0.2  # mm


class EquallyValid:
    """Hearts that agree with the given one in what is trusted; how far they are from it is what remains open.

    Args:
        count: how many to draw for each heart.
        tested: hearts of one virtual cohort, its ``cohort.csv`` beside the label maps.

    Raises:
        CompletionError: if they are no virtual hearts, or the first of them is of another population.
    """

    name = "equally valid hearts"

    def __init__(self, count: int, tested: PreparedHearts) -> None:
        self._count = count
        seed, spacing = _origin(tested.sources[0])
        again = _as_heart(virtual_heart(seed, spacing=spacing))
        if any(dice(again.regions.get(key), region) < 1.0 for key, region in tested.heart(0).regions.items()):
            raise CompletionError(
                f"{tested.sources[0].name} is of another population than the generator's: make the cohort again."
            )

    def answers(self, question: Question) -> Iterator[Heart]:
        """Hearts drawn with the seed of the one in question."""
        seed, spacing = _origin(question.source)
        for other in conditional(seed, question.trusted, self._count, spacing):
            yield _on_lattice_of(question.heart, _as_heart(other))


def _on_lattice_of(heart: Heart, other: Heart) -> Heart:
    """The other heart moved onto the lattice of the first: where a heart lies in its chest is held to a tenth of a mm.

    Raises:
        ValueError: if it lies farther off.
    """
    offset = np.linalg.solve(heart.ijk_to_ras, other.ijk_to_ras)
    strays = (offset[:3, 3] - offset[:3, 3].round()) * heart.spacing
    if np.abs(strays).max() > _STRAY:
        raise ValueError(f"The two hearts lie {np.abs(strays).max():.2g} mm off each other's lattice.")
    offset[:3, 3] = offset[:3, 3].round()
    return Heart(other.regions, other.shape, heart.ijk_to_ras @ offset)


def _origin(source: Path) -> tuple[int, float]:
    """Seed and spacing (mm) of a virtual heart.

    Raises:
        CompletionError: if the file is none.
    """
    source = source.resolve()  # a cohort may be a folder of links
    row = read_rows(source.parent).get(source.name.split(".")[0])
    if row is None:
        raise CompletionError(f"{source.name} is no virtual heart, and only of those the limit can be measured.")
    return int(row["seed"]), float(row["spacing_mm"])


def _as_heart(virtual: VirtualHeart) -> Heart:
    return Heart.from_label_map(virtual.label_map, load_vocabulary().convention("cardiac10"))
