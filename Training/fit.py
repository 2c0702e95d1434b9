"""Train a model on prepared data; a run that was stopped goes on where its last checkpoint stands."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from CardiacCompletionLib.geometry.expectation import Expectation
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.prior import MeanHeart
from Training.data.examples import CompletionExamples, Jitter
from Training.data.hearts import PreparedHearts
from Training.data.unmasked import UnmaskedExamples
from Training.earlier import Earlier
from Training.held_out import EXAMPLES, WatchedModule, fixed, held_out_hearts, stated, stop_when_no_better
from Training.run_folder import RunFolder
from Training.settings import Settings
from Training.starting_point import expectations_of_others, fill_mean_heart, reference_of
from Training.taken_over import take_over
from Training.upstream import TAKEN, UpstreamStart, start_from_upstream


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", type=int, default=2, help="0 to 4, see Training/configs")
    parser.add_argument("--preset", default="cpu", help="size and schedule, see Training/configs/presets.yaml")
    parser.add_argument("--data", required=True, nargs="+", metavar="DIR", help="what `prepare` wrote; one or several")
    parser.add_argument("--fold", type=int, help="of data sets dealt into folds, the one that is not trained on")
    parser.add_argument("--out", required=True, metavar="RUN")
    parser.add_argument(
        "--init",
        metavar="RUN",
        help="an earlier run or exported weights to start from, of the same or fewer structures; mean shapes stay",
    )
    parser.add_argument("--upstream", metavar="FILE", help="an upstream VecSetX checkpoint; what fits of it is taken")
    parser.add_argument(
        "--unmasked",
        action="store_true",
        help="the ablation of phase 3: what a data set does not label counts as empty",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--nodes", type=int, default=1, help="machines that train together")


def run(arguments: argparse.Namespace) -> None:
    settings = Settings.read(arguments.phase, arguments.preset)
    folder = RunFolder(Path(arguments.out))
    folder.refuse_other(asked(arguments, settings))
    if folder.is_done(settings.total_steps):
        print(f"{folder.path} is trained.")
        return
    torch.set_num_threads(arguments.threads)
    # A resumed run draws on from where its checkpoint stands (own_examples), in the same folder; Lightning doubts both.
    for doubt in (".*dataloader is not resumable", "Checkpoint directory .* is not empty"):
        warnings.filterwarnings("ignore", message=doubt)
    lightning.seed_everything(arguments.seed, verbose=False)
    hearts = PreparedHearts(arguments.data, "train", settings.structures, arguments.fold)
    earlier = Earlier.read(Path(arguments.init)) if arguments.init else None
    reference, network = starting_point(hearts, settings, folder, earlier)
    upstream = start_from_upstream(network, arguments.upstream) if arguments.upstream else None
    if upstream:
        print(upstream.report())
    made_of = recipe(arguments, settings, hearts, earlier, upstream)
    folder.refuse_other(made_of)
    folder.write_recipe(made_of)
    prior = deepcopy(network.prior)
    apart = held_out_hearts(arguments.data, settings.structures, arguments.fold)
    looks = []
    if apart is not None:
        by_all = [prior.expectation(settings.structures)]
        looks = fixed(drawn_from(apart, reference, prior, by_all, settings, EXAMPLES, arguments.seed))
    trainer = lightning.Trainer(
        max_steps=settings.total_steps,
        max_epochs=1,
        num_nodes=arguments.nodes,
        # Without a graphics card Lightning takes one process for all, however many torchrun has started.
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", 0)) or "auto",
        use_distributed_sampler=False,
        precision=settings.precision,
        gradient_clip_val=1.0,
        logger=TensorBoardLogger(folder.path, name="", version="log"),
        log_every_n_steps=min(50, settings.total_steps),
        val_check_interval=min(settings.checkpoint_every, settings.total_steps),
        num_sanity_val_steps=0,
        callbacks=callbacks(settings, folder, bool(looks)),
    )
    done = folder.steps_done()
    together = settings.batch * trainer.world_size
    by_others = expectations_of_others(prior, hearts, reference)
    examples = drawn_from(
        hearts, reference, prior, by_others, settings, settings.total_steps * together, arguments.seed
    )
    trainer.fit(
        WatchedModule(network, settings, reference.scale),
        DataLoader(
            UnmaskedExamples(examples) if arguments.unmasked else examples,
            settings.batch,
            sampler=own_examples(done, settings, trainer.global_rank, trainer.world_size),
            num_workers=1,
        ),
        DataLoader(looks, settings.batch) if looks else None,
        ckpt_path=folder.checkpoint if done else None,
        weights_only=True,
    )
    trainer.save_checkpoint(folder.checkpoint)
    folder.write_end(stated(trainer.callback_metrics))
    if trainer.global_step < settings.total_steps:
        print(f"No better on held-out hearts for {settings.patience} looks: ended after {trainer.global_step} steps.")


def callbacks(settings: Settings, folder: RunFolder, looks: bool) -> list[Callback]:
    """Averaged weights, checkpoints and, where hearts are kept apart, the end when these get no better.

    A checkpoint follows its look, so that a resumed run remembers it.
    """
    written = {} if looks else {"every_n_train_steps": settings.checkpoint_every}
    checkpoint = ModelCheckpoint(
        folder.path,
        filename=folder.checkpoint.stem,
        save_on_train_epoch_end=False,
        enable_version_counter=False,
        **written,
    )
    stop = [stop_when_no_better(settings.patience)] if looks else []
    return [EMAWeightAveraging(decay=settings.averaging), *stop, checkpoint]


def drawn_from(
    hearts: PreparedHearts,
    reference: Reference,
    prior: MeanHeart,
    expectations: Sequence[Expectation],
    settings: Settings,
    count: int,
    seed: int,
) -> CompletionExamples:
    """Examples as a phase asks for them."""
    complete = settings.task == "complete"
    return CompletionExamples(
        hearts,
        reference,
        prior,
        expectations,
        settings.points,
        settings.queries,
        count,
        Jitter() if complete else Jitter.of_pose(),
        seed,
        settings.near,
        complete=complete,
    )


def own_examples(done: int, settings: Settings, rank: int, ranks: int) -> range:
    """Examples of one of the processes that train together, which take turns, from where the checkpoint stands.

    So a resumed run sees what an unbroken one would. As many as in an unbroken run: Lightning counts the batches of
    before the stop as done.
    """
    together = settings.batch * ranks
    return range(done * together + rank, (done + settings.total_steps) * together, ranks)


def starting_point(
    hearts: PreparedHearts, settings: Settings, folder: RunFolder, earlier: Earlier | None
) -> tuple[Reference, HeartAutoEncoder]:
    """The reference frame and the network to begin with: what was learnt before, or the aligned mean heart, untrained.

    Raises:
        CompletionError: if what was learnt before does not fit, or no heart has all the anchors.
    """
    network = HeartAutoEncoder(settings.model())
    if earlier and not folder.steps_done():
        reference, network = take_over(earlier, settings, hearts)
    elif folder.has_begun():
        reference, mean_heart = folder.read_start()
        network.prior.load_state_dict(mean_heart)
    else:
        reference = reference_of(hearts)
        fill_mean_heart(network.prior, hearts, reference)
    if settings.task == "reconstruct":
        # Nothing is told of what surrounds a query; the engine tells all it trusts, and nothing may come of it.
        network.surroundings_embed.mute()
    folder.write_start(reference, network.prior.state_dict())
    return reference, network


def asked(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    """What of a recipe the command line says."""
    return {
        "phase": arguments.phase,
        "preset": arguments.preset,
        "seed": arguments.seed,
        "fold": arguments.fold,
        "unmasked": arguments.unmasked,
        "settings": asdict(settings),
    }


def recipe(
    arguments: argparse.Namespace,
    settings: Settings,
    hearts: PreparedHearts,
    earlier: Earlier | None,
    upstream: UpstreamStart | None,
) -> dict[str, Any]:
    """What made the weights, for the model card; with the recipe of the run they started from."""
    return {
        **asked(arguments, settings),
        "data_sets": hearts.names,
        "origins": hearts.origins,
        "hearts": len(hearts.cases),
        "init": earlier and earlier.recipe,
        "upstream": upstream and {"sha256": upstream.sha256, "tensors_taken": upstream.count(TAKEN)},
    }
