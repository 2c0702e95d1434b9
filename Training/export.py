"""Write a run's averaged weights as float16 safetensors with their model card.

The card's sources and limits are those that the descriptions of its data sets state (``prepare``), of all runs it
started from.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.model.weights import BUNDLED, save_model
from CardiacCompletionLib.resources import resource_path
from Training.data.hearts import stated_origin
from Training.data.origin import origins_of, source_sentences, with_origins
from Training.run_folder import RunFolder

# True of all weights, whatever they learnt from.
LIMITS = [
    "For research use only; not a medical device.",
    "A heart that lies turned by 14 degrees or more is turned upright first, with a warning, and with it its great "
    "vessels, which may lie as they always do.",
]
_REMEDY = "add `source` to its description, prepare it again, and export with --data."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="what `fit` wrote")
    parser.add_argument("--out", metavar="FILE.safetensors", help="without it, the weights that ship")
    parser.add_argument(
        "--data",
        nargs="+",
        default=[],
        metavar="DIR",
        help="prepared data that say where they come from, for a run that was begun before they did",
    )
    parser.add_argument(
        "--licence", default="not stated", metavar="NAME", help="of the weights; what their data sets allow"
    )


def run(arguments: argparse.Namespace) -> None:
    out = Path(arguments.out) if arguments.out else resource_path("Weights") / f"{BUNDLED}.safetensors"
    begun = RunFolder(Path(arguments.run))
    network, reference, recipe = begun.trained()
    origins = origins_of(recipe)
    for folder in arguments.data:
        name, origin = stated_origin(folder)
        if name not in origins:
            raise CompletionError(f"{arguments.run} did not learn from {name}: leave {folder} out of --data.")
        origins[name] = origin
    limits = dict.fromkeys([*LIMITS, *(limit for origin in origins.values() for limit in origin.limits)])
    facts = {
        "recipe": with_origins(recipe, origins),
        "commit": _commit(),
        "metrics": begun.metrics(),
        "limits": list(limits),
        "sources": source_sentences(origins),
        "licence": arguments.licence,
    }
    save_model(network, reference, facts, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB after {recipe['steps_done']} steps")
    for name, origin in origins.items():
        if not origin.sources:
            print(f"The card cannot name the source of {name}: {_REMEDY}")


def _commit() -> str:
    """Of the code that exports, ``-dirty`` if it is not as committed."""
    asked = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--match="]
    try:
        said = subprocess.run(asked, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:  # no git
        return "unknown"
    return said.stdout.strip() or "unknown"
