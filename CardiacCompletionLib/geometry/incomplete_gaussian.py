"""The Gaussian of hearts of which each shows only some of the numbers, by expectation maximisation (Dempster 1977,
J. R. Stat. Soc. B 39, 1).

That creeps where most hearts lack a structure, by as little a round as there are few that show it. So it begins where
it nearly ends: what a heart lacks follows, by ridge regression, from what it has in common with hearts that show it.
"""

from __future__ import annotations

import numpy as np

_ROUNDS = 12
_RIDGE = 1e-4


def incomplete_gaussian(hearts: np.ndarray, weights: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [N] and covariance [N, N] of rows [H, N] with gaps (NaN); some row shows each number.

    Args:
        weights: of the rows [H], their sum 1.
        noise: variance [N] of what is read where others follow from it.
    """
    seen = np.isfinite(hearts)
    alike = _alike(seen)
    filled, unsure = _first_filled(hearts, weights, noise, alike)
    mean, covariance = _moments(filled, weights, unsure)
    for _ in range(_ROUNDS):
        unsure = np.zeros_like(covariance)
        for members in alike:
            here, gone = np.flatnonzero(seen[members[0]]), np.flatnonzero(~seen[members[0]])
            if len(gone):
                told = covariance[np.ix_(here, here)] + np.diag(noise[here])
                pull = np.linalg.solve(told, covariance[np.ix_(here, gone)])
                filled[np.ix_(members, gone)] = mean[gone] + (hearts[np.ix_(members, here)] - mean[here]) @ pull
                left = covariance[np.ix_(gone, gone)] - pull.T @ covariance[np.ix_(here, gone)]
                unsure[np.ix_(gone, gone)] += weights[members].sum() * left
        mean, covariance = _moments(filled, weights, unsure)
    return mean, covariance


def _first_filled(
    hearts: np.ndarray, weights: np.ndarray, noise: np.ndarray, alike: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The rows without gaps [H, N], and the covariance [N, N] of what remains unsure in them."""
    seen = np.isfinite(hearts)
    filled, unsure = np.where(seen, hearts, 0.0), np.zeros((hearts.shape[1], hearts.shape[1]))
    for columns in _alike(seen.T):
        shows = seen[:, columns[0]]
        showing = [members for members in alike if shows[members[0]]]
        most = max(showing, key=lambda members: weights[members].sum())[0]
        for members in (members for members in alike if not shows[members[0]]):
            common = np.flatnonzero(seen[members[0]] & seen[most])
            tellers = np.flatnonzero(shows & seen[:, common].all(axis=1))
            share = weights[tellers] / weights[tellers].sum()
            told, sought = hearts[np.ix_(tellers, common)], hearts[np.ix_(tellers, columns)]
            pull, left = _regression(told, sought, share, noise[common])
            off = hearts[np.ix_(members, common)] - share @ told
            filled[np.ix_(members, columns)] = share @ sought + off @ pull
            unsure[np.ix_(columns, columns)] += weights[members].sum() * left
    return filled, unsure


def _regression(
    told: np.ndarray, sought: np.ndarray, share: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How numbers [H, S] follow from others [H, T] that are read with this noise: [T, S], and what is left, [S, S]."""
    told, sought = told - share @ told, sought - share @ sought
    weighted = told * share[:, None]
    pull = np.linalg.solve(told.T @ weighted + np.diag(noise), weighted.T @ sought)
    left = sought - told @ pull
    return pull, left.T @ (left * share[:, None])


def _moments(filled: np.ndarray, weights: np.ndarray, unsure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weights @ filled
    offset = filled - mean
    return mean, offset.T @ (offset * weights[:, None]) + unsure + _RIDGE * np.eye(len(mean))


def _alike(seen: np.ndarray) -> list[np.ndarray]:
    """Indices of the rows of a mask that are the same, for every kind of row."""
    kinds: dict[bytes, list[int]] = {}
    for index, row in enumerate(seen):
        kinds.setdefault(row.tobytes(), []).append(index)
    return [np.array(members) for members in kinds.values()]
