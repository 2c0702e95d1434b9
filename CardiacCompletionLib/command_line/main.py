"""The ``cardiac-completion`` command: complete, inspect, classes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from CardiacCompletionLib.anatomy.certainty import Certainty
from CardiacCompletionLib.anatomy.vocabulary import Vocabulary, load_vocabulary
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionError, lack_of_memory_explained
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.files.replaced import replaced
from CardiacCompletionLib.files.writing import check_folder, check_output, write_heart

_SAID = {"cut": True, "whole": False}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; exit status 0, or 2 with one sentence on standard error."""
    arguments = _parser(load_vocabulary()).parse_args(argv)
    try:
        with lack_of_memory_explained():
            arguments.run(arguments, load_vocabulary())
    except CompletionError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser(vocabulary: Vocabulary) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cardiac-completion",
        description="Complete partial heart segmentations. For research use only; not a medical device.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    conventions = ", ".join(vocabulary.conventions)

    complete = commands.add_parser("complete", help="infer the structures that are missing or not trusted")
    complete.add_argument("input", metavar="INPUT", help=".nii, .nii.gz, .nrrd or .mha label map, or .seg.nrrd")
    complete.add_argument(
        "--trusted",
        required=True,
        metavar="KEY[:cut|:whole][,...]",
        help="structures to rely on; whether one is cut off is found out, or said: aorta:cut, aorta:whole",
    )
    complete.add_argument("--output", required=True, metavar="OUT", help=".seg.nrrd, or a label map by its ending")
    complete.add_argument("--convention", metavar="NAME", help=f"what label values mean: {conventions}")
    complete.add_argument("--spacing", type=float, default=1.0, metavar="MM", help="resolution of inferred surfaces")
    complete.add_argument("--report", metavar="OUT.json", help="volumes, warnings and timings as JSON")
    complete.add_argument("--weights", metavar="PATH", help="a .safetensors file with its card beside it")
    complete.add_argument("--resample-trusted", action="store_true", help="infer trusted structures anew, too")
    complete.add_argument(
        "--samples", type=int, default=0, metavar="N", help="draw N plausible hearts to say how sure the result is"
    )
    complete.add_argument(
        "--probability",
        metavar="FOLDER",
        help="how likely each voxel is, a volume per inferred structure; needs --samples",
    )
    complete.add_argument("--force", action="store_true", help="complete even what looks wrong")
    complete.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="auto: cuda if there is one, else cpu; mps is untried",
    )
    complete.set_defaults(run=_complete)

    inspect = commands.add_parser("inspect", help="which structure each label or segment maps to, and why")
    inspect.add_argument("input", metavar="INPUT")
    inspect.add_argument("--convention", metavar="NAME", help=f"what label values mean: {conventions}")
    inspect.set_defaults(run=_inspect)

    classes = commands.add_parser("classes", help="the structures this program knows")
    classes.set_defaults(run=_classes)
    return parser


def _complete(arguments: argparse.Namespace, vocabulary: Vocabulary) -> None:
    from CardiacCompletionLib.completion.completer import HeartCompleter
    from CardiacCompletionLib.files.probability import write_probability

    output = check_output(arguments.output)
    if arguments.report:
        check_folder(Path(arguments.report))
    if arguments.probability and not arguments.samples:
        raise CompletionError("Probabilities come from plausible hearts: give --samples too, 16 for example.")
    trusted, cut = _trusted(arguments.trusted, vocabulary)
    heart = read_segmentation(arguments.input).heart(trusted, vocabulary, arguments.convention)
    completer = HeartCompleter.load(arguments.weights, arguments.device)
    result = completer.complete(
        heart,
        trusted,
        arguments.spacing,
        cut=cut,
        resample_trusted=arguments.resample_trusted,
        force=arguments.force,
        samples=arguments.samples,
    )
    certainty = {key: Certainty(dice, *result.samples.interval_ml(key)) for key, dice in result.confidence.items()}
    write_heart(result.heart, result.origins, vocabulary, output, result.continued, certainty)
    if arguments.report:
        _write_report(result, Path(arguments.report))
    if arguments.probability and result.samples is not None:
        write_probability(result.probability, result.samples.ijk_to_ras, Path(arguments.probability))
    _print_table(result, vocabulary)


def _trusted(text: str, vocabulary: Vocabulary) -> tuple[list[str], dict[str, bool]]:
    """Keys in order, and what is said of some of them: cut off, or whole."""
    trusted, cut = [], {}
    for word in filter(None, (word.strip() for word in text.split(","))):
        name, _, said = word.partition(":")
        key = vocabulary[name.strip()].key
        trusted.append(key)
        if said and said not in _SAID:
            raise CompletionError(f"{word} is not understood: write {name}, {name}:cut or {name}:whole.")
        if said:
            cut[key] = _SAID[said]
    return trusted, cut


def _write_report(result: CompletionResult, path: Path) -> None:
    try:
        with replaced(path) as partial:
            partial.write_text(json.dumps(result.report(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise CompletionError(f"The report {path} cannot be written: choose another folder.") from error


def _print_table(result: CompletionResult, vocabulary: Vocabulary) -> None:
    print(f"{'structure':<24}{'origin':<10}{'ml':>8}")
    for key, volume in result.volumes_ml.items():
        continued = result.continued_ml(key)
        note = f"  of which {continued:.1f} beyond its cut" if continued else "  cut off" if key in result.cut else ""
        if result.samples is not None and key in result.confidence:
            low, high = result.samples.interval_ml(key)
            note += f"  90 % between {low:.1f} and {high:.1f}, overlap of about {result.confidence[key]:.2f} to expect"
        print(f"{vocabulary[key].name:<24}{result.origins[key]:<10}{volume:>8.1f}{note}")
    for sentence in result.concerns():
        print(sentence)


def _inspect(arguments: argparse.Namespace, vocabulary: Vocabulary) -> None:
    segmentation = read_segmentation(arguments.input)
    for found in segmentation.identify(vocabulary, arguments.convention):
        name = vocabulary[found.key].name if found.key else "-"
        print(f"{found.segment!s:<32}{name:<24}{found.reason}")


def _classes(_arguments: argparse.Namespace, vocabulary: Vocabulary) -> None:
    for structure in vocabulary:
        code = structure.terminology[0]
        print(f"{structure.label:>3}  {structure.key:<24}{structure.name:<24}{code.scheme} {code.code}")
