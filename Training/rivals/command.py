"""Train rival architectures side by side: same hearts, same examples, same steps, same size.

Prints, for each, the loss on held-out hearts, the distance error of what is sought, and how much longer a step takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.prior import MeanHeart
from Training.data.hearts import PreparedHearts
from Training.fit import drawn_from
from Training.held_out import EXAMPLES, LOSS, WatchedModule, fixed, held_out_hearts
from Training.rivals.networks import RIVALS
from Training.settings import Settings
from Training.starting_point import expectations_of_others, fill_mean_heart, reference_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, nargs="+", metavar="DIR", help="what `prepare` wrote; one or several")
    parser.add_argument("--preset", default="quick", help="size and schedule, see Training/configs/presets.yaml")
    parser.add_argument("--steps", type=int, help="optimiser steps of each; the preset's without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    settings = Settings.read(2, arguments.preset)
    settings = replace(settings, steps=arguments.steps or settings.steps)
    duel = _Duel.prepared(arguments.data, settings, arguments.seed)
    print(f"{len(duel.hearts.cases)} hearts, preset {arguments.preset}, {settings.total_steps} steps, seed {duel.seed}")
    untrained = duel.held_out(HeartAutoEncoder(settings.model()))
    print("| architecture | parameters | held-out loss, mm | of the untrained one's | a step takes |")
    print("|---|---|---|---|---|")
    print(f"| untrained | | {untrained:.3f} | 1.000 | |", flush=True)
    first = None
    for name, network in RIVALS.items():
        lightning.seed_everything(duel.seed, verbose=False)
        rival = network(settings.model())
        begun = time.perf_counter()
        loss = duel.trained(rival)
        seconds = time.perf_counter() - begun
        first = first or seconds
        count = sum(parameter.numel() for parameter in rival.parameters()) / 1e6
        print(f"| {name} | {count:.2f} M | {loss:.3f} | {loss / untrained:.3f} | {seconds / first:.2f} |", flush=True)


@dataclass(frozen=True)
class _Duel:
    """What all rivals have in common."""

    hearts: PreparedHearts
    looks: Sequence[dict[str, torch.Tensor]]
    reference: Reference
    prior: MeanHeart
    by_others: Sequence[Expectation]
    settings: Settings
    seed: int

    @classmethod
    def prepared(cls, folders: Sequence[str], settings: Settings, seed: int) -> _Duel:
        """Raises CompletionError where no hearts are kept apart."""
        hearts = PreparedHearts(folders, "train", settings.structures)
        apart = held_out_hearts(folders, settings.structures, None)
        if apart is None:
            raise CompletionError("No hearts are kept apart here: prepare a data set with a test split.")
        reference = reference_of(hearts)
        prior = MeanHeart(len(settings.structures), settings.shapes, settings.fine_shapes)
        fill_mean_heart(prior, hearts, reference)
        looks = fixed(
            drawn_from(apart, reference, prior, [prior.expectation(settings.structures)], settings, EXAMPLES, seed)
        )
        by_others = expectations_of_others(prior, hearts, reference)
        return cls(hearts, looks, reference, prior, by_others, settings, seed)

    def held_out(self, network: HeartAutoEncoder) -> float:
        """Loss of a network as it is, in mm."""
        return self._trainer(0).validate(self._module(network), self._asked(), verbose=False)[0][LOSS]

    def trained(self, network: HeartAutoEncoder) -> float:
        """Loss on held-out hearts after training, with averaged weights, in mm."""
        steps, batch = self.settings.total_steps, self.settings.batch
        examples = drawn_from(
            self.hearts, self.reference, self.prior, self.by_others, self.settings, steps * batch, self.seed
        )
        trainer = self._trainer(steps)
        trainer.fit(self._module(network), DataLoader(examples, batch, num_workers=1), self._asked())
        return float(trainer.callback_metrics[LOSS])

    def _module(self, network: HeartAutoEncoder) -> WatchedModule:
        network.prior.load_state_dict(self.prior.state_dict())
        return WatchedModule(network, self.settings, self.reference.scale)

    def _asked(self) -> DataLoader:
        return DataLoader(self.looks, self.settings.batch)

    def _trainer(self, steps: int) -> lightning.Trainer:
        return lightning.Trainer(
            max_steps=steps,
            precision=self.settings.precision,
            gradient_clip_val=1.0,
            val_check_interval=steps or None,
            num_sanity_val_steps=0,
            callbacks=[EMAWeightAveraging(decay=self.settings.averaging)] if steps else [],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
