"""The pictures of an evaluation: which completions they show, what is said of them, and that the command makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.model.weights import load_model
from Testing.geometry.phantoms import ball, grid, voxelised
from Training.data.hearts import PreparedHearts
from Training.evaluation.comparison import compare, counted, measured
from Training.evaluation.contestants import Trained, Untrained
from Training.evaluation.pictures import draw_cases, draw_dice, illustrated
from Training.evaluation.worst_cases import WorstCase, WorstCases

SIZE = 64
GRID = grid((1.2, 1.2, 1.2), (10, 20, 30), SIZE, center=(0, 0, 0))
TRUSTED = ("left_ventricle",)


def heart(atrium: float, at: tuple[float, float, float] = (15, 0, 0)) -> Heart:
    """A ventricle, which is trusted, and an atrium of some radius (mm) beside it."""
    regions = {
        "left_ventricle": voxelised(ball(9, (-15, 0, 0)), GRID, SIZE),
        "left_atrium": voxelised(ball(atrium, at), GRID, SIZE),
    }
    return Heart(regions, (SIZE,) * 3, GRID)


def case(name: str, scheme: str, radius: float, at: tuple[float, float, float] = (15, 0, 0)) -> WorstCase:
    truth, completed = heart(10.0), heart(radius, at)
    overlaps = {key: row[0] for key, row in measured(completed, truth, TRUSTED).items()}
    return WorstCase(name, scheme, TRUSTED, truth, completed, overlaps)


def test_the_worst_are_shown_and_no_heart_or_scheme_twice() -> None:
    worst = WorstCases("model")
    for name, scheme, radius in (
        ("a", "lv", 4.0),
        ("b", "lv", 5.0),
        ("a", "chambers", 4.5),
        ("c", "chambers", 6.0),
        ("d", "left_heart", 9.0),
        ("e", "ventricles", 9.5),
    ):
        worst.look_at(case(name, scheme, radius))
    assert [(found.name, found.scheme) for found in worst.chosen()] == [
        ("a", "lv"),
        ("c", "chambers"),
        ("d", "left_heart"),
    ]


def test_what_is_wrong_is_said_in_numbers(prepared: Path) -> None:
    training = PreparedHearts([prepared], "train", ("left_ventricle", "left_atrium"))
    small = case("a", "lv", 8.0, at=(15, 0, 6)).reasons(training)
    assert "Left atrium: 4 ml made 49% too small, its middle 6 mm off." in small
    assert "larger than in 100% of the training hearts" in small  # an atrium as large as the ventricle
    nothing = WorstCase("a", "lv", TRUSTED, heart(10.0), heart(10.0).keep(TRUSTED), {"left_atrium": 0.0})
    assert nothing.reasons(training) == "Left atrium: 4 ml, none of it found."


def test_truth_and_completion_are_drawn_on_the_same_scale(tmp_path: Path) -> None:
    """The same heart twice gives the same view twice; where the atrium is missing, the ventricle is as large."""
    missing = WorstCase("a", "lv", TRUSTED, heart(10.0), heart(10.0).keep(TRUSTED), {"left_atrium": 0.0})
    inked = {}
    for name, shown in (("same", case("a", "lv", 10.0, at=(15, 0.1, 0))), ("missing", missing)):
        draw_cases([shown], tmp_path / f"{name}.png")
        picture = imread(tmp_path / f"{name}.png")[30:, :, :3].min(axis=2)
        width = picture.shape[1] // 5
        inked[name] = [np.count_nonzero(picture[:, k * width : (k + 1) * width] < 0.95) for k in range(2)]
    assert inked["same"][0] == pytest.approx(inked["same"][1], rel=0.05)
    assert inked["missing"][0] == pytest.approx(inked["same"][0], rel=0.05)
    assert inked["missing"][1] == pytest.approx(inked["missing"][0] * 81 / 181, rel=0.2)


def test_a_comparison_keeps_the_worst_of_one_contestant_and_illustrates_them(prepared: Path, tmp_path: Path) -> None:
    model = load_model(None)
    keys = model.network.config.structures
    tested = PreparedHearts([prepared], "test", keys)
    trusted = ("myocardium", "left_ventricle")
    worst = WorstCases(Trained.name)
    contestants = [Untrained(model), Trained(model)]
    scores = compare(contestants, tested, [0], trusted, 6.0, "lv", worst)
    (found,) = worst.chosen()
    assert found.name == tested.sources[0].name.split(".")[0]
    assert found.mean_dice == np.mean([rows[0][0] for (name, _), rows in scores.items() if name == Trained.name])
    report = tmp_path / "deep" / "RESULTS.md"
    text = illustrated(report, "Phase 2, virtual", {"lv": scores}, worst, tested)
    pictures = [f"RESULTS-phase-2-virtual-{kind}.png" for kind in ("dice", "worst")]
    for picture in pictures:
        assert f"]({picture})" in text
        assert 5_000 < (report.parent / picture).stat().st_size < 200_000
    assert f"1. {found.name}, lv: mean Dice" in text
    assert illustrated(None, "Phase 2, virtual", {"lv": scores}, worst, tested) == ""


def test_what_lies_beyond_a_stub_is_neither_scored_nor_drawn() -> None:
    k, j, i = np.indices((SIZE,) * 3)
    tube = np.hypot(i - 32, j - 32) < 5
    masks = {"left_ventricle": (k - 12) ** 2 + (j - 32) ** 2 + (i - 32) ** 2 < 64}
    stub, longer = tube & (k >= 20) & (k < 34), tube & (k >= 20) & (k < 50)
    truth, answer = (
        Heart({key: Region.of_mask(mask) for key, mask in {**masks, "aorta": aorta}.items()}, (SIZE,) * 3, np.eye(4))
        for aorta in (stub, longer)
    )
    shown = counted(answer, truth, TRUSTED, partly=["aorta"]).regions["aorta"]
    assert shown.mask.shape[0] == pytest.approx(14, abs=1)
    assert counted(answer, truth, TRUSTED, partly=[]).regions["aorta"].mask.shape[0] == 30


def test_the_legend_names_who_answers_for_one_structure_only(tmp_path: Path) -> None:
    row = (0.5, 1.0, 1.0, 0.0, 0.5)
    draw_dice({"lv": {("a", "left_atrium"): [row], ("b", "aorta"): [row]}}, tmp_path / "dice.png")
    legend = imread(tmp_path / "dice.png")[:35, :, :3]
    for color in ("C0", "C1"):
        assert np.abs(legend - to_rgb(color)).sum(axis=-1).min() < 0.2
