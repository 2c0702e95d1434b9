"""Complete the bundled partial heart, or a real one, in Slicer's MRML scene; write segmentation, picture and table.

Run by ``make demo``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import slicer

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.identification import identify
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary, load_vocabulary
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.writing import write_heart
from CardiacCompletionLib.mrml.result_writing import new_output_beside, write_result
from CardiacCompletionLib.mrml.segmentation_reading import ReadHeart, read_heart, segments_of
from CardiacCompletionLib.resources import resource_path
from Testing.bench.headless_slicer import start
from Testing.demo.picture import draw
from Training.evaluation.metrics import dice, on_grid_of

FOLDER = Path("demo")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m Testing.demo", description=__doc__)
    parser.add_argument("--real", metavar="LABELMAP", help="a label map to use instead of the bundled heart")
    parser.add_argument("--trusted", default="", metavar="KEY[,KEY...]", help="what to trust of it")
    arguments = parser.parse_args()
    try:
        run(arguments)
    except CompletionError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def run(arguments: argparse.Namespace) -> None:
    vocabulary = load_vocabulary()
    FOLDER.mkdir(exist_ok=True)
    if arguments.real:
        truth = read_segmentation(arguments.real).whole_heart(vocabulary)
        trusted = [vocabulary[key.strip()].key for key in arguments.trusted.split(",") if key.strip()]
        missing = [vocabulary[key].name for key in trusted if key not in truth.regions]
        if missing:
            raise CompletionError(f"{arguments.real} does not hold: {', '.join(missing)}.")
        partial = FOLDER / "partial.seg.nrrd"
        write_heart(truth.keep(trusted), dict.fromkeys(trusted, "trusted"), vocabulary, partial)
    else:
        truth = read_segmentation(resource_path("SampleData", "WholeHeart.seg.nrrd")).whole_heart(vocabulary)
        partial = resource_path("SampleData", "PartialHeart.seg.nrrd")
    result = complete_in_scene(partial, vocabulary)
    draw(result, vocabulary, FOLDER / "completed.png")
    print_table(result, truth, vocabulary)
    print(f"Written: {FOLDER / 'completed.seg.nrrd'}, {FOLDER / 'completed.png'}")


def complete_in_scene(partial: Path, vocabulary: Vocabulary) -> CompletionResult:
    """Load a segmentation into a scene, trust all of it, complete it there and save what the scene then holds."""
    start()
    node = slicer.util.loadSegmentation(str(partial))
    read = _read_all(node, vocabulary)
    result = HeartCompleter.load().complete(read.heart, list(read.heart.regions))
    output = new_output_beside(node)
    write_result(result, read, node, output, vocabulary)
    output.CreateClosedSurfaceRepresentation()
    slicer.util.saveNode(output, str(FOLDER / "completed.seg.nrrd"), {})
    node.GetDisplayNode().SetVisibility(False)
    return result


def _read_all(node: slicer.vtkMRMLSegmentationNode, vocabulary: Vocabulary) -> ReadHeart:
    found = identify(segments_of(node), vocabulary)
    return read_heart(node, {one.key: one.segment.identifier for one in found if one.key})


def print_table(result: CompletionResult, truth: Heart, vocabulary: Vocabulary) -> None:
    """Structure, trusted or inferred, volume in ml, and Dice against the withheld truth where there is one."""
    truth = on_grid_of(truth, result.heart)
    print(f"\n{'structure':<24}{'origin':<10}{'ml':>8}{'Dice':>8}")
    for key in result.heart.regions:
        volume = result.heart.volume_ml(key)
        there = key in truth.regions
        score = f"{dice(result.heart.regions[key], truth.regions[key]):.3f}" if there else "-"
        print(f"{vocabulary[key].name:<24}{result.origins[key]:<10}{volume:>8.1f}{score:>8}")
    for warning in result.warnings:
        print(warning)
    print()


if __name__ == "__main__":
    sys.exit(main())
