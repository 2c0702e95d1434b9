"""The engine: a partial heart in, a whole heart out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.alignment import aligned
from CardiacCompletionLib.completion.attitude import Turn, to_usual_attitude
from CardiacCompletionLib.completion.clock import Cancel, Clock, Progress
from CardiacCompletionLib.completion.composition import Composition, compose
from CardiacCompletionLib.completion.evidence import Evidence, measure, weigh
from CardiacCompletionLib.completion.plausibility import (
    USUAL_SCORE,
    Doubt,
    doubts_about_attitude,
    doubts_about_fragments,
    doubts_about_likeness,
    doubts_about_places,
    doubts_about_size,
    doubts_about_voxels,
    refuse,
    unlikeness,
)
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.completion.seen import LastSeen
from CardiacCompletionLib.errors import CompletionError

if TYPE_CHECKING:
    from CardiacCompletionLib.model.weights import TrainedModel

SPACING_RANGE = (0.2, 10.0)


class HeartCompleter:
    """Completes hearts with one set of weights; load once, complete many.

    Example::

        completer = HeartCompleter.load()
        result = completer.complete(heart, trusted=["left_ventricle", "myocardium"])
        print(result.volumes_ml)
    """

    def __init__(self, model: TrainedModel, device: str) -> None:
        self._model = model
        self._device = device
        self._vocabulary = load_vocabulary()
        self._last_seen = LastSeen()
        self._expectation = model.network.prior.expectation(model.network.config.structures)

    @classmethod
    def load(cls, weights: str | Path | None = None, device: str = "auto") -> HeartCompleter:
        """Load weights: the bundled ones, or a ``.safetensors`` file with its card beside it.

        Raises:
            CompletionError: if weights or device are not to be had.
        """
        from CardiacCompletionLib.model.weights import load_model, pick_device

        device = pick_device(device)
        return cls(load_model(weights, device), device)

    @property
    def structures(self) -> tuple[str, ...]:
        """Keys of the structures the model knows."""
        return self._model.network.config.structures

    @property
    def card(self) -> dict:
        """The model card: what the weights were trained on, how well they do, where they fail."""
        return self._model.card

    def complete(
        self,
        heart: Heart,
        trusted: Sequence[str],
        spacing: float = 1.0,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        cut: Mapping[str, bool] | None = None,
        resample_trusted: bool = False,
        force: bool = False,
        samples: int = 0,
        left_out: Collection[str] = (),
    ) -> CompletionResult:
        """Infer every structure that is not trusted, and what lies beyond the cuts of those that are.

        Args:
            heart: the partial heart; structures beyond the trusted ones are ignored.
            trusted: keys to rely on; they come out voxel for voxel as they went in.
            spacing: mm at which inferred surfaces are resolved before they are laid onto the heart's own grid.
            progress: called with a fraction of the work done, 0 to 1, and what is being done.
            cancel: asked often; when it says True the work stops.
            cut: trusted keys that are cut off (True) or whole (False); for all others that is found out.
            resample_trusted: infer the trusted structures too, as the model sees them: none comes out as it went in.
            samples: how many plausible hearts to draw for probabilities, intervals and confidence; 0 for none.
            force: complete even what looks wrong; what looks wrong is said in the warnings.
            left_out: keys that nobody wants: inferred, as the others are fitted to them, but no warning names them.

        Raises:
            CompletionError: if nothing is trusted, or what is trusted cannot be part of a heart.
            CompletionCancelled: if ``cancel`` said so.
        """
        from CardiacCompletionLib.completion.inference import Inference
        from CardiacCompletionLib.completion.sampling import HeartSampler

        clock = Clock(progress, cancel)
        said = dict(cut or {})
        trusted = self._checked(heart, trusted, said, spacing)
        if samples == 1 or samples < 0:
            raise CompletionError(f"{samples} plausible hearts say nothing of certainty: ask for 0, or 2 and more.")
        partial = heart.keep(trusted)
        clock.stage("surfaces", 0.02, "Reading the trusted surfaces")
        evidence, turn, doubts = self._evidence(partial, said, trusted if resample_trusted else (), force, clock)
        partial = evidence.heart
        clock.stage("fields", 0.1, "Inferring")
        kept = Heart({}, partial.shape, partial.ijk_to_ras) if resample_trusted else partial
        cuts = {key: faces for key, faces in evidence.cuts.items() if key in kept.regions}
        wanted = [key for key in self.structures if key not in kept.regions or cuts.get(key)]
        expectation = self._expectation.in_frames_of(evidence.telling, self._model.reference)
        inference = Inference(self._model.network, evidence, expectation, self._device, clock)
        fields = inference.fields(wanted, spacing, self._vocabulary)
        for key in cuts.keys() & fields.keys():
            clock.check()
            fields[key] = aligned(fields[key], evidence.surfaces[key].points)
            if not (fields[key].values < 0).any():
                del fields[key]
        clock.stage("composition", 0.85, "Fitting the structures together")
        composed = compose(kept, fields, self._vocabulary, cuts, clock.check)
        inferred = tuple(key for key in wanted if key in composed.heart.regions and key not in kept.regions)
        drawn = None
        if samples and inferred:
            clock.stage("samples", 0.9, "Drawing plausible hearts")
            free = {key: fields[key] for key in inferred}
            sampler = HeartSampler(inference, evidence, kept, free, spacing, self._calibration, self._vocabulary, clock)
            drawn = sampler.draw(samples)
        clock.stage("", 1.0, "Done")
        whole = composed.heart
        if turn:
            whole, drawn = whole.transformed(np.linalg.inv(turn.matrix)), drawn and turn.undone_of_samples(drawn)
        return CompletionResult(
            whole,
            tuple(kept.regions),
            inferred,
            (*(doubt.sentence for doubt in doubts), *self._warnings(wanted, left_out, evidence, composed)),
            clock.timings,
            cut=tuple(cuts),
            continued=composed.continued,
            unlikeness=self._unlikeness(evidence),
            samples=drawn,
        )

    def _evidence(
        self, partial: Heart, said: Mapping[str, bool], made_anew: Collection[str], force: bool, clock: Clock
    ) -> tuple[Evidence, Turn | None, list[Doubt]]:
        """What the trusted structures say as hearts usually lie, the turn to there, and what speaks against them.

        The worst is refused on the way.
        """
        reference, expectation, vocabulary = self._model.reference, self._expectation, self._vocabulary
        doubts = doubts_about_voxels(partial, vocabulary)
        refuse(doubts, force)
        measured = measure(partial, reference, clock, self._last_seen)
        doubts += doubts_about_fragments(partial, measured.moments, reference, vocabulary, scale=None)
        refuse(doubts, force)
        doubts += doubts_about_places(measured.moments, reference, expectation, vocabulary)
        doubts += doubts_about_size(measured.frame, reference)
        refuse(doubts, force)
        evidence = weigh(measured, said, reference, expectation, vocabulary, clock)
        whole = {key: evidence.seen[key] for key in evidence.telling if key not in evidence.cuts}
        turn = to_usual_attitude(whole, made_anew, reference, expectation, self._model.network.prior, clock.check)
        if turn:
            doubts += doubts_about_attitude(turn.degrees)
            measured = measure(partial.transformed(turn.matrix), reference, clock)
            evidence = weigh(measured, said, reference, expectation, vocabulary, clock)
        scale = evidence.frame.scale
        more = doubts_about_fragments(partial, evidence.telling_moments, reference, vocabulary, scale)
        doubts += [doubt for doubt in more if doubt not in doubts]
        doubts += doubts_about_likeness(self._unlikeness(evidence))
        refuse(doubts, force)
        return evidence, turn, doubts

    @property
    def _calibration(self) -> Mapping[str, Any]:
        """What `python -m Training calibrate` found on held-out hearts."""
        return self._model.card.get("calibration", {})

    def _unlikeness(self, evidence: Evidence) -> float:
        usual = self._calibration.get("usual_score", USUAL_SCORE)
        return unlikeness(evidence, self._model.reference, self._expectation, usual)

    def _checked(self, heart: Heart, trusted: Iterable[str], said: Mapping[str, bool], spacing: float) -> list[str]:
        trusted = [self._vocabulary[key].key for key in dict.fromkeys(trusted)]
        if not trusted:
            raise CompletionError("No structure is trusted: choose at least one that is segmented well.")
        for key in trusted:
            if key not in heart.regions:
                raise CompletionError(f"{self._vocabulary[key].name} is empty in this heart: do not trust it.")
            if key not in self.structures:
                raise CompletionError(f"These weights do not know {self._vocabulary[key].name}: do not trust it.")
        for key in said:
            if self._vocabulary[key].key not in trusted:
                raise CompletionError(f"{self._vocabulary[key].name} is said to be cut or whole: trust it too.")
        if not SPACING_RANGE[0] <= spacing <= SPACING_RANGE[1]:
            raise CompletionError(
                f"A spacing of {spacing:g} mm is of no use: choose {SPACING_RANGE[0]} to {SPACING_RANGE[1]:g}."
            )
        return trusted

    def _warnings(
        self, wanted: Sequence[str], left_out: Collection[str], evidence: Evidence, composed: Composition
    ) -> tuple[str, ...]:
        names = {key: self._vocabulary[key].name for key in self.structures}
        missing = [
            f"{names[key]} could not be inferred from these structures: trust more of them."
            for key in wanted
            if key not in composed.heart.regions and key not in left_out
        ]
        faceless = [
            f"{names[key]} counts as cut off, but no cut face was found on it, so it is not continued."
            for key, faces in evidence.cuts.items()
            if not faces
        ]
        unmet = [
            f"{names[key]} is cut off, but what was inferred beyond the cut does not meet it, so it is not continued."
            for key, faces in evidence.cuts.items()
            if key in wanted and key not in composed.continued and any(face.certain for face in faces)
        ]
        return (*missing, *faceless, *unmet)
