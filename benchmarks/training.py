"""How fast training steps are: ``python benchmarks/training.py --data DIR [--preset NAME] [--threads N]``.

All in one run, on the graphics card if there is one: optimiser steps a second, the share of the time in which a step
waits for data, and the share of this computer's measured matrix-multiply rate that the steps reach (floating-point work
forward and backward, as PyTorch counts it). Then the same step the upstream way, for the ratio: a VecSetX of the same
width, depth and latents in float32, one structure after the other, each asked at 10 240 points, the eikonal term
through all of them by a second backward pass. Of the structures one is timed and multiplied, for the work is the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode

from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.vecset import VecSetAutoEncoder
from Training.completion_module import CompletionModule
from Training.data.hearts import PreparedHearts
from Training.fit import drawn_from
from Training.settings import Settings
from Training.starting_point import fill_mean_heart, reference_of

UPSTREAM_POINTS = 10_240
EIKONAL = 0.001
WARM_UP = 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

Batch = dict[str, Tensor]


def finished() -> None:
    """Wait for the graphics card."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Of one run, the median of several after a warm-up."""
    times = []
    for _ in range(WARM_UP + repeats):
        finished()
        start = time.perf_counter()
        work()
        finished()
        times.append(time.perf_counter() - start)
    return sorted(times[WARM_UP:])[repeats // 2]


def multiply_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second in a large matrix product."""
    side = 8192 if DEVICE == "cuda" else 1536
    a, b = (torch.randn(side, side, device=DEVICE, dtype=dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, 7)


def prepared_loader(folders: list[str], settings: Settings, steps: int) -> tuple[DataLoader, CompletionModule]:
    """Batches as `fit` draws them, and the module that learns from them."""
    hearts = PreparedHearts(folders, "train", settings.structures)
    reference, network = reference_of(hearts), HeartAutoEncoder(settings.model())
    fill_mean_heart(network.prior, hearts, reference)
    expected = [network.prior.expectation(settings.structures)]
    examples = drawn_from(hearts, reference, network.prior, expected, settings, steps * settings.batch, seed=0)
    module = CompletionModule(network.to(DEVICE), settings, reference.scale)
    module.log = lambda *_, **__: None  # there is no trainer to log to
    return DataLoader(examples, settings.batch, num_workers=1), module


def stepper(module: CompletionModule, settings: Settings) -> Callable[[Batch], None]:
    """One optimiser step at the preset's precision."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4)
    half = settings.precision.startswith("bf16")

    def step(batch: Batch) -> None:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=half):
            loss = module.training_step(batch, 0)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()

    return step


def waiting_share(loader: DataLoader, step: Callable[[Batch], None]) -> float:
    """Of the time of all steps but the first ones, how much passes until a batch is there."""
    waited = worked = 0.0
    batches = iter(loader)
    for number in range(len(loader)):
        start = time.perf_counter()
        batch = {name: value.to(DEVICE) for name, value in next(batches).items()}
        there = time.perf_counter()
        step(batch)
        finished()
        if number >= WARM_UP:
            waited += there - start
            worked += time.perf_counter() - there
    return waited / (waited + worked)


def upstream_step(settings: Settings) -> Callable[[], None]:
    """One structure of a batch of hearts, float32: L1, and the eikonal term by double backward."""
    network = VecSetAutoEncoder(
        depth=settings.depth,
        dim=settings.dim,
        num_latents=settings.latents,
        num_inputs=settings.points,
        latent_dim=settings.latent_dim,
    ).to(DEVICE)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    points = torch.rand(settings.batch, settings.points, 3, device=DEVICE) - 0.5
    true = torch.rand(settings.batch, UPSTREAM_POINTS, device=DEVICE)

    def step() -> None:
        queries = (torch.rand(settings.batch, UPSTREAM_POINTS, 3, device=DEVICE) - 0.5).requires_grad_()
        # Only the plain form of attention can be differentiated twice.
        with sdpa_kernel(SDPBackend.MATH):
            said = network(points, queries)
            slope = torch.autograd.grad(said.sum(), queries, create_graph=True)[0]
            loss = (said - true).abs().mean() + EIKONAL * (slope.norm(dim=-1) - 1.0).square().mean()
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, nargs="+", metavar="DIR", help="what `prepare` wrote")
    parser.add_argument("--phase", type=int, default=2)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    settings = Settings.read(arguments.phase, arguments.preset)
    loader, module = prepared_loader(arguments.data, settings, WARM_UP + arguments.steps)
    step = stepper(module, settings)
    batch = {name: value.to(DEVICE) for name, value in next(iter(loader)).items()}
    ours = seconds(lambda: step(batch), arguments.steps)
    counter = FlopCounterMode(display=False)
    with counter:
        step(batch)
    half = settings.precision.startswith("bf16")
    rate = multiply_rate(torch.bfloat16 if half else torch.float32)
    reached = counter.get_total_flops() / ours / rate
    where = torch.cuda.get_device_name() if DEVICE == "cuda" else f"{arguments.threads} threads"
    print(f"preset {arguments.preset}, phase {arguments.phase}, on {where}: matrix products {rate / 1e12:.3f} TFLOP/s")
    print(f"  {1 / ours:.2f} steps a second, {reached:.0%} of the matrix-multiply rate")
    print(f"  {waiting_share(loader, step):.1%} of the time waiting for data")
    count = len(settings.structures)
    theirs = count * seconds(upstream_step(settings), max(arguments.steps // 10, 1))
    print(
        f"  the upstream way {theirs / ours:.1f} times as long ({count} structures one by one, each asked at "
        f"{UPSTREAM_POINTS} points, not {settings.queries})"
    )


if __name__ == "__main__":
    main()
