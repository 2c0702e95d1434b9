"""How fast hearts are completed: ``python benchmarks/completion.py [--threads N]``.

Side by side in one run, weights loaded, the bundled heart with five structures trusted, with two, and all made anew:
our sparse way, the same network asked at every node, and the upstream way (a network of VecHeart's size asked at 129
points a side, one class at a time); of the last two a slice is timed and multiplied, for the work is the same
everywhere.
Each is timed when the same segmentation was completed before with another choice of trust, as a preview is; beside it
stands the first time. Then sixteen plausible hearts, and the longest wait from a cancel to the next look for it.
The floor is the floating-point work of the sparse way's questions at this computer's measured matrix-multiply rate.
Peak memory is that of a process of its own for each spacing, with what loading the weights took set apart.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.inference import REACH
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.resources import resource_path

CASES = {
    "five structures missing": ("myocardium", "left_ventricle", "right_ventricle", "left_atrium", "right_atrium"),
    "eight structures missing": ("myocardium", "left_ventricle"),
}
UPSTREAM = HeartModelConfig(structures=("a", "b", "c", "d", "e"), dim=512, depth=7, latents=256, points=1024)
UPSTREAM_SIDE = 129
SLICE = 8192
SAMPLES = 16


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def usual_numbers(network: HeartAutoEncoder) -> torch.Tensor:
    """Of the mean heart, [1, C, 9 + K]."""
    mean = network.prior.expectation(network.config.structures).posterior({}).mean
    return torch.from_numpy(mean).float()[None]


def multiply_rate() -> float:
    """Floating-point operations a second in a large float32 matrix product."""
    a, b = torch.randn(2048, 1024), torch.randn(1024, 1024)
    return 2 * 2048 * 1024 * 1024 / seconds(lambda: a @ b, 10)


def work_per_question(config: HeartModelConfig) -> float:
    """Floating-point operations to decode one query of one structure."""
    embedding = 52 * config.dim + 3 * 24
    surroundings = 3 * len(config.structures) * config.dim
    attention = 2 * config.dim**2 + 2 * config.latents * config.dim
    feed_forward = 3 * config.dim**2
    return 2.0 * (embedding + surroundings + attention + feed_forward + config.dim)


def dense_seconds(completer: HeartCompleter, structures: int, spacing: float) -> float:
    """The same network asked at every node within reach: a slice of the points is timed and multiplied."""
    network, reference = completer._model.network, completer._model.reference
    config = network.config
    latents = torch.randn(1, len(config.structures), config.latents, config.dim)
    numbers = usual_numbers(network)
    queries, wanted = torch.rand(1, 1, SLICE, 3) - 0.5, torch.tensor([0])
    with torch.inference_mode():
        once = seconds(lambda: network.decode(latents, queries, numbers, None, wanted))
    nodes = (2 * REACH * reference.scale / spacing) ** 3
    return once / SLICE * nodes * structures


def upstream_seconds(structures: int) -> float:
    network = HeartAutoEncoder(UPSTREAM).eval()
    latents = torch.randn(1, 5, UPSTREAM.latents, UPSTREAM.dim)
    queries, wanted = torch.rand(1, 1, SLICE, 3) - 0.5, torch.tensor([0])
    numbers = usual_numbers(network)
    with torch.inference_mode():
        once = seconds(lambda: network.decode(latents, queries, numbers, None, wanted))
    return once / SLICE * UPSTREAM_SIDE**3 * structures


def unknowing(completer: HeartCompleter) -> HeartCompleter:
    """One with the same weights that has seen no heart yet."""
    return HeartCompleter(completer._model, "cpu")


def questions(completer: HeartCompleter, work: Callable[[], object]) -> int:
    """How many points of how many structures the network is asked for."""
    network, asked = completer._model.network, 0
    decode = network.decode

    def counting(
        latents: torch.Tensor,
        points: torch.Tensor,
        numbers: torch.Tensor,
        surroundings: torch.Tensor,
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        nonlocal asked
        asked += points.shape[2] * len(wanted)
        return decode(latents, points, numbers, surroundings, wanted)

    network.decode = counting
    work()
    del network.decode
    return asked


def whole_heart() -> Heart:
    return read_segmentation(resource_path("SampleData", "WholeHeart.seg.nrrd")).whole_heart(load_vocabulary())


def peak_mb() -> float:
    """This process's own peak; the resource module would tell its parent's, where that was higher."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def print_own_peak(spacing: float) -> None:
    """Complete once in this process and print what it took."""
    completer, heart = HeartCompleter.load(device="cpu"), whole_heart()
    completer.complete(heart, CASES["five structures missing"], 8.0)
    before = peak_mb()
    completer.complete(heart, CASES["five structures missing"], spacing)
    print(f"peak memory at {spacing} mm: {peak_mb():.0f} MB, of which {before:.0f} MB before the work")


def print_case(completer: HeartCompleter, heart: Heart, name: str, spacing: float, rate: float) -> None:
    def work(completer: HeartCompleter = completer) -> CompletionResult:
        return completer.complete(
            heart, CASES.get(name, tuple(heart.regions)), spacing, resample_trusted=name not in CASES
        )

    first = seconds(lambda: work(unknowing(completer)))
    ours, asked = seconds(work), questions(completer, work)
    floor = asked * work_per_question(completer._model.network.config) / rate
    timings = ", ".join(f"{stage} {share:.2f}" for stage, share in work().timings.items())
    print(f"{name}, {spacing} mm: {ours:.2f} s ({timings}), {ours / floor:.1f} times the floor ({asked} questions)")
    print(f"  the first time:              {first:.2f} s")
    if spacing != 1.0 or name != "five structures missing":
        return
    dense, upstream = dense_seconds(completer, 5, spacing), upstream_seconds(5)
    print(f"  the same network everywhere: {dense:.0f} s, {dense / ours:.0f} times ours")
    print(f"  the upstream way:            {upstream:.0f} s, {upstream / ours:.0f} times ours")


def print_samples(completer: HeartCompleter, heart: Heart) -> None:
    """How long plausible hearts take, and how long it takes at most until a cancel is seen."""
    name = "five structures missing"

    def cancel() -> bool:
        looks.append(time.perf_counter())
        return False

    timings = completer.complete(heart, CASES[name], 1.5, samples=SAMPLES).timings
    print(f"{name}, {SAMPLES} plausible hearts at 1.5 mm: {timings['samples']:.2f} s more")
    looks = [time.perf_counter()]
    unknowing(completer).complete(heart, CASES[name], 1.0, samples=2, cancel=cancel)
    looks.append(time.perf_counter())
    longest = max(later - sooner for sooner, later in pairwise(looks))
    print(f"longest time between two looks for a cancel at 1.0 mm, samples included: {longest:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", type=float, metavar="MM", help="only the peak memory at this spacing")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        print_own_peak(arguments.peak)
        return
    rate = multiply_rate()
    print(f"matrix products: {rate / 1e9:.0f} GFLOP/s on {torch.get_num_threads()} threads")
    completer, heart = HeartCompleter.load(device="cpu"), whole_heart()
    for name in (*CASES, "all ten structures"):
        for spacing in (2.5, 1.0):
            print_case(completer, heart, name, spacing, rate)
    print_samples(completer, heart)
    for spacing in (2.0, 1.0, 0.5):
        subprocess.run(
            [sys.executable, __file__, "--threads", str(arguments.threads), "--peak", str(spacing)], check=True
        )


if __name__ == "__main__":
    main()
