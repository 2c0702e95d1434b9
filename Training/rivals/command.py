"""Train rivals of what ships side by side: same hearts, same steps, same size; each but for one choice.

Each goes through phase 1 and then phase 2, as what ships does: who learns fastest from nothing need not be who is ahead
in the end (Training/EXPERIMENTS.md, "Side by side").

Prints, for each, the loss on held-out hearts, how far what is hidden is off there, and how much longer a step takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.prior import MeanHeart
from Training.data.examples import CompletionExamples, Jitter
from Training.data.hearts import PreparedHearts
from Training.held_out import EXAMPLES, HIDDEN, LOSS, WatchedModule, fixed, held_out_hearts
from Training.rivals.lineup import RIVALS, Rival
from Training.settings import Settings
from Training.starting_point import expectations_of_others, fill_mean_heart, reference_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, nargs="+", metavar="DIR", help="what `prepare` wrote; one or several")
    parser.add_argument("--preset", default="quick", help="size and schedule, see Training/configs/presets.yaml")
    parser.add_argument("--steps", type=int, help="optimiser steps of each in phase 2; the preset's without")
    parser.add_argument("--first-steps", type=int, help="in phase 1, 0 for none of it; the preset's without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    first = _settings(1, arguments.preset, arguments.first_steps)
    settings = _settings(2, arguments.preset, arguments.steps)
    duel = _Duel.prepared(arguments.data, first, settings, arguments.seed)
    print(
        f"{len(duel.hearts.cases)} hearts, preset {arguments.preset}, {first.steps} steps of phase 1 and "
        f"{settings.steps} of phase 2, seed {duel.seed}"
    )
    untrained = duel.held_out(duel.begun(HeartAutoEncoder))
    groups = _groups(settings.structures)
    print(f"| | parameters | held-out loss, mm | {' | '.join(groups)} | a step takes |")
    print("|" + "---|" * (4 + len(groups)))
    print(f"| untrained | | {_row(untrained, groups)} | |", flush=True)
    usual = None
    for name, rival in RIVALS.items():
        lightning.seed_everything(duel.seed, verbose=False)
        network = duel.begun(rival.network)
        begun = time.perf_counter()
        found = duel.trained(rival, network)
        seconds = time.perf_counter() - begun
        usual = usual or seconds
        count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        print(f"| {name} | {count:.2f} M | {_row(found, groups)} | {seconds / usual:.2f} |", flush=True)


def _settings(phase: int, preset: str, steps: int | None) -> Settings:
    usual = Settings.read(phase, preset)
    return usual if steps is None else replace(usual, steps=steps)


def _groups(structures: tuple[str, ...]) -> dict[str, list[str]]:
    """Structures by how they fail when they are hidden."""
    vocabulary = load_vocabulary()
    groups: dict[str, list[str]] = {"chambers": [], "great vessels": [], "what springs from them": []}
    for key in structures:
        known = vocabulary[key]
        place = "chambers" if known.anchor else "what springs from them" if known.springs_from else "great vessels"
        groups[place].append(key)
    return groups


def _row(found: Mapping[str, float], groups: Mapping[str, list[str]]) -> str:
    """The loss, and of every group how many mm its hidden structures are off."""
    off = [
        np.mean([found[name] for key in keys if (name := f"{HIDDEN}/{key}") in found] or [np.nan])
        for keys in groups.values()
    ]
    return " | ".join(f"{value:.3f}" for value in (found[LOSS], *off))


@dataclass(frozen=True)
class _Duel:
    """What all rivals have in common."""

    hearts: PreparedHearts
    apart: PreparedHearts
    reference: Reference
    prior: MeanHeart
    by_others: Sequence[Expectation]
    first: Settings
    settings: Settings
    seed: int

    @classmethod
    def prepared(cls, folders: Sequence[str], first: Settings, settings: Settings, seed: int) -> _Duel:
        """Raises CompletionError where no hearts are kept apart."""
        hearts = PreparedHearts(folders, "train", settings.structures)
        apart = held_out_hearts(folders, settings.structures, None)
        if apart is None:
            raise CompletionError("No hearts are kept apart here: prepare a data set with a test split.")
        reference = reference_of(hearts)
        prior = MeanHeart(len(settings.structures), settings.shapes, settings.fine_shapes)
        fill_mean_heart(prior, hearts, reference)
        by_others = expectations_of_others(prior, hearts, reference)
        return cls(hearts, apart, reference, prior, by_others, first, settings, seed)

    def begun(self, kind: type[HeartAutoEncoder]) -> HeartAutoEncoder:
        """A network that knows the mean heart and nothing else."""
        network = kind(self.settings.model())
        network.prior.load_state_dict(self.prior.state_dict())
        return network

    def held_out(self, network: HeartAutoEncoder) -> Mapping[str, float]:
        """Loss and errors of a network as it is, in mm."""
        module, asked = self._module(network, self.settings), self._asked(CompletionExamples)
        return self._trainer(0).validate(module, asked, verbose=False)[0]

    def trained(self, rival: Rival, network: HeartAutoEncoder) -> Mapping[str, float]:
        """Loss and errors on held-out hearts after both phases, with averaged weights, in mm."""
        if self.first.steps:
            whole = self._drawn(rival.drawn, self.hearts, self.by_others, self.first, Jitter.of_pose())
            self._trainer(self.first.steps).fit(self._module(network, self.first), self._loaded(whole))
        partial = self._drawn(rival.drawn, self.hearts, self.by_others, self.settings, rival.jitter)
        trainer = self._trainer(self.settings.steps)
        trainer.fit(self._module(network, self.settings), self._loaded(partial), self._asked(rival.shown))
        return {name: float(value) for name, value in trainer.callback_metrics.items()}

    def _drawn(
        self,
        kind: type[CompletionExamples],
        hearts: PreparedHearts,
        expectations: Sequence[Expectation],
        settings: Settings,
        jitter: Jitter,
        count: int | None = None,
    ) -> CompletionExamples:
        """As many as the steps of the phase take, unless a count is given."""
        count = settings.steps * settings.batch if count is None else count
        place, sizes = (self.reference, self.prior, expectations), (settings.points, settings.queries, count)
        return kind(hearts, *place, *sizes, jitter, self.seed, settings.near, settings.task == "complete")

    def _module(self, network: HeartAutoEncoder, settings: Settings) -> WatchedModule:
        return WatchedModule(network, settings, self.reference.scale)

    def _loaded(self, examples: CompletionExamples) -> DataLoader:
        return DataLoader(examples, self.settings.batch, num_workers=1)

    def _asked(self, kind: type[CompletionExamples]) -> DataLoader:
        """The same held-out examples, shown as a rival is to see them."""
        by_all = [self.prior.expectation(self.settings.structures)]
        looks = fixed(self._drawn(kind, self.apart, by_all, self.settings, Jitter(), EXAMPLES))
        return DataLoader(looks, self.settings.batch)

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
