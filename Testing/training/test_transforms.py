"""The table of transformed hearts, on the shipped weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.clock import Clock
from CardiacCompletionLib.completion.evidence import measure, weigh
from CardiacCompletionLib.completion.inference import Inference
from CardiacCompletionLib.model.weights import load_model
from Training.__main__ import main
from Training.data.hearts import PreparedHearts
from Training.evaluation.transforms import DEGREES, refused_mirrored, transforms


def test_size_costs_little_and_mirrored_hearts_are_refused(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.md"
    words = ["transforms", "--data", str(prepared), "--schemes", "ventricles", "--hearts", "1", "--spacing", "6"]
    assert main([*words, "--report", str(report)]) == 0
    text = report.read_text()
    assert text.strip() in capsys.readouterr().out
    assert "refused: ventricles 1 of 1" in text
    rows = {row[3]: [float(value) for value in row[4:8]] for row in cells(text)}
    assert rows.keys() == {"Left atrium", "Right atrium", "Aorta", "Pulmonary artery"}
    for name in ("Left atrium", "Right atrium"):
        as_it_is, turned, smaller, larger = rows[name]
        assert as_it_is > 0.5
        assert turned > as_it_is - 0.15
        assert min(smaller, larger) > as_it_is - 0.03


@pytest.mark.parametrize(
    ("size", "least", "most"), [(0.5, 0.0, 0.01), (0.8, 0.01, 0.12), (1.25, -0.12, 0.0), (2.0, -0.01, 0.0)]
)
def test_atria_of_an_unusual_heart_are_nearly_expected_by_proportions(
    prepared: Path, size: float, least: float, most: float
) -> None:
    """In its frame: of a somewhat small heart they are a little larger, of one that is no adult's they are not."""
    model = load_model()
    heart = PreparedHearts([prepared], "test", model.network.config.structures).heart(0)
    partial = heart.keep(["myocardium", "left_ventricle", "right_ventricle"])
    cohort, clock, vocabulary = (
        model.network.prior.expectation(model.network.config.structures),
        Clock(),
        load_vocabulary(),
    )
    seen = measure(partial.transformed(np.diag([size, size, size, 1.0])), model.reference, clock)
    evidence = weigh(seen, {}, model.reference, cohort, vocabulary, clock)
    expectation = cohort.in_frames_of(evidence.telling, model.reference)
    expected = Inference(model.network, evidence, expectation, "cpu", clock).posterior.mean
    by_proportions = Inference(
        model.network, replace(evidence, cuts=dict.fromkeys(evidence.telling, ())), expectation, "cpu", clock
    )
    atria = [model.network.config.structures.index(key) for key in ("left_atrium", "right_atrium")]
    larger = (expected - by_proportions.posterior.mean)[atria, 3:6].mean()
    assert least <= larger <= most


def test_hearts_are_turned_about_every_axis_either_way_and_scaled() -> None:
    vectors, scales = [], []
    for kind, matrix in transforms():
        size = np.cbrt(np.linalg.det(matrix[:3, :3]))
        vector = Rotation.from_matrix(matrix[:3, :3] / size).as_rotvec(degrees=True)
        vectors += [tuple(vector.round(6) + 0.0)] if kind == "turned" else []
        scales += [] if kind == "turned" else [(kind, round(size, 6))]
        assert (np.linalg.norm(vector) > 1) == (kind == "turned")
        assert matrix[3].tolist() == [0, 0, 0, 1]
    assert set(vectors) == {tuple(sign * DEGREES * axis + 0.0) for axis in np.eye(3) for sign in (1, -1)}
    assert scales == [("as it is", 1.0), ("at 0.8", 0.8), ("at 1.25", 1.25)]


def test_a_heart_that_is_mirrored_already_is_right_when_mirrored_and_not_refused(prepared: Path) -> None:
    completer = HeartCompleter(load_model(), "cpu")
    heart = PreparedHearts([prepared], "test", completer.structures).heart(0)
    trusted = ("myocardium", "left_ventricle", "right_ventricle")
    assert refused_mirrored(completer, heart, trusted)
    assert not refused_mirrored(completer, heart.transformed(np.diag([-1.0, 1.0, 1.0, 1.0])), trusted)
    # Three times as large, it is refused for its size.
    assert not refused_mirrored(completer, heart.transformed(np.diag([-3.0, 3.0, 3.0, 1.0])), trusted)


def cells(table: str) -> list[list[str]]:
    rows = [line for line in table.splitlines() if line.startswith("| ventricles")]
    return [[cell.strip() for cell in row.split("|")] for row in rows]
