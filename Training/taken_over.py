"""Start from what was learnt before, which may know fewer structures: what belongs to a structure goes by its key."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from CardiacCompletionLib.errors import CompletionError
from CardiacCompletionLib.geometry.frame import Reference
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.data.hearts import PreparedHearts
from Training.earlier import Earlier
from Training.settings import Settings
from Training.starting_point import fill_shapes, measure_again, with_new_places

# Parameters and buffers whose first axis is the class axis. The joint distribution of numbers is measured anew.
_BY_STRUCTURE = ("latents", "missing", "structure_embed", "prior.field", "prior.shapes", "prior.fine_shapes")
# Its columns are the class axis, three times over (model/surroundings).
_SURROUNDINGS = "surroundings_embed.mlp.weight"
_MEASURED = ("prior.number_mean", "prior.size_mean", "prior.number_covariance", "prior.anchors")


def take_over(earlier: Earlier, settings: Settings, hearts: PreparedHearts) -> tuple[Reference, HeartAutoEncoder]:
    """Reference and network of an earlier run, with the structures of this one.

    Structures that the earlier run did not know begin at their mean place and shape in these hearts, with untrained
    latents; everything else stands as it was learnt.

    Raises:
        CompletionError: if the earlier run is of another size, knows structures that this one does not, or no heart
            shows some structure in full.
    """
    known = earlier.network
    config = settings.model()
    gone = [key for key in known.config.structures if key not in config.structures]
    # How many points of a surface it reads makes no difference to its weights.
    if gone or replace(known.config, structures=config.structures, points=config.points) != config:
        raise CompletionError(
            f"{earlier.name} has a model of another size or vocabulary: start from one of the same size whose "
            "structures are among these."
        )
    network = HeartAutoEncoder(config)
    rows = torch.tensor([config.structures.index(key) for key in known.config.structures])
    network.load_state_dict(_grown(known.state_dict(), network.state_dict(), rows))
    new = [row for row in range(len(config.structures)) if row not in rows.tolist()]
    fill_shapes(network.prior, hearts, new)
    reference = with_new_places(earlier.reference, hearts)
    measure_again(network.prior, hearts, reference)
    return reference, network


def _grown(known: dict[str, Tensor], fresh: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """The known state, its class axis laid onto these rows of a fresh one."""
    state = {**known, **{name: fresh[name] for name in _MEASURED}}
    for name in _BY_STRUCTURE:
        state[name] = fresh[name].index_copy(0, rows, known[name])
    # How far a new structure is says nothing yet.
    columns = torch.zeros_like(fresh[_SURROUNDINGS]).unflatten(1, (-1, len(fresh["latents"])))
    columns[:, :, rows] = known[_SURROUNDINGS].unflatten(1, (-1, len(rows)))
    return {**state, _SURROUNDINGS: columns.flatten(1)}
