"""Hearts, results and messages between Slicer and the engine's process: files in one folder, no pickles.

Knows neither slicer nor torch: both sides import it. Arrays travel with a 4x4 matrix instead of in an image format,
since a heart under a linear transform may be sheared, which image formats cannot hold.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.samples import Samples
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.region import Region

_REQUEST = "request"
_RESULT = "result"
_CONTINUED = "continued"
_SAMPLES = "samples.json"
_KEPT = "kept"
_MESSAGES = "messages.jsonl"
_LISTS = ("trusted", "inferred", "cut")


@dataclass(frozen=True)
class Request:
    """What the engine is asked for; the fields are those of ``HeartCompleter``.

    Of structures that are left out no warning tells; they are inferred all the same.
    """

    trusted: tuple[str, ...]
    spacing: float = 1.0
    device: str = "auto"
    weights: str | None = None
    cut: Mapping[str, bool] = field(default_factory=dict)
    force: bool = False
    samples: int = 0
    left_out: tuple[str, ...] = ()


def write_request(folder: Path, heart: Heart, request: Request) -> None:
    _write_heart(folder / _REQUEST, heart, asdict(request))


def read_request(folder: Path) -> tuple[Heart, Request]:
    heart, content = _read_heart(folder / _REQUEST)
    return heart, Request(**{**content, **{name: tuple(content[name]) for name in ("trusted", "left_out")}})


def write_result(folder: Path, result: CompletionResult, left_out: Collection[str] = ()) -> None:
    """Write a result; its warnings become all that the user should know, which Slicer cannot find out by itself."""
    content = {name: list(getattr(result, name)) for name in _LISTS}
    told = {"warnings": list(result.concerns(left_out)), "timings": result.timings, "unlikeness": result.unlikeness}
    _write_heart(folder / _CONTINUED, Heart(result.continued, result.heart.shape, result.heart.ijk_to_ras), {})
    _write_heart(folder / _RESULT, result.heart, {**content, **told})
    if result.samples is not None:
        _write_samples(folder, result.samples)


def read_result(folder: Path) -> CompletionResult:
    heart, content = _read_heart(folder / _RESULT)
    continued, _ = _read_heart(folder / _CONTINUED)
    lists = {name: tuple(content.pop(name)) for name in (*_LISTS, "warnings")}
    samples = _read_samples(folder) if (folder / _SAMPLES).exists() else None
    return CompletionResult(heart, continued=continued.regions, samples=samples, **lists, **content)


def append_message(folder: Path, **content: object) -> None:
    """Add one message, a JSON object on a line: ``progress`` and ``text``, or ``done``, or ``error``."""
    with (folder / _MESSAGES).open("a", encoding="utf-8") as file:
        file.write(json.dumps(content) + "\n")


def read_messages(folder: Path, position: int) -> tuple[list[dict], int]:
    """Messages after a position in the file, and the position behind them; a half-written line waits."""
    path = folder / _MESSAGES
    if not path.exists():
        return [], position
    with path.open("rb") as file:
        file.seek(position)
        complete = file.read().rpartition(b"\n")[0]
    lines = complete.splitlines()
    return [json.loads(line) for line in lines], position + len(complete) + (1 if complete else 0)


def _write_samples(folder: Path, samples: Samples) -> None:
    for number in range(samples.count):
        _write_heart(_sample(folder, number), samples.heart(number), {})
    _write_heart(folder / _KEPT, Heart(samples.kept, samples.lattice.shape, samples.ijk_to_ras), {})
    lattice = samples.lattice
    content = {
        "count": samples.count,
        "confidence": dict(samples.confidence),
        "reach": {key: list(ends) for key, ends in samples.reach.items()},
        "origin": lattice.origin.tolist(),
        "steps": lattice.steps.tolist(),
        "shape": list(lattice.shape),
    }
    (folder / _SAMPLES).write_text(json.dumps(content), encoding="utf-8")


def _read_samples(folder: Path) -> Samples:
    content = json.loads((folder / _SAMPLES).read_text(encoding="utf-8"))
    lattice = Lattice(np.array(content["origin"]), np.array(content["steps"]), tuple(content["shape"]))
    hearts = [_read_heart(_sample(folder, number))[0].regions for number in range(content["count"])]
    reach = {key: tuple(ends) for key, ends in content["reach"].items()}
    return Samples(lattice, tuple(hearts), content["confidence"], reach, _read_heart(folder / _KEPT)[0].regions)


def _sample(folder: Path, number: int) -> Path:
    return folder / f"heart-{number}"


def _write_heart(stem: Path, heart: Heart, content: dict) -> None:
    arrays = {key: region.mask for key, region in heart.regions.items()}
    np.savez_compressed(stem.with_suffix(".npz"), **arrays)
    placement = {
        "starts": {key: list(region.start) for key, region in heart.regions.items()},
        "shape": list(heart.shape),
        "ijk_to_ras": np.asarray(heart.ijk_to_ras).tolist(),
    }
    stem.with_suffix(".json").write_text(json.dumps({"heart": placement, **content}), encoding="utf-8")


def _read_heart(stem: Path) -> tuple[Heart, dict]:
    content = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
    placement = content.pop("heart")
    with np.load(stem.with_suffix(".npz"), allow_pickle=False) as arrays:
        regions = {key: Region(arrays[key], tuple(start)) for key, start in placement["starts"].items()}
    return Heart(regions, tuple(placement["shape"]), np.array(placement["ijk_to_ras"])), content
