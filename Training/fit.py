"""Train a model on prepared data; a run that was stopped goes on where its last checkpoint stands."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.geometry.frame import Reference, fit_frame
from CardiacCompletionLib.geometry.reference import measure_reference
from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.baselines.mean_heart import mean_fields
from Training.completion_module import CompletionModule
from Training.data.examples import CompletionExamples, Jitter
from Training.data.hearts import PreparedHearts
from Training.settings import Settings

CHECKPOINT = "last.ckpt"
START = "start.pt"
RECIPE = "run.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--phase", type=int, default=2)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--data", required=True, metavar="DIR", help="what `prepare` wrote")
    parser.add_argument("--out", required=True, metavar="RUN")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)


def run(arguments: argparse.Namespace) -> None:
    settings = Settings.read(arguments.phase, arguments.preset)
    torch.set_num_threads(arguments.threads)
    lightning.seed_everything(arguments.seed, verbose=False)
    hearts = PreparedHearts(arguments.data, "train", settings.structures)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    reference, network = starting_point(hearts, settings, out, arguments.threads)
    (out / RECIPE).write_text(json.dumps(recipe(arguments, settings, hearts), indent=2) + "\n", encoding="utf-8")
    examples = CompletionExamples(
        hearts, reference, settings.points, settings.queries, settings.steps * settings.batch, Jitter(), arguments.seed
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        max_steps=settings.steps,
        max_epochs=1,
        gradient_clip_val=1.0,
        default_root_dir=out,
        logger=CSVLogger(out, name="", version="log"),
        log_every_n_steps=50,
        callbacks=[
            EMAWeightAveraging(decay=settings.averaging),
            ModelCheckpoint(
                out,
                filename=Path(CHECKPOINT).stem,
                every_n_train_steps=settings.checkpoint_every,
                save_top_k=1,
                enable_version_counter=False,
            ),
        ],
    )
    last = out / CHECKPOINT
    done = torch.load(last, map_location="cpu", weights_only=True)["global_step"] if last.exists() else 0
    trainer.fit(
        CompletionModule(network, settings, reference.scale),
        DataLoader(examples, settings.batch, sampler=_from(done * settings.batch, len(examples)), num_workers=1),
        ckpt_path=last if done else None,
        weights_only=True,
    )
    trainer.save_checkpoint(last)


def _from(first: int, count: int) -> range:
    """Examples from where the checkpoint stands, so that a resumed run sees what an unbroken one would.

    As many as in an unbroken run: Lightning counts the batches of before the stop as done.
    """
    return range(first, first + count)


def starting_point(
    hearts: PreparedHearts, settings: Settings, out: Path, workers: int
) -> tuple[Reference, HeartAutoEncoder]:
    """The reference frame of the training hearts and an untrained network, which is their aligned mean heart."""
    network = HeartAutoEncoder(model_config(settings))
    kept = out / START
    if kept.exists():
        content = torch.load(kept, weights_only=True)
        network.prior.field.copy_(content["prior"])
        return Reference.from_json(json.loads(content["reference"])), network
    vocabulary = load_vocabulary()
    anchors = frozenset(key for key in settings.structures if vocabulary[key].anchor)
    moments = [hearts.moments(index) for index in range(len(hearts.cases))]
    complete = [heart for heart in moments if anchors <= heart.keys()]
    reference = measure_reference(complete, anchors)
    frames = [fit_frame(heart, reference) for heart in moments]
    nodes = network.prior.node_positions().numpy()
    fields = mean_fields(hearts, frames, nodes.astype(np.float64), settings.prior_hearts, workers)
    network.prior.field.copy_(torch.from_numpy(fields).reshape(network.prior.field.shape))
    torch.save({"prior": network.prior.field, "reference": json.dumps(reference.to_json())}, kept)
    return reference, network


def model_config(settings: Settings) -> HeartModelConfig:
    return HeartModelConfig(
        structures=settings.structures,
        dim=settings.dim,
        depth=settings.depth,
        latents=settings.latents,
        latent_dim=settings.latent_dim,
        points=settings.points,
        prior_size=settings.prior_size,
        prior_reach=settings.prior_reach,
    )


def recipe(arguments: argparse.Namespace, settings: Settings, hearts: PreparedHearts) -> dict:
    """What made the weights, for the model card."""
    return {
        "phase": arguments.phase,
        "preset": arguments.preset,
        "seed": arguments.seed,
        "data_set": hearts.name,
        "hearts": len(hearts.cases),
        "settings": asdict(settings),
    }
