"""Write a run's averaged weights as float16 safetensors with their model card."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from CardiacCompletionLib.model.weights import BUNDLED, save_model
from CardiacCompletionLib.resources import resource_path
from Training.run_folder import RunFolder

LIMITS = [
    "For research use only; not a medical device.",
    "Trained on virtual hearts, which are not patients, and few real ones; no congenital or operated hearts.",
    "Of coronary arteries a third to a half is inferred, in pieces; veins, appendage and aortic arch lie near "
    "their usual place.",
    "A heart that lies turned by much is turned upright first, with a warning; where only two structures tell the turn "
    "it often goes unseen, and great vessels follow it too far.",
    "Real hearts show stubs of aorta and pulmonary artery only: what lies beyond is known from virtual hearts alone.",
]
# Hearts whose fitted factors centre the virtual population, and on which phase 4 fine-tunes.
SOURCES = [
    "Rodero et al. 2021, PLoS Comput Biol (MaciejPMarciniak/CardiacMeshConstruction)",
    "Toronto Heart Atlas (tgh-apil/TorontoHeartAtlas), CC BY 4.0",
    "HuBMAP Human Reference Atlas v1.2, Visible Human Male, CC BY 4.0",
    "Strocchi et al. 2020, case 01 (ansys/pyansys-heart)",
    "OpenHeartDevelopers/cemrg.vtkjs.demo",
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="what `fit` wrote")
    parser.add_argument("--out", metavar="FILE.safetensors", help="without it, the weights that ship")


def run(arguments: argparse.Namespace) -> None:
    out = Path(arguments.out) if arguments.out else resource_path("Weights") / f"{BUNDLED}.safetensors"
    network, reference, recipe = RunFolder(Path(arguments.run)).trained()
    facts = {"recipe": recipe, "commit": _commit(), "limits": LIMITS, "sources": SOURCES, "licence": "Apache-2.0"}
    save_model(network, reference, facts, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB after {recipe['steps_done']} steps")


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"
