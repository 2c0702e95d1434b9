"""The completions that went worst, kept while hearts are compared, and what is wrong with each in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.frame import moments_of
from Training.data.hearts import PreparedHearts

COUNT = 3


@dataclass(frozen=True)
class WorstCase:
    """A heart, and what was made of a part of it.

    Attributes:
        name: of the label map.
        scheme: whose structures were trusted.
        truth: the whole heart.
        completed: the completion on the truth's grid, as far as it counts.
        dice: structure -> Dice, of all that was hidden and is known.
    """

    name: str
    scheme: str
    trusted: tuple[str, ...]
    truth: Heart
    completed: Heart
    dice: dict[str, float]

    @property
    def mean_dice(self) -> float:
        return float(np.mean(list(self.dice.values())))

    @property
    def most_wrong(self) -> str:
        """The structure with the most voxels that only the truth or only the completion holds."""
        return max(self.dice, key=lambda key: int(self.wrong(key).sum()))

    def wrong(self, key: str) -> np.ndarray:
        """Voxels bool [K, J, I] of the grid on which truth and completion disagree on a structure."""
        masks = np.zeros((2, *self.truth.shape), dtype=bool)
        for mask, heart in zip(masks, (self.truth, self.completed), strict=True):
            if key in heart.regions:
                mask[heart.regions[key].box] = heart.regions[key].mask
        return masks[0] ^ masks[1]

    def reasons(self, training: PreparedHearts) -> str:
        """A sentence: how the most wrong structure differs, and whether the heart itself is out of the ordinary."""
        key = self.most_wrong
        name, true = load_vocabulary()[key].name, self.truth.volume_ml(key)
        if key not in self.completed.regions:
            return f"{name}: {true:.0f} ml, none of it found."
        change = self.completed.volume_ml(key) / true - 1
        middles = [moments_of(heart.regions[key], heart.ijk_to_ras).centroid for heart in (self.truth, self.completed)]
        wrong = (
            f"{name}: {true:.0f} ml made {abs(change):.0%} too {'large' if change > 0 else 'small'}, its middle "
            f"{np.linalg.norm(middles[1] - middles[0]):.0f} mm off."
        )
        share = _share_of_smaller(self, key, training)
        if share is None:
            return wrong
        return f"{wrong} Beside what is trusted, the true one is larger than in {share:.0%} of the training hearts."


class WorstCases:
    """Keeps one contestant's worst completions of every scheme, by mean Dice of what was hidden."""

    def __init__(self, contestant: str) -> None:
        self.contestant = contestant
        self._kept: dict[str, list[WorstCase]] = {}

    def look_at(self, case: WorstCase) -> None:
        kept = sorted([*self._kept.get(case.scheme, []), case], key=lambda case: case.mean_dice)
        self._kept[case.scheme] = kept[:COUNT]

    def chosen(self) -> list[WorstCase]:
        """The worst `COUNT` of all, no heart and no scheme twice: failures that are not one and the same."""
        found: list[WorstCase] = []
        for case in sorted((case for kept in self._kept.values() for case in kept), key=lambda case: case.mean_dice):
            if not any(case.name == other.name or case.scheme == other.scheme for other in found):
                found.append(case)
        return found[:COUNT]


def _share_of_smaller(case: WorstCase, key: str, training: PreparedHearts) -> float | None:
    """Share of the training hearts in which a structure, measured by the trusted ones, is smaller; None without any."""
    keys = (key, *case.trusted)
    moments = [moments_of(case.truth.regions[name], case.truth.ijk_to_ras) for name in keys]
    own = _relative_size([each.size for each in moments])
    columns = [training.structures.index(name) for name in keys]
    usable = [heart for heart in training.cases if heart.whole[columns].all()]
    others = [_relative_size(np.linalg.norm(heart.spreads[columns], axis=(1, 2))) for heart in usable]
    return float(np.mean(np.array(others) < own)) if others else None


def _relative_size(sizes: Sequence[float] | np.ndarray) -> float:
    """Size of the first structure over the mean size of the others."""
    return float(sizes[0] / np.mean(sizes[1:]))
