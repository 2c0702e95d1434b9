"""What the phases' evaluations rest on: goals, centrelines, equally valid hearts, a run that grows by structures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.region import Region
from CardiacCompletionLib.model.weights import save_model
from Testing.geometry.phantoms import grid, tube, voxelised
from Training.__main__ import main
from Training.data.examples import CompletionExamples, Jitter
from Training.data.hearts import PreparedHearts
from Training.data.unmasked import UnmaskedExamples
from Training.earlier import Earlier
from Training.evaluation.centreline import centreline_recall
from Training.evaluation.contestants import Question
from Training.evaluation.equally_valid import EquallyValid
from Training.evaluation.metrics import dice
from Training.evaluation.report import Goal, goal_table, write_section
from Training.run_folder import RunFolder
from Training.settings import Settings
from Training.taken_over import take_over

KEYS = load_vocabulary().keys[:10]


def test_the_recall_of_a_centreline_is_the_share_that_is_near() -> None:
    ijk_to_ras = grid((1.0, 1.0, 1.0), (0, 0, 0), 60)
    true = voxelised(tube(3.0, 20.0), ijk_to_ras, 60)
    half = Region(true.mask[: len(true.mask) // 2], true.start)
    assert centreline_recall(true, true, ijk_to_ras, 2.0) == 1.0
    assert centreline_recall(true.shifted((0, 0, 4)), true, ijk_to_ras, 2.0) == 1.0
    assert centreline_recall(true.shifted((0, 0, 9)), true, ijk_to_ras, 2.0) == 0.0
    assert centreline_recall(half, true, ijk_to_ras, 0.5) == pytest.approx(0.5, abs=0.1)
    assert centreline_recall(None, true, ijk_to_ras, 2.0) == 0.0


def test_a_goal_is_met_or_not_and_a_section_is_replaced(tmp_path: Path) -> None:
    table = goal_table([Goal("a", 0.98, 0.98), Goal("b", -0.02, -0.01)])
    assert "| a | 0.980 | 0.98 | yes |" in table
    assert "| b | -0.020 | -0.01 | no |" in table
    path = tmp_path / "RESULTS.md"
    for text in ("# Phase 1: x\n\nold", "# Phase 0: y\n\n## part\n\nkept", "# Phase 1: x\n\nnew"):
        write_section(path, text)
    assert path.read_text() == "# Phase 0: y\n\n## part\n\nkept\n\n# Phase 1: x\n\nnew\n"


def test_equally_valid_hearts_share_what_is_trusted_and_nothing_else(prepared: Path) -> None:
    hearts = PreparedHearts([prepared], "test", KEYS)
    question = Question(hearts.heart(0), hearts.sources[0], ("myocardium", "left_ventricle"), 3.0)
    for other in EquallyValid(2, hearts).answers(question):
        assert np.array_equal(other.ijk_to_ras[:3, :3], question.heart.ijk_to_ras[:3, :3])
        offset = np.linalg.solve(question.heart.ijk_to_ras, other.ijk_to_ras)[:3, 3]
        moved = other.regions["left_ventricle"].shifted(tuple(int(v) for v in offset.round()[::-1]))
        assert dice(moved, question.heart.regions["left_ventricle"]) > 0.95
        atrium = other.regions["left_atrium"].shifted(tuple(int(v) for v in offset.round()[::-1]))
        assert 0.4 < dice(atrium, question.heart.regions["left_atrium"]) < 0.97


def test_hearts_of_another_population_have_no_limit_to_measure(prepared: Path, tmp_path: Path) -> None:
    hearts = PreparedHearts([prepared], "test", KEYS)
    shutil.copy(hearts.sources[0].with_name("heart_000000.nii.gz"), tmp_path / hearts.sources[0].name)
    shutil.copy(hearts.sources[0].with_name("cohort.csv"), tmp_path)
    hearts.sources[0] = tmp_path / hearts.sources[0].name
    with pytest.raises(CompletionError, match="another population"):
        EquallyValid(1, hearts)
    (tmp_path / "cohort.csv").unlink()
    with pytest.raises(CompletionError, match="no virtual heart"):
        EquallyValid(1, hearts)


@pytest.fixture(scope="module")
def cohorts(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A, hearts 0, 1 and 3 with ten structures, the last one for tests; B, heart 2 with other ones."""
    folder = tmp_path_factory.mktemp("cohorts")
    ten, others = ", ".join(KEYS), "left_ventricle, right_ventricle, left_atrium, right_atrium, superior_vena_cava"
    hearts = prepared.parent / "hearts"
    texts = {
        "a": f"pattern: ['heart_*[01].nii.gz', 'heart_*3.nii.gz']\nlabelled: [{ten}]\ntest_fraction: 0.33\n",
        "b": f"pattern: 'heart_*2.nii.gz'\nlabelled: [{others}]\ntest_fraction: 0\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(f"name: {name}\nfolder: {hearts}\n{text}")
        assert main(["prepare", str(folder / f"{name}.yaml"), "--out", str(folder / name), "--workers", "1"]) == 0
    return folder / "a", folder / "b"


def grown(**changes: tuple[str, ...]) -> Settings:
    """The tiny preset of phase 2 with one more structure, in front."""
    content = {**Settings.read(2, "tiny").__dict__, "structures": ("superior_vena_cava", *KEYS), **changes}
    return Settings.from_json(content)


def test_a_run_of_fewer_structures_is_taken_over_by_key(unbroken: Path, cohorts: tuple[Path, Path]) -> None:
    earlier = Earlier.read(unbroken)
    known, reference = earlier.network, earlier.reference
    settings = grown()
    hearts = PreparedHearts(cohorts, "train", settings.structures)
    places, network = take_over(earlier, settings, hearts)
    for name in ("latents", "missing", "structure_embed", "prior.field", "prior.shapes"):
        assert torch.equal(network.state_dict()[name][1:], known.state_dict()[name]), name
    assert torch.equal(network.layers[1][0].fn.to_kv.weight, known.layers[1][0].fn.to_kv.weight)
    assert places.scale == reference.scale
    assert {key: places.places[key] for key in KEYS} == dict(reference.places)
    assert network.prior.field[0].min() < 0 < network.prior.field[0].max()
    # The upper caval vein of B's heart lies above its right atrium, and so it is expected.
    vein, atrium = (places.places[key].centroid for key in ("superior_vena_cava", "right_atrium"))
    assert vein[2] > atrium[2] + 0.1
    for other in ({"structures": KEYS[:9]}, {"depth": 3}):
        with pytest.raises(CompletionError, match="another size or vocabulary"):
            take_over(earlier, grown(**other), hearts)


def test_a_run_starts_from_exported_weights_as_from_the_run_itself(
    unbroken: Path, prepared: Path, tmp_path: Path, changed: Callable[..., str]
) -> None:
    weights = tmp_path / "weights.safetensors"
    assert main(["export", str(unbroken), "--out", str(weights)]) == 0
    words = ["fit", "--preset", changed(steps=4, learning_rate=0.0), "--threads", "1", "--data", str(prepared)]
    learnt = []
    for start in (unbroken, weights):
        run = tmp_path / start.stem
        assert main([*words, "--init", str(start), "--out", str(run)]) == 0
        network, _, recipe = RunFolder(run).trained()
        assert recipe["init"]["steps_done"] == 60
        learnt.append(network.state_dict())
    for name, value in learnt[0].items():
        # Weights are float16, shapes int8, and numbers measured anew through these.
        apart = 0.02 if name.startswith("prior.number") else 2e-3
        apart = max(apart, float(value.abs().max()) / 127) if "shapes" in name else apart
        assert torch.allclose(learnt[1][name], value, rtol=2e-3, atol=apart), name


def test_weights_whose_card_does_not_say_how_they_were_made_are_no_start(unbroken: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    network, reference, _ = RunFolder(unbroken).trained()
    save_model(network, reference, {}, weights)
    with pytest.raises(CompletionError, match="does not say how"):
        Earlier.read(weights)


def test_a_run_goes_on_with_more_points_a_surface(unbroken: Path, cohorts: tuple[Path, Path]) -> None:
    settings = grown(points=2 * RunFolder(unbroken).trained()[0].config.points)
    _, network = take_over(Earlier.read(unbroken), settings, PreparedHearts(cohorts, "train", settings.structures))
    assert network.config.points == settings.points


def test_what_surrounds_a_query_says_nothing_to_a_run_that_was_never_told(
    unbroken: Path, prepared: Path, tmp_path: Path, changed: Callable[..., str]
) -> None:
    """From a run of phase 2, which was: phase 1 starts where the latents alone speak, and training leaves it there."""
    words = ["--preset", changed(steps=4), "--threads", "1", "--init", str(unbroken), "--data", str(prepared)]
    assert main(["fit", "--phase", "1", *words, "--out", str(tmp_path / "run")]) == 0
    told, untold = (RunFolder(run).trained()[0].surroundings_embed for run in (unbroken, tmp_path / "run"))
    near, far = torch.full((10,), 0.01), torch.full((10,), torch.inf)
    assert torch.equal(untold(near), untold(far))
    assert not torch.allclose(told(near), told(far), atol=1e-3)
    assert not torch.equal(untold(far), told(far))


def test_without_the_mask_what_a_data_set_does_not_label_is_nowhere(cohorts: tuple[Path, Path], unbroken: Path) -> None:
    settings = grown()
    hearts = PreparedHearts(cohorts[:1], "train", settings.structures)
    reference, network = take_over(
        Earlier.read(unbroken), settings, PreparedHearts(cohorts, "train", settings.structures)
    )
    prior = network.prior
    expected = [prior.expectation(settings.structures)]
    masked = CompletionExamples(hearts, reference, prior, expected, 32, 32, 4, Jitter(), 0, near=6.0, complete=True)
    item, bare = masked[1], UnmaskedExamples(masked)[1]
    assert item["known"].all(dim=1).tolist() == item["known"].any(dim=1).tolist() == [False, *[True] * 10]
    assert bare["known"].all()
    assert bare["distances"][0].min() * reference.scale > 100.0
    assert torch.equal(bare["distances"][1:], item["distances"][1:])


def test_the_phases_are_measured(
    cohorts: tuple[Path, Path],
    prepared: Path,
    unbroken: Path,
    tmp_path: Path,
    changed: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A run of phase 3 over A and B; then the report of phases 1 and 3 names every structure and the goals."""
    weights, report = [tmp_path / "two.safetensors", tmp_path / "three.safetensors"], tmp_path / "RESULTS.md"
    words = ["fit", "--phase", "3", "--preset", changed(steps=4), "--threads", "1", "--init", str(unbroken)]
    assert main([*words, "--data", str(prepared), "--out", str(tmp_path / "run")]) == 0
    for run, path in zip((unbroken, tmp_path / "run"), weights, strict=True):
        assert main(["export", str(run), "--out", str(path)]) == 0
    asked = ["evaluate", "--data", str(prepared), "--report", str(report), "--spacing", "6", "--schemes", "ventricles"]
    assert main([*asked, "--phase", "1", "--weights", str(weights[0])]) == 0
    compared = ["--before", str(weights[0]), "--full", str(weights[1]), "--training", *map(str, cohorts)]
    assert main([*asked, "--phase", "3", "--weights", str(weights[1]), *compared]) == 0
    text = report.read_text()
    assert "| Coronary arteries, centreline within 2 mm |" in text
    assert "| Superior vena cava |" in text
    assert "change in Dice of A's structures, the worst" in text
    assert main([*asked, "--phase", "3"]) == 2
    assert "name --training A B" in capsys.readouterr().err
