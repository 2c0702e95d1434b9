"""How fast hearts are completed: ``python benchmarks/completion.py [--threads N]``.

Side by side in one run, weights loaded, the bundled heart with five structures trusted and with two: our sparse way,
the same network asked at every node, and the upstream way (a network of VecHeart's size asked at 129 points a side, one
class at a time; a slice of the points is timed and multiplied, for the work is the same everywhere). The floor is the
floating-point work of the sparse way's questions at this computer's measured matrix-multiply rate.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion import completer as engine
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.files.reading import read_segmentation
from CardiacCompletionLib.geometry.lattice import Lattice
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


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def multiply_rate() -> float:
    """Floating-point operations a second in a large float32 matrix product."""
    a, b = torch.randn(2048, 1024), torch.randn(1024, 1024)
    return 2 * 2048 * 1024 * 1024 / seconds(lambda: a @ b, 10)


def work_per_question(config: HeartModelConfig) -> float:
    """Floating-point operations to decode one query of one structure."""
    embedding = 51 * config.dim + 3 * 24
    attention = 2 * config.dim**2 + 2 * config.latents * config.dim
    return 2.0 * (embedding + attention + config.dim)


def dense_field(ask: Callable[[np.ndarray], np.ndarray], lattice: Lattice, halvings: int) -> SampledField | None:
    """The field asked at every node of the finest lattice."""
    for _ in range(halvings):
        lattice = lattice.refined()
    values = ask(lattice.all_points()).astype(np.float32).reshape(lattice.shape)
    return SampledField(values, lattice) if (values < 0).any() else None


def upstream_seconds(structures: int) -> float:
    network = HeartAutoEncoder(UPSTREAM).eval()
    latents = torch.randn(1, 5, UPSTREAM.latents, UPSTREAM.dim)
    queries, wanted = torch.rand(1, SLICE, 3) - 0.5, torch.tensor([0])
    with torch.inference_mode():
        once = seconds(lambda: network.decode(latents, queries, wanted))
    return once / SLICE * UPSTREAM_SIDE**3 * structures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    rate = multiply_rate()
    print(f"matrix products: {rate / 1e9:.0f} GFLOP/s on {torch.get_num_threads()} threads")
    completer = HeartCompleter.load(device="cpu")
    heart = read_segmentation(resource_path("SampleData", "WholeHeart.seg.nrrd")).whole_heart(load_vocabulary())
    config = completer._model.network.config
    sparse = engine.sample_field
    asked = 0

    def counting(ask: Callable[[np.ndarray], np.ndarray], lattice: Lattice, halvings: int) -> SampledField | None:
        def count(ras: np.ndarray) -> np.ndarray:
            nonlocal asked
            asked += len(ras)
            return ask(ras)

        return sparse(count, lattice, halvings)

    for name, trusted in CASES.items():
        missing = len(config.structures) - len(trusted)
        for spacing in (2.5, 1.0):
            ours = seconds(lambda t=trusted, s=spacing: completer.complete(heart, t, s))
            asked, engine.sample_field = 0, counting
            completer.complete(heart, trusted, spacing)
            floor = asked * work_per_question(config) / rate
            print(f"{name}, {spacing} mm: {ours:.2f} s, {ours / floor:.1f} times the floor ({asked} questions)")
            if spacing == 1.0 and missing == 5:
                engine.sample_field = dense_field
                dense = seconds(lambda t=trusted: completer.complete(heart, t, 1.0), 1)
                upstream = upstream_seconds(missing)
                print(f"  the same network everywhere: {dense:.0f} s, {dense / ours:.0f} times ours")
                print(f"  the upstream way:            {upstream:.0f} s, {upstream / ours:.0f} times ours")
            engine.sample_field = sparse
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB (dense included)")


if __name__ == "__main__":
    main()
