"""Finding the factors of a real heart: pose and factors for which the virtual heart's surfaces meet the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from Training.cohort.anatomy import Anatomy
from Training.cohort.compose import GAPS, composed_field, shaped_by
from Training.cohort.curves import Branches, Vessel
from Training.cohort.factors import Factors, Population, population
from Training.cohort.fields import Solid
from Training.cohort.landmarks import attitude_angles
from Training.cohort.pose import Pose
from Training.cohort.real_heart import BAND, CHAMBERS, RealHeart

Ends = Mapping[str, Sequence[float]]  # vessel -> for each of its tubes, the sample of its centreline where it ends
CAVAE = ("superior_vena_cava", "inferior_vena_cava")
_WEIGHT = 120.0  # independent millimetre measurements that a chamber's surface counts for, against the population
_POSE_SPREAD = np.array([30.0, 30.0, 30.0, 4.0, 4.0, 4.0, 0.06])  # mm, degrees, log scale: prior spread of the pose


@dataclass(frozen=True)
class Fit:
    """A virtual heart in a real one's place.

    Attributes:
        pose: where it lies.
        scores: standard scores [measures] of its factors.
        variants: the kinds assumed.
        covariance: posterior covariance [measures, measures] of the scores, linearised; None for a first guess.
    """

    pose: Pose
    scores: np.ndarray
    variants: dict[str, str]
    covariance: np.ndarray | None = None

    @cached_property
    def factors(self) -> Factors:
        measures = population().scaled(population().values(self.scores), self.variants)
        return Factors(measures, self.variants, surface_seed=0)

    @cached_property
    def anatomy(self) -> Anatomy:
        return Anatomy(self.factors)

    @cached_property
    def measures(self) -> dict[str, float]:
        """The factors as the patient shows them: lengths times the pose's scale, the attitude with the pose's turn."""
        measures = {
            name: value * self.pose.scale if population().rows[name]["unit"] == "mm" else value
            for name, value in self.factors.measures.items()
        }
        angles = attitude_angles(self.pose.rotation @ self.anatomy.landmarks.frame)
        return measures | dict(zip(("axis_azimuth", "axis_elevation", "axis_roll"), angles, strict=True))

    def ends(self, real: RealHeart) -> Ends:
        """Where vessels leave the real ones: a scan shows more or less of them, and a cut is no wall."""
        ends = {}
        for key in [*real.keys, *CAVAE]:
            solid = self.anatomy.solid(key)
            if isinstance(solid, Vessel) and key != "left_atrial_appendage":
                # Where caval veins are not labelled, the right atrium's label holds what the scan shows of them.
                where = key if key in real.keys else "right_atrium"
                depths = [real.depth(where, self.pose.to_patient(tube.curve)) for tube in solid.tubes]
                ends[key] = [_end(depth, tube.radii[0]) for depth, tube in zip(depths, solid.tubes, strict=True)]
        return ends

    def visible(self, ends: Ends) -> dict[str, Solid]:
        """Vessels cut at given ends."""
        solids: dict[str, Solid] = {}
        for key, places in ends.items():
            solid = self.anatomy.solid(key)
            tubes = [tube.shortened(end) for tube, end in zip(solid.tubes, places, strict=True) if end > 0]
            solids[key] = Branches(tubes or [solid.tubes[0].shortened(1.0)], solid.round_over)
        return solids

    def field(self, key: str, ras: np.ndarray, solids: dict[str, Solid]) -> np.ndarray:
        """The structure's field (mm) [N] at patient positions [N, 3]; the right atrium with its caval stubs."""
        points = self.pose.to_heart(ras)
        field = composed_field(self.anatomy, key, points, solids)
        if key == "right_atrium":
            field = reduce(np.minimum, [solids[vein].field(points) for vein in CAVAE if vein in solids], field)
        return self.pose.scale * field

    def dice(self, real: RealHeart) -> dict[str, float]:
        """Overlap of each labelled structure, voxel by voxel on the real heart's grid."""
        solids, overlaps = self.visible(self.ends(real)), {}
        for key in real.keys:
            mask = real.masks[key]
            candidates = np.argwhere(real.fields[key] < 25.0)
            inside = self.field(key, real.label_map.ras_from_ijk(candidates[:, ::-1]), solids) < 0
            both = np.count_nonzero(inside & mask[tuple(candidates.T)])
            overlaps[key] = 2.0 * both / (np.count_nonzero(inside) + np.count_nonzero(mask))
        return overlaps


def first_guess(real: RealHeart, variants: dict[str, str]) -> Fit:
    """The average heart, turned and shifted so that the chambers' centres lie where the real ones do (Kabsch 1976)."""
    table = population()
    scores = np.zeros(len(table.names))
    average = Fit(Pose(np.zeros(7)), scores, variants).anatomy
    ours = np.array([_middle(average, key) for key in CHAMBERS])
    theirs = np.array([real.centroid(key) for key in CHAMBERS])
    u, _, v = np.linalg.svd((ours - ours.mean(axis=0)).T @ (theirs - theirs.mean(axis=0)))
    turn = v.T @ np.diag([1, 1, np.linalg.det(v.T @ u.T)]) @ u.T
    azimuth, elevation, roll = attitude_angles(turn @ average.landmarks.frame)
    wanted = {"axis_azimuth": azimuth, "axis_elevation": elevation, "axis_roll": roll}
    scores = table.scores({**table.values(scores), **wanted})
    shift = theirs.mean(axis=0) - turn @ ours.mean(axis=0)
    return Fit(Pose(np.concatenate([shift, np.zeros(4)])), scores, variants)


def _middle(anatomy: Anatomy, key: str) -> np.ndarray:
    """Roughly a chamber's centre of mass [3]: the mean of a coarse grid of points inside it."""
    low, high = anatomy.solid(key).bounds()
    axes = [np.arange(a, b, 5.0) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1).astype(np.float32)
    return points[:, composed_field(anatomy, key, points, {}) < 0].mean(axis=1)


def fit(real: RealHeart, variants: dict[str, str], rounds: int = 12) -> Fit:
    """Pose and factors of greatest posterior density, by Levenberg-Marquardt over standard scores.

    Residuals are differences between the virtual and the real signed distance near each labelled surface; the prior is
    the population itself. Factors of structures that are not labelled stay at what the others make likely.
    """
    problem = _Problem(real, population(), variants)
    state, damping = problem.start(first_guess(real, variants)), 0.3
    ends = problem.fit_of(state).ends(real)
    residual = problem.residual(state, ends)
    cost = problem.cost(state, residual)
    for _ in range(rounds):
        jacobian = problem.jacobian(state, residual, ends)
        gradient = jacobian.T @ residual + problem.precision @ (state - problem.centre)
        curvature = jacobian.T @ jacobian + problem.precision
        for _ in range(4):
            step = np.linalg.solve(curvature + damping * np.diag(np.diag(curvature)), -gradient)
            trial = state + np.clip(step, -problem.longest, problem.longest)
            trial_residual = problem.residual(trial, ends)
            if problem.cost(trial, trial_residual) < cost:
                damping = max(damping / 4, 1e-3)
                state = trial
                break
            damping *= 4
        ends = problem.fit_of(state).ends(real)
        residual = problem.residual(state, ends)
        cost = problem.cost(state, residual)
    return replace(problem.fit_of(state), covariance=problem.covariance(curvature))


class _Problem:
    """The optimiser's view: a vector of pose and standard scores, residuals, and the prior's precision."""

    def __init__(self, real: RealHeart, table: Population, variants: dict[str, str]) -> None:
        self.real, self.table, self.variants = real, table, variants
        used = {*real.keys, *CHAMBERS, "drivers", "attitude", "cavae"}
        themes = {theme for theme in table.table["measures"] if theme in used}
        themes |= {"veins"} if "pulmonary_veins" in used else set()
        themes |= {"appendage"} if "left_atrial_appendage" in used else set()
        self.free = np.array(table.indices(themes))
        self.precision = np.zeros((7 + len(self.free), 7 + len(self.free)))
        self.precision[:7, :7] = np.diag(_POSE_SPREAD**-2)
        # The tie to drivers leaves a factor of its own some play even where a driver explains it wholly.
        covariance = table.correlation[np.ix_(self.free, self.free)] + 0.2 * np.eye(len(self.free))
        self.precision[7:, 7:] = np.linalg.inv(covariance)
        self.longest = np.concatenate([[15.0, 15.0, 15.0, 5.0, 5.0, 5.0, 0.05], np.full(len(self.free), 1.0)])

    def start(self, guess: Fit) -> np.ndarray:
        """The optimiser's vector of a first guess, which also becomes the prior's centre of the pose."""
        self.fixed = guess.scores.copy()
        state = np.concatenate([guess.pose.values, guess.scores[self.free]])
        self.centre = np.concatenate([guess.pose.values, np.zeros(len(self.free))])
        return state

    def fit_of(self, state: np.ndarray) -> Fit:
        scores = self.fixed.copy()
        scores[self.free] = state[7:]
        return Fit(Pose(state[:7].copy()), scores, self.variants)

    def residual(self, state: np.ndarray, ends: Ends) -> np.ndarray:
        """Weighted differences of signed distance, all structures one after the other.

        Vessels are rebuilt from the state but end where they did for an earlier state.
        """
        return np.concatenate(list(self._parts(state, ends, self.real.keys).values()))

    def _parts(self, state: np.ndarray, ends: Ends, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The residuals of some structures."""
        fitted = self.fit_of(state)
        used = {*keys, *(other for key in keys for other in GAPS[key])}
        if "right_atrium" in keys:
            used |= set(CAVAE)
        cut = fitted.visible({key: ends[key] for key in used & set(ends)})
        parts = {}
        for key in keys:
            ours = np.clip(fitted.field(key, self.real.points[key], cut), -BAND, BAND)
            difference = ours - np.clip(self.real.distances[key], -BAND, BAND)
            parts[key] = (difference * np.sqrt(_WEIGHT / len(difference))).astype(np.float64)
        return parts

    def covariance(self, curvature: np.ndarray) -> np.ndarray:
        """Covariance [measures, measures] of all scores: of the free ones after the fit, of the others before it."""
        covariance = self.table.correlation.copy()
        others = np.setdiff1d(np.arange(len(covariance)), self.free)
        covariance[np.ix_(self.free, others)] = covariance[np.ix_(others, self.free)] = 0.0
        covariance[np.ix_(self.free, self.free)] = np.linalg.inv(curvature)[7:, 7:]
        return covariance

    def cost(self, state: np.ndarray, residual: np.ndarray) -> float:
        away = state - self.centre
        return float(residual @ residual + away @ self.precision @ away)

    def jacobian(self, state: np.ndarray, residual: np.ndarray, ends: Ends) -> np.ndarray:
        """Forward differences; drivers move no surface, they only tie the other factors together."""
        jacobian = np.zeros((len(residual), len(state)))
        stops = np.cumsum([len(self.real.distances[key]) for key in self.real.keys])
        rows = {
            key: slice(stop - len(self.real.distances[key]), stop)
            for key, stop in zip(self.real.keys, stops, strict=True)
        }
        for column in range(len(state)):
            keys = self.real.keys if column < 7 else self._moved_by(self.table.names[self.free[column - 7]])
            if not keys:
                continue
            step = 0.01 if column == 6 else 0.2
            moved = state.copy()
            moved[column] += step
            for key, part in self._parts(moved, ends, keys).items():
                jacobian[rows[key], column] = (part - residual[rows[key]]) / step
        return jacobian

    def _moved_by(self, name: str) -> list[str]:
        """The labelled structures whose surfaces a measure can move."""
        theme = self.table.theme_of[name]
        if theme == "cavae":  # their stubs count as right atrium where they are not labelled
            return [key for key in self.real.keys if key in ("right_atrium", *CAVAE) or shaped_by(theme, key)]
        stubs = {"right_atrium"} if theme == "aorta" else set()
        return [key for key in self.real.keys if key in stubs or shaped_by(theme, key)]


def _end(depth: np.ndarray, radius: float) -> float:
    """The sample, parts of one included, at which a centreline leaves a structure, given its depth (mm) there.

    Zero for a branch that begins too far out for its radius (mm): the scan ends before it.
    """
    inside = np.flatnonzero(depth < 0.0)
    if not len(inside):
        return 1.0 if depth[0] < radius + 3.0 else 0.0
    last = int(inside[-1])
    if last + 1 == len(depth):
        return float(last)
    return max(1.0, float(last + depth[last] / (depth[last] - depth[last + 1])))
