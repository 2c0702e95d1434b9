"""population.json: one command makes it from the committed table and the fits of real hearts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from Training.__main__ import main
from Training.cohort.factors import Population, population
from Training.cohort.population_command import PRIOR_PATH
from Training.cohort.recentre import FittedHeart, read_fits, recentred, write_fits


@pytest.fixture(scope="module")
def prior() -> Population:
    return Population(json.loads(PRIOR_PATH.read_text(encoding="utf-8")))


def fits(prior: Population, shift: dict[str, float], count: int = 12) -> list[FittedHeart]:
    """Hearts that show every measure well: drawn around the prior's mean, some measures shifted by so many spreads."""
    rng = np.random.default_rng(5)
    root = np.linalg.cholesky(prior.correlation + 1e-9 * np.eye(len(prior.names)))
    offset = np.array([shift.get(name, 0.0) for name in prior.names])
    certain = 1e-4 * np.diag(prior.spreads**2)
    scores = [root @ rng.standard_normal(len(prior.names)) + offset for _ in range(count)]
    return [FittedHeart(f"real_{k}", 1.0, prior.values(score), certain) for k, score in enumerate(scores)]


def test_the_command_writes_the_table_of_its_fits_the_same_way_twice(prior, tmp_path):
    hearts = fits(prior, {"rv_right": 1.5})
    write_fits(tmp_path, prior, hearts)
    paths = [tmp_path / "first.json", tmp_path / "second.json"]
    for path in paths:
        assert main(["cohort-population", str(tmp_path), "--out", str(path)]) == 0
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert json.loads(paths[0].read_text(encoding="utf-8")) == recentred(prior, read_fits(tmp_path, prior))


def test_fits_move_assumed_rows_and_neither_cited_nor_held_ones(prior):
    shifted = dict.fromkeys(("rv_right", "trunk_radius", "arch_span", "wall_septal"), 1.5)
    new = Population(recentred(prior, fits(prior, shifted)))
    assert new.rows["rv_right"]["mean"] > 1.05 * prior.rows["rv_right"]["mean"]
    assert new.rows["rv_right"]["source"] == "fits"
    for name in ("trunk_radius", "arch_span", "wall_septal"):
        for entry in ("mean", "sd", "source"):
            assert new.rows[name][entry] == prior.rows[name][entry]


def test_what_hearts_tie_stays_tied(prior):
    names = ("tricuspid_valve_y", "la_centre_y")
    together = np.array([float(name in names) for name in prior.names])
    tied = []
    for k, heart in enumerate(fits(prior, {}, count=40)):
        measures = prior.values(prior.scores(heart.measures) + 2.0 * (-1) ** k * together)
        tied.append(FittedHeart(heart.name, 1.0, measures, heart.covariance))
    new = Population(recentred(prior, tied))
    first, second = (new.names.index(name) for name in names)
    assert new.correlation[first, second] > 0.55
    assert np.linalg.eigvalsh(new.correlation).min() > 0


def test_a_folder_without_fits_is_refused(tmp_path, capsys):
    assert main(["cohort-population", str(tmp_path), "--out", str(tmp_path / "p.json")]) == 2
    assert "holds no fits" in capsys.readouterr().err


def test_the_shipped_table_comes_from_the_committed_one(prior):
    """Whatever the fits say, names, units, sources and all held or cited numbers are those of prior.json."""
    shipped = population()
    assert [name for name in shipped.names if not name.startswith("shape_")] == prior.names
    assert shipped.table["sources"] == prior.table["sources"]
    assert shipped.table["variants"] == prior.table["variants"]
    for name, row in prior.rows.items():
        assert shipped.rows[name]["unit"] == row["unit"]
        if row.get("held") or row["source"] != "assumed":
            assert (shipped.rows[name]["mean"], shipped.rows[name]["sd"]) == (row["mean"], row["sd"])
