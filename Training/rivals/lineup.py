"""Who is compared: each rival differs from what ships in the one thing that its name says."""

from __future__ import annotations

from dataclasses import dataclass, field

from CardiacCompletionLib.model.heart import HeartAutoEncoder
from Training.data.examples import CompletionExamples, Jitter
from Training.rivals import examples, networks


@dataclass(frozen=True)
class Rival:
    """What is trained, on what; held-out hearts are the same for all.

    Attributes:
        network: its architecture.
        drawn: how examples are drawn in training.
        shown: how held-out hearts are shown.
        jitter: how examples are disturbed in training.
    """

    network: type[HeartAutoEncoder] = HeartAutoEncoder
    drawn: type[CompletionExamples] = CompletionExamples
    shown: type[CompletionExamples] = CompletionExamples
    jitter: Jitter = field(default_factory=Jitter)


RIVALS: dict[str, Rival] = {
    "as it ships": Rival(),
    "each structure alone": Rival(networks.EachAlone),
    "one set of queries for all": Rival(networks.OneSetOfQueries),
    "queries read all structures alike": Rival(networks.QueriesReadAll),
    "queries read their structure, then all": Rival(networks.QueriesReadOwnThenAll),
    "without trusted distances at queries": Rival(networks.WithoutSurroundings),
    "points in the frame": Rival(networks.PointsInTheFrame),
    "points with normals": Rival(networks.WithNormals, examples.WithNormals, examples.WithNormals),
    "one token for all that is hidden": Rival(networks.OneTokenForAll),
    "places in two octaves fewer": Rival(networks.CoarserPlaces),
    "places in two octaves more": Rival(networks.FinerPlaces),
    "points where they are": Rival(jitter=Jitter(surface=0.0)),
    "points half a millimetre off": Rival(jitter=Jitter(surface=0.5)),
    "no pose and scale jitter": Rival(jitter=Jitter(origin=0.0, scale=0.0)),
    "hidden at random alone": Rival(drawn=examples.HiddenAtRandom),
}
