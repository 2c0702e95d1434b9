"""What makes one heart differ from another, and how likely each difference is: factors, their spread, their ties."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

TABLE_PATH = Path(__file__).with_name("population.json")
LIMIT = 2.5  # standard scores are kept within this, where the anatomy still holds together


@dataclass(frozen=True)
class Factors:
    """One heart's factors.

    Attributes:
        measures: name -> value, in the unit that `population.json` states.
        variants: name -> the kind chosen, e.g. appendage -> windsock.
        surface_seed: what the random deformation of the whole heart is drawn from.
    """

    measures: Mapping[str, float]
    variants: Mapping[str, str]
    surface_seed: int

    def __getitem__(self, name: str) -> float:
        return self.measures[name]

    def triple(self, name: str) -> np.ndarray:
        """The vector [3] stored as NAME_x, NAME_y, NAME_z."""
        return np.array([self.measures[f"{name}_{axis}"] for axis in "xyz"])

    def series(self, name: str) -> np.ndarray:
        """The array stored as NAME_0, NAME_1, ..."""
        values = []
        while f"{name}_{len(values)}" in self.measures:
            values.append(self.measures[f"{name}_{len(values)}"])
        return np.array(values)


@dataclass(frozen=True)
class Population:
    """The joint distribution of factors: a table of means, spreads and ties, with the source of each.

    Standard scores are jointly Gaussian: each is a sum over drivers (body size, age, remodelling, ...) and a part of
    its own, so correlations follow from shared drivers and are always consistent. A measure is mean + sd * score, or,
    on a "log" scale, mean * exp(sd * score), sd then being relative.
    """

    table: Mapping[str, Mapping]

    @cached_property
    def names(self) -> list[str]:
        """All measures in the table's order."""
        return [name for theme in self.table["measures"].values() for name in theme]

    @cached_property
    def theme_of(self) -> dict[str, str]:
        """Measure or variant -> its theme."""
        both = [*self.table["measures"].items(), *self.table["variants"].items()]
        return {name: theme for theme, rows in both for name in rows}

    @cached_property
    def rows(self) -> dict[str, Mapping]:
        """Measure -> its row."""
        return {name: row for theme in self.table["measures"].values() for name, row in theme.items()}

    @cached_property
    def drivers(self) -> list[str]:
        """The measures that others load on."""
        return list(self.table["measures"]["drivers"])

    @cached_property
    def loadings(self) -> np.ndarray:
        """Correlation [measures, drivers] of each measure with each (mutually independent) driver."""
        loadings = np.zeros((len(self.names), len(self.drivers)))
        for i, name in enumerate(self.names):
            if name in self.drivers:
                loadings[i, self.drivers.index(name)] = 1.0
            for driver, weight in self.rows[name].get("load", {}).items():
                loadings[i, self.drivers.index(driver)] = weight
        return loadings

    @cached_property
    def own(self) -> np.ndarray:
        """The standard deviation [measures] of each score that no driver explains."""
        return np.sqrt(np.maximum(1.0 - np.sum(self.loadings**2, axis=1), 0.0))

    @cached_property
    def correlation(self) -> np.ndarray:
        """Correlation [measures, measures] of the scores."""
        return self.loadings @ self.loadings.T + np.diag(self.own**2)

    @cached_property
    def spreads(self) -> np.ndarray:
        """Standard deviation [measures] of each measure, or of its logarithm on a "log" scale."""
        return np.array([self.rows[name]["sd"] for name in self.names], dtype=float)

    def values(self, scores: np.ndarray) -> dict[str, float]:
        """Measures of standard scores [measures]."""
        measures = {}
        for name, score in zip(self.names, scores, strict=True):
            row = self.rows[name]
            grows = row.get("scale") == "log"
            mean, spread = row["mean"], row["sd"] * float(score)
            measures[name] = float(mean * np.exp(spread)) if grows else float(mean + spread)
        return measures

    def scores(self, measures: Mapping[str, float]) -> np.ndarray:
        """Standard scores [measures] of measures."""
        scores = []
        for name in self.names:
            row, value = self.rows[name], measures[name]
            grows = row.get("scale") == "log"
            difference = np.log(value / row["mean"]) if grows else value - row["mean"]
            scores.append(difference / row["sd"] if row["sd"] else 0.0)
        return np.array(scores)

    def scores_of(self, factors: Factors) -> np.ndarray:
        """Standard scores [measures] of a heart's factors, what its variants change undone."""
        neutral = self.scaled(dict.fromkeys(self.names, 1.0), factors.variants)
        return self.scores({name: value / neutral[name] for name, value in factors.measures.items()})

    def draw(self, seed: int) -> Factors:
        """The factors of the heart of a seed. Each theme has a stream of its own, so adding a theme moves no other."""
        variants = self.draw_variants(seed)
        scores = np.zeros(len(self.names))
        for theme in self.table["measures"]:
            places = self.indices([theme])
            scores[places] = stream(seed, theme).standard_normal(len(places))
        for shift in self._effects("shift", variants):
            for driver, by in shift.items():  # the rest of the driver's variance is left to chance
                place = self.names.index(driver)
                scores[place] = by + np.sqrt(1 - by * by) * scores[place]
        drivers = scores[[self.names.index(name) for name in self.drivers]]
        scores = np.clip(self.loadings @ drivers + self.own * scores, -LIMIT, LIMIT)
        return Factors(self.scaled(self.values(scores), variants), variants, surface_seed=seed)

    def scaled(self, measures: Mapping[str, float], variants: Mapping[str, str]) -> dict[str, float]:
        """Measures as a variant changes them, e.g. a shorter ventricle in systole."""
        measures = dict(measures)
        for scale in self._effects("scale", variants):
            for name, by in scale.items():
                measures[name] *= by
        return measures

    def _effects(self, kind: str, variants: Mapping[str, str]) -> list[Mapping[str, float]]:
        """What the chosen variants do: "shift" drivers' scores or "scale" measures."""
        rows = [(name, row) for theme in self.table["variants"].values() for name, row in theme.items()]
        return [row[kind][variants[name]] for name, row in rows if variants[name] in row.get(kind, {})]

    def draw_variants(self, seed: int) -> dict[str, str]:
        """One kind of every variant, by its published frequency."""
        chosen = {}
        for theme, rows in self.table["variants"].items():
            rng = stream(seed, f"{theme} variants")
            for name, row in rows.items():
                frequency = np.array(list(row["frequency"].values()), dtype=float)
                chosen[name] = str(rng.choice(list(row["frequency"]), p=frequency / frequency.sum()))
        return chosen

    def mean(self) -> Factors:
        """The average heart: all scores zero, the most frequent variants, no random deformation of its own choice."""
        variants = {
            name: max(row["frequency"], key=row["frequency"].get)
            for rows in self.table["variants"].values()
            for name, row in rows.items()
        }
        measures = self.values(np.zeros(len(self.names)))
        return Factors(self.scaled(measures, variants), variants, surface_seed=0)

    def indices(self, themes: Iterable[str]) -> list[int]:
        """Positions of the measures of some themes."""
        themes = set(themes)
        return [i for i, name in enumerate(self.names) if self.theme_of[name] in themes]


def stream(seed: int, theme: str) -> np.random.Generator:
    """The independent random stream of a theme under a seed."""
    return np.random.default_rng([seed, zlib.crc32(theme.encode())])


@lru_cache(maxsize=1)
def population() -> Population:
    """The population of `population.json`."""
    return Population(json.loads(TABLE_PATH.read_text(encoding="utf-8")))
