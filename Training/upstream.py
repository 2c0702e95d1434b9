"""Start from an upstream VecSetX checkpoint: what fits by name and shape is taken, and all of it is reported.

Encoder, bottleneck, self-attention and the decoder's cross-attention have upstream's names here. Its latents belong to
one shape and ours to one structure each; its last layer says a distance and ours a correction of the mean heart, which
has to begin at nought: neither is taken.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from CardiacCompletionLib.errors import CompletionError

TAKEN, OTHER_SHAPE, NOT_THERE, LEFT = "taken", "other shape", "not there", "left"
_LEFT = ("to_outputs.",)
_SHOWN = 12


@dataclass(frozen=True)
class Layer:
    """One tensor of the network and what upstream has for it.

    Attributes:
        name: in the state dict.
        shape: in the network.
        upstream: shape in the checkpoint; None if it is not there.
        fate: ``taken``, ``other shape``, ``not there`` or ``left``.
    """

    name: str
    shape: tuple[int, ...]
    upstream: tuple[int, ...] | None
    fate: str


@dataclass(frozen=True)
class UpstreamStart:
    """What came of a checkpoint: the fate of every tensor of the network, and which of the checkpoint's it lacks."""

    sha256: str
    layers: tuple[Layer, ...]
    unknown: tuple[str, ...]

    def count(self, fate: str) -> int:
        return sum(layer.fate == fate for layer in self.layers)

    def report(self) -> str:
        """A line for every tensor, and how many of each fate there are."""
        lines = []
        for layer in self.layers:
            shapes = f"{list(layer.shape)}"
            if layer.fate == OTHER_SHAPE:
                shapes += f", upstream {list(layer.upstream)}"
            lines.append(f"{layer.fate:<{_SHOWN}} {layer.name} {shapes}")
        lines += [f"{'unused':<{_SHOWN}} {name}, upstream only" for name in self.unknown]
        counts = ", ".join(f"{self.count(fate)} {fate}" for fate in (TAKEN, OTHER_SHAPE, NOT_THERE, LEFT))
        return "\n".join([*lines, f"Of {len(self.layers)} tensors: {counts}."])


def start_from_upstream(network: nn.Module, path: str | Path) -> UpstreamStart:
    """Copy every tensor whose name and shape fit from an upstream checkpoint into a network.

    Raises:
        CompletionError: if the file is no such checkpoint, holds more than tensors, or nothing in it fits.
    """
    path = Path(path)
    upstream = _tensors(path)
    own = network.state_dict()
    layers = tuple(_layer(name, value, upstream) for name, value in own.items() if not name.startswith("prior."))
    taken = {layer.name: upstream[layer.name] for layer in layers if layer.fate == TAKEN}
    if not taken:
        raise CompletionError(f"Nothing in {path.name} fits this network: choose a preset of the checkpoint's width.")
    network.load_state_dict(taken, strict=False)
    unknown = tuple(name for name in upstream if name not in own)
    return UpstreamStart(hashlib.sha256(path.read_bytes()).hexdigest(), layers, unknown)


def _layer(name: str, value: Tensor, upstream: Mapping[str, Tensor]) -> Layer:
    shape = tuple(value.shape)
    theirs = tuple(upstream[name].shape) if name in upstream else None
    if theirs is None:
        fate = NOT_THERE
    elif name.startswith(_LEFT):
        fate = LEFT
    else:
        fate = TAKEN if theirs == shape else OTHER_SHAPE
    return Layer(name, shape, theirs, fate)


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors under ``model``; nothing in the file is executed."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CompletionError(f"The checkpoint {path} cannot be read: check the file name.") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CompletionError(
            f"{path.name} is no checkpoint of tensors alone: save its state dict with "
            "torch.save({'model': checkpoint['model']}, FILE) where you trust it, and name that file."
        ) from error
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict) or not all(isinstance(value, Tensor) for value in model.values()):
        raise CompletionError(f"{path.name} is no VecSetX checkpoint: it has no state dict under `model`.")
    return model
