"""Factors and their population: what a seed draws, what ties them, what a variant changes."""

from __future__ import annotations

import numpy as np
import pytest

from Training.cohort.factors import LIMIT, population


@pytest.fixture(scope="module")
def draws():
    return [population().draw(seed) for seed in range(400)]


def test_every_number_names_a_source_that_the_table_explains():
    table = population().table
    rows = [row for part in ("measures", "variants") for theme in table[part].values() for row in theme.values()]
    assert {row["source"] for row in rows} <= set(table["sources"])


def test_correlations_are_those_of_a_distribution():
    correlation = population().correlation
    assert np.allclose(np.diag(correlation), 1.0, atol=1e-6)
    assert np.linalg.eigvalsh(correlation).min() > 0


def test_drawn_scores_have_the_spread_and_ties_of_the_table(draws):
    scores = np.array([population().scores_of(factors) for factors in draws])
    assert np.abs(scores).max() <= LIMIT + 1e-6
    assert np.abs(scores.mean(axis=0)).max() < 0.25
    assert np.median(scores.std(axis=0)) == pytest.approx(0.97, abs=0.06)
    names = population().names
    pair = [names.index("lv_length"), names.index("rv_apical")]
    wanted = population().correlation[pair[0], pair[1]]
    assert np.corrcoef(scores[:, pair].T)[0, 1] == pytest.approx(wanted, abs=0.15)


def test_women_have_smaller_hearts_than_men(draws):
    sizes = {sex: np.mean([f["size"] for f in draws if f.variants["sex"] == sex]) for sex in ("female", "male")}
    assert sizes["male"] - sizes["female"] > 0.8


def test_systole_shortens_the_left_ventricle_and_thickens_its_wall(draws):
    def mean(phase: str, name: str) -> float:
        return float(np.mean([f[name] for f in draws if f.variants["phase"] == phase]))

    assert mean("systole", "lv_radius") < 0.85 * mean("diastole", "lv_radius")
    assert mean("systole", "wall_lateral") > 1.15 * mean("diastole", "wall_lateral")


def test_variants_come_in_their_published_frequencies(draws):
    kinds = [factors.variants["appendage"] for factors in draws]
    assert kinds.count("chicken_wing") / len(kinds) == pytest.approx(0.48, abs=0.09)
    assert set(kinds) == {"chicken_wing", "cactus", "windsock", "cauliflower"}
