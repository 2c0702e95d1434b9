"""The posterior shape model: principal components of signed distance fields, conditioned on the trusted structures.

The mean of a Gaussian over whole hearts given part of one (Albrecht et al. 2013, Medical Image Analysis 17:959), with
the fields of all structures, clamped to a band around the surface, as the shape vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.expectation import Places
from CardiacCompletionLib.geometry.frame import HeartFrame, Reference, fit_frame
from Training.baselines.mean_heart import heart_fields
from Training.data.hearts import PreparedHearts

# In spreads of a structure, whose surface lies at about two of them.
BAND = 1.0
# Of 0.05, 0.3, 1 and 3 the best on real hearts in five folds (chambers from myocardium and left ventricle).
RIDGE = 0.3


@dataclass(frozen=True)
class PosteriorShapeModel:
    """Shapes are float32 [C, N]: signed distances in spreads at the N nodes of each structure, clamped to the band.

    Attributes:
        structures: keys of the class axis.
        places: where the mean heart has its structures; the nodes are placed by them.
        nodes: positions [N, 3] in spreads.
        mean: [C, N].
        modes: [M, C, N], each times its standard deviation.
    """

    structures: tuple[str, ...]
    places: Places
    nodes: np.ndarray
    mean: np.ndarray
    modes: np.ndarray

    @classmethod
    def fit(
        cls,
        hearts: PreparedHearts,
        trusted: Sequence[str],
        reference: Reference,
        places: Places,
        nodes: np.ndarray,
        count: int,
        workers: int,
    ) -> PosteriorShapeModel:
        """Learn from ``count`` training hearts, each in the frame its own trusted structures give it."""
        chosen = hearts.spread_evenly(count, trusted)
        with ProcessPoolExecutor(workers) as pool:
            jobs = []
            for index in chosen:
                moments = hearts.moments(index)
                frame = fit_frame({key: moments[key] for key in trusted}, reference)
                jobs.append(pool.submit(heart_fields, hearts.heart(index), hearts.structures, frame, places, nodes))
            shapes = np.stack([np.clip(job.result(), -BAND, BAND) for job in jobs])
        # What a heart lacks counts as the mean of the others; what all of them lack is nowhere.
        lacking = np.isnan(shapes)
        mean = np.where(lacking, 0.0, shapes).sum(axis=0) / np.maximum((~lacking).sum(axis=0), 1)
        mean = np.where(lacking.all(axis=0), BAND, mean).astype(np.float32)
        shapes = np.where(lacking, mean, shapes)
        centred = (shapes - mean).reshape(len(shapes), -1)
        # Principal components through the small Gram matrix of the hearts.
        values, vectors = np.linalg.eigh(centred @ centred.T / len(shapes))
        kept = values > 1e-4 * values.max()
        modes = (vectors[:, kept].T / np.sqrt(len(shapes))) @ centred
        return cls(hearts.structures, places, nodes, mean, modes.reshape(-1, *mean.shape).astype(np.float32))

    def posterior_mean(self, heart: Heart, trusted: Sequence[str], frame: HeartFrame) -> np.ndarray:
        """Fields [C, N] of the likeliest heart, given the trusted structures of this one in their frame."""
        given = [self.structures.index(key) for key in trusted]
        fields = heart_fields(heart.keep(trusted), self.structures, frame, self.places, self.nodes)
        seen = np.clip(fields[given], -BAND, BAND)
        basis = self.modes[:, given].reshape(len(self.modes), -1)
        # Relative to its own spread every mode has unit variance a priori; the noise is a share of the seen variance.
        gram = basis @ basis.T
        noise = RIDGE * np.trace(gram) / len(gram)
        weights = np.linalg.solve(gram + noise * np.eye(len(gram)), basis @ (seen - self.mean[given]).ravel())
        return self.mean + np.tensordot(weights, self.modes, axes=1)
