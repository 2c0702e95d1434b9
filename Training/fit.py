"""Train a model on prepared data; a run that was stopped goes on where its last checkpoint stands."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import Reference, fit_frame
from CardiacCompletionLib.geometry.reference import measure_reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.baselines.mean_heart import mean_fields
from Training.completion_module import CompletionModule
from Training.data.examples import CompletionExamples, Jitter
from Training.data.hearts import PreparedHearts
from Training.run_folder import RunFolder
from Training.settings import Settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", type=int, default=2, help="0 to 4, see Training/configs")
    parser.add_argument("--preset", default="cpu", help="size and schedule, see Training/configs/presets.yaml")
    parser.add_argument("--data", required=True, nargs="+", metavar="DIR", help="what `prepare` wrote; one or several")
    parser.add_argument("--out", required=True, metavar="RUN")
    parser.add_argument("--init", metavar="RUN", help="an earlier run to start from; its mean heart is kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=1, help="machines that train together")


def run(arguments: argparse.Namespace) -> None:
    settings = Settings.read(arguments.phase, arguments.preset)
    torch.set_num_threads(arguments.threads)
    lightning.seed_everything(arguments.seed, verbose=False)
    hearts = PreparedHearts(arguments.data, "train", settings.structures)
    folder = RunFolder(Path(arguments.out))
    earlier = RunFolder(Path(arguments.init)) if arguments.init else None
    reference, network = starting_point(hearts, settings, folder, earlier, arguments.threads)
    folder.write_recipe(recipe(arguments, settings, hearts, earlier))
    examples = CompletionExamples(
        hearts,
        reference,
        network.prior.expectation(settings.structures),
        settings.points,
        settings.queries,
        settings.steps * settings.batch,
        Jitter(),
        arguments.seed,
        complete=settings.task == "complete",
    )
    trainer = lightning.Trainer(
        max_steps=settings.steps,
        max_epochs=1,
        num_nodes=arguments.nodes,
        precision=settings.precision,
        gradient_clip_val=1.0,
        logger=TensorBoardLogger(folder.path, name="", version="log"),
        log_every_n_steps=min(50, settings.steps),
        callbacks=[
            EMAWeightAveraging(decay=settings.averaging),
            ModelCheckpoint(
                folder.path,
                filename=folder.checkpoint.stem,
                every_n_train_steps=settings.checkpoint_every,
                enable_version_counter=False,
            ),
        ],
    )
    done = folder.steps_done()
    trainer.fit(
        CompletionModule(network, settings, reference.scale),
        DataLoader(examples, settings.batch, sampler=_from(done * settings.batch, len(examples)), num_workers=1),
        ckpt_path=folder.checkpoint if done else None,
        weights_only=True,
    )
    trainer.save_checkpoint(folder.checkpoint)


def _from(first: int, count: int) -> range:
    """Examples from where the checkpoint stands, so that a resumed run sees what an unbroken one would.

    As many as in an unbroken run: Lightning counts the batches of before the stop as done.
    """
    return range(first, first + count)


def starting_point(
    hearts: PreparedHearts, settings: Settings, folder: RunFolder, earlier: RunFolder | None, workers: int
) -> tuple[Reference, HeartAutoEncoder]:
    """The reference frame and the network to begin with: an earlier run's, or the aligned mean heart, untrained.

    Raises:
        CompletionError: if the earlier run is of another size, or no heart has all the anchors.
    """
    network = HeartAutoEncoder(settings.model())
    if folder.has_start():
        reference, mean_heart = folder.read_start()
        network.prior.load_state_dict(mean_heart)
    elif earlier:
        reference, network = _taken_over(earlier, settings)
    else:
        reference = _reference(hearts, settings)
        _fill_mean_heart(network, hearts, reference, settings.prior_hearts, workers)
    folder.write_start(reference, network.prior.state_dict())
    return reference, network


def _taken_over(earlier: RunFolder, settings: Settings) -> tuple[Reference, HeartAutoEncoder]:
    network, reference, _ = earlier.trained()
    if network.config != settings.model():
        raise CompletionError(f"{earlier.path} has a model of another size or vocabulary: start from one of the same.")
    return reference, network.train()


def _fill_mean_heart(
    network: HeartAutoEncoder, hearts: PreparedHearts, reference: Reference, count: int, workers: int
) -> None:
    """Expected moments over all hearts; mean shapes over ``count`` hearts a data set, each at its own moments."""
    keys, prior = hearts.structures, network.prior
    moments = [hearts.moments(index) for index in range(len(hearts.cases))]
    frames = [fit_frame(heart, reference) for heart in moments]
    anchors = np.array([reference.places[key].anchor for key in keys])
    expectation = Expectation.measure(keys, anchors, moments, frames)
    prior.set_expectation(expectation)
    # With every structure taken for an anchor, a heart's places are its own moments.
    itself = replace(expectation, anchors=np.ones(len(keys), dtype=bool))
    chosen = hearts.spread_evenly(count)
    places = [itself.places(moments[index], frames[index]) for index in chosen]
    nodes = prior.node_positions().numpy().astype(np.float64)
    fields = mean_fields(hearts, chosen, [frames[index] for index in chosen], places, nodes, workers)
    prior.field.copy_(torch.from_numpy(fields).reshape(prior.field.shape))


def _reference(hearts: PreparedHearts, settings: Settings) -> Reference:
    vocabulary = load_vocabulary()
    anchors = frozenset(key for key in settings.structures if vocabulary[key].anchor)
    moments = [hearts.moments(index) for index in range(len(hearts.cases))]
    complete = [heart for heart in moments if anchors <= heart.keys()]
    if not complete:
        raise CompletionError("No training heart has all of the chambers and the myocardium, which fix the frame.")
    return measure_reference(complete, anchors)


def recipe(
    arguments: argparse.Namespace, settings: Settings, hearts: PreparedHearts, earlier: RunFolder | None
) -> dict[str, Any]:
    """What made the weights, for the model card; with the recipe of the run they started from."""
    return {
        "phase": arguments.phase,
        "preset": arguments.preset,
        "seed": arguments.seed,
        "data_sets": hearts.names,
        "hearts": len(hearts.cases),
        "init": earlier.trained()[2] if earlier else None,
        "settings": asdict(settings),
    }
