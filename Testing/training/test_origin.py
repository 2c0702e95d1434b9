"""What a model card says of the hearts behind it is what the descriptions of the data sets say."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import load_model
from Training.__main__ import main
from Training.data.description import DataSetDescription
from Training.data.hearts import PreparedHearts
from Training.data.origin import Origin, Source, origins_of, source_sentences
from Training.export import LIMITS
from Training.run_folder import RunFolder

RunOf = Callable[..., Path]

DATA_SETS = Path(__file__).parents[2] / "Training" / "data_sets"
ORIGIN = "source: Ward Nine\nlicence: CC BY 4.0\ncitation: Doe 2025\nlimits: [Children alone.]\n"
SENTENCE = "Ward Nine; licence: CC BY 4.0; cite Doe 2025"


def description(folder: Path, text: str) -> Path:
    path = folder / "d.yaml"
    path.write_text(f"name: ours\nfolder: .\n{text}")
    return path


@pytest.fixture
def run_of(unbroken: Path, tmp_path: Path) -> RunOf:
    """A finished run whose recipe is changed."""

    def changed(**recipe: object) -> Path:
        run = Path(shutil.copytree(unbroken, tmp_path / "run"))
        RunFolder(run).write_recipe({**json.loads((run / "recipe.json").read_text()), **recipe})
        return run

    return changed


def card_of(run: Path, *more: str) -> dict:
    out = run.with_name("w.safetensors")
    assert main(["export", str(run), "--out", str(out), *more]) == 0
    return load_model(out).card


def test_every_shipped_description_states_source_licence_and_citation() -> None:
    for path in sorted(DATA_SETS.glob("*.yaml")):
        sources = DataSetDescription.read(path).origin.sources
        assert sources, path.name
        assert all(source.licence for source in sources), path.name
        assert any(source.citation for source in sources), path.name


def test_what_a_description_states_is_in_the_manifest_and_is_handed_to_training(prepared: Path, tmp_path: Path) -> None:
    hearts = prepared.parent / "hearts"
    path = tmp_path / "d.yaml"
    path.write_text(f"name: ours\nfolder: {hearts}\npattern: 'heart_*0.nii.gz'\n{ORIGIN}")
    assert main(["prepare", str(path), "--out", str(tmp_path / "out"), "--workers", "1"]) == 0
    keys = ("left_ventricle",)
    stated = PreparedHearts([prepared, tmp_path / "out"], "all", keys).origins
    assert Origin.from_json(stated["ours"]) == Origin(
        (Source("Ward Nine", "CC BY 4.0", "Doe 2025"),), ("Children alone.",)
    )
    assert Origin.from_json(stated["virtual"]) == Origin()


def test_several_sources_and_one_with_nothing_but_a_name(tmp_path: Path) -> None:
    text = "sources:\n  - {source: A, licence: MIT}\n  - {source: B}\n"
    origin = DataSetDescription.read(description(tmp_path, text)).origin
    assert source_sentences({"ours": origin}) == ["A; licence: MIT", "B; licence not stated"]


@pytest.mark.parametrize(
    "text",
    ["licence: MIT", "sources: A", "sources: [A]", "source: 7", "source: [A, B]", "limits: none", "sources: 3"],
)
def test_a_source_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(CompletionError, match=r"of a data set"):
        DataSetDescription.read(description(tmp_path, text))


def test_the_card_names_the_sources_of_the_whole_chain(run_of: RunOf) -> None:
    """Phase 2 on one data set, phase 4 on two: all three, those of phase 2 first, each once."""
    first, ours = Origin((Source("First", "MIT"),), ("Limit.",)), Origin((Source("Ward Nine"),), ("Limit.",))
    earlier = {"data_sets": ["first"], "init": None, "origins": {"first": first.to_json()}}
    origins = {"first": first.to_json(), "ours": ours.to_json()}
    card = card_of(run_of(data_sets=["ours", "first"], init=earlier, origins=origins), "--licence", "MIT")
    assert card["sources"] == ["First; licence: MIT", "Ward Nine; licence not stated"]
    assert card["limits"] == [*LIMITS, "Limit."]
    assert card["licence"] == "MIT"


def test_runs_of_before_sources_were_stated_say_so(run_of: RunOf, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = {"data_sets": ["virtual", "old"], "init": {"data_sets": ["virtual"], "init": None}}
    run = run_of(**recipe)
    content = json.loads((run / "recipe.json").read_text())
    content.pop("origins", None)
    RunFolder(run).write_recipe(content)
    card = card_of(run)
    assert card["sources"] == ["virtual: its source was not stated", "old: its source was not stated"]
    assert card["licence"] == "not stated"
    assert "cannot name the source of old: add `source`" in capsys.readouterr().out


def test_what_is_stated_afterwards_comes_into_the_card(
    prepared: Path,
    run_of: RunOf,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = run_of(data_sets=["virtual"], origins={})
    data = run.with_name("data")
    data.mkdir()
    stated = Origin((Source("Ward Nine", "CC BY 4.0", "Doe 2025"),)).to_json()
    manifest = json.loads((prepared / "manifest.json").read_text())
    (data / "manifest.json").write_text(json.dumps({**manifest, "origin": stated}))
    card = card_of(run, "--data", str(data))
    assert card["sources"] == [SENTENCE]
    assert "cannot name" not in capsys.readouterr().out
    # A run that starts from these weights can say it too.
    begun = {"data_sets": ["other"], "init": card["recipe"], "origins": {}}
    assert origins_of(begun)["virtual"] == Origin.from_json(stated)
    (data / "manifest.json").write_text(json.dumps({**manifest, "data_set": "other", "origin": stated}))
    assert main(["export", str(run), "--out", str(run.with_name("x.safetensors")), "--data", str(data)]) == 2
    assert "did not learn from other" in capsys.readouterr().err


def test_a_data_set_seen_twice_keeps_the_source_it_once_stated() -> None:
    stated = {"ours": Origin((Source("A"),)).to_json()}
    earlier = {"data_sets": ["ours"], "init": None, "origins": stated}
    assert origins_of({"data_sets": ["ours"], "init": earlier})["ours"].sources == (Source("A"),)


def test_the_card_names_the_commit_from_any_folder_and_does_without_git(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(unbroken, tmp_path / "run"))
    asked = ["git", "-C", str(DATA_SETS), "rev-parse", "HEAD"]
    commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.chdir(tmp_path)
    assert card_of(run)["commit"].removesuffix("-dirty") == commit
    monkeypatch.setenv("PATH", str(tmp_path))
    assert card_of(run)["commit"] == "unknown"
