"""Write a run's averaged weights as float16 safetensors with their model card."""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import torch

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.weights import BUNDLED, save_model
from CardiacCompletionLib.resources import resource_path
from Training.fit import CHECKPOINT, RECIPE, START, model_config
from Training.settings import Settings

LIMITS = [
    "For research use only; not a medical device.",
    "Trained on virtual hearts, which are not patients; normal anatomy only, no congenital or operated hearts.",
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="what `fit` wrote")
    parser.add_argument("--out", metavar="FILE.safetensors", help="without it, the weights that ship")


def run(arguments: argparse.Namespace) -> None:
    out = Path(arguments.out) if arguments.out else resource_path("Weights") / f"{BUNDLED}.safetensors"
    network, reference, recipe = trained(Path(arguments.run))
    facts = {"recipe": recipe, "commit": _commit(), "limits": LIMITS, "licence": "Apache-2.0"}
    save_model(network, reference, facts, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB after {recipe['steps_done']} steps")


def trained(run_folder: Path) -> tuple[HeartAutoEncoder, Reference, dict[str, Any]]:
    """Network with averaged weights, reference and recipe of a run, finished or not.

    Raises:
        CompletionError: if the folder holds no checkpoint.
    """
    try:
        recipe = json.loads((run_folder / RECIPE).read_text(encoding="utf-8"))
        checkpoint = torch.load(run_folder / CHECKPOINT, map_location="cpu", weights_only=True)
        start = torch.load(run_folder / START, weights_only=True)
    except OSError as error:
        raise CompletionError(f"{run_folder} holds no checkpoint yet: run `python -m Training fit` first.") from error
    settings = Settings(**{**recipe["settings"], "structures": tuple(recipe["settings"]["structures"])})
    network = HeartAutoEncoder(model_config(settings))
    prefix = "network."
    state = {k.removeprefix(prefix): v for k, v in checkpoint["state_dict"].items() if k.startswith(prefix)}
    network.load_state_dict(state)
    recipe["steps_done"] = checkpoint["global_step"]
    return network.eval(), Reference.from_json(json.loads(start["reference"])), recipe


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"
