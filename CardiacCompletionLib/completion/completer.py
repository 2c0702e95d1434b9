"""The engine: a partial heart in, a whole heart out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.composition import compose
from CardiacCompletionLib.completion.field import SampledField, coarse_lattice, sample_field
from CardiacCompletionLib.completion.plausibility import refuse_implausible
from CardiacCompletionLib.completion.result import CompletionResult
from CardiacCompletionLib.errors import CompletionCancelled, CompletionError
from CardiacCompletionLib.geometry.frame import HeartFrame, Moments, fit_frame, moments_of
from CardiacCompletionLib.geometry.surface import extract_surface

if TYPE_CHECKING:
    import torch

    from CardiacCompletionLib.model.heart import Places
    from CardiacCompletionLib.model.weights import TrainedModel

Progress = Callable[[float, str], None]
Cancel = Callable[[], bool]

_CHUNK = 16384
# Frame units from the heart's middle within which every structure lies, arch and descending aorta included.
REACH = 1.3
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
    ) -> CompletionResult:
        """Infer every structure that is not trusted.

        Args:
            heart: the partial heart; structures beyond the trusted ones are ignored.
            trusted: keys to rely on; they come out voxel for voxel as they went in.
            spacing: mm at which inferred surfaces are resolved before they are laid onto the heart's own grid.
            progress: called with a fraction of the work done, 0 to 1, and what is being done.
            cancel: asked often; when it says True the work stops.

        Raises:
            CompletionError: if nothing is trusted, or what is trusted cannot be part of a heart.
            CompletionCancelled: if ``cancel`` said so.
        """
        clock = _Clock(progress, cancel)
        trusted = self._checked(heart, trusted, spacing)
        partial = heart.keep(trusted)
        clock.stage("surfaces", 0.02, "Reading the trusted surfaces")
        moments = {key: moments_of(region, partial.ijk_to_ras) for key, region in partial.regions.items()}
        frame = fit_frame(moments, self._model.reference)
        refuse_implausible(partial, moments, frame, self._model.reference, self._vocabulary)
        latents, places = self._latents(partial, frame), self._places(moments, frame)
        wanted = [key for key in self.structures if key not in trusted]
        clock.stage("fields", 0.1, "Inferring")
        fields = self._fields(latents, places, frame, partial, wanted, spacing, clock)
        clock.stage("composition", 0.9, "Fitting the structures together")
        whole = compose(partial, fields, self._vocabulary)
        inferred = tuple(key for key in wanted if key in whole.regions)
        warnings = tuple(
            f"{self._vocabulary[key].name} could not be inferred from these structures: trust more of them."
            for key in wanted
            if key not in inferred
        )
        clock.stage("", 1.0, "Done")
        return CompletionResult(whole, tuple(trusted), inferred, warnings, clock.timings)

    def _checked(self, heart: Heart, trusted: Iterable[str], spacing: float) -> list[str]:
        trusted = [self._vocabulary[key].key for key in dict.fromkeys(trusted)]
        if not trusted:
            raise CompletionError("No structure is trusted: choose at least one that is segmented well.")
        for key in trusted:
            if key not in heart.regions:
                raise CompletionError(f"{self._vocabulary[key].name} is empty in this heart: do not trust it.")
            if key not in self.structures:
                raise CompletionError(f"These weights do not know {self._vocabulary[key].name}: do not trust it.")
        if not SPACING_RANGE[0] <= spacing <= SPACING_RANGE[1]:
            raise CompletionError(
                f"A spacing of {spacing:g} mm is of no use: choose {SPACING_RANGE[0]} to {SPACING_RANGE[1]:g}."
            )
        return trusted

    def _latents(self, partial: Heart, frame: HeartFrame) -> torch.Tensor:
        """The latent set [1, C, M, D] of the trusted surfaces."""
        import torch

        config = self._model.network.config
        points = np.zeros((1, len(config.structures), config.points, 3), dtype=np.float32)
        given = np.zeros((1, len(config.structures)), dtype=bool)
        for key, region in partial.regions.items():
            index = config.structures.index(key)
            surface = extract_surface(region, partial.shape, partial.ijk_to_ras).resampled(config.points)
            points[0, index] = frame.from_ras(surface.points)
            given[0, index] = True
        with torch.inference_mode():
            seen = torch.from_numpy(given).to(self._device)
            narrow = self._model.network.encode(torch.from_numpy(points).to(self._device), seen)
            return self._model.network.process(narrow, seen)

    def _places(self, moments: Mapping[str, Moments], frame: HeartFrame) -> Places:
        """Where the structures are to be expected, in frame units: [1, C, 3] and [1, C, 3, 3]."""
        import torch

        network = self._model.network
        expected = network.prior.expectation(network.config.structures).places(moments, frame)
        parts = (expected.centroids, expected.spreads)
        centroids, spreads = (torch.from_numpy(part.astype(np.float32))[None].to(self._device) for part in parts)
        return centroids, spreads

    def _fields(
        self,
        latents: torch.Tensor,
        places: Places,
        frame: HeartFrame,
        partial: Heart,
        wanted: list[str],
        spacing: float,
        clock: _Clock,
    ) -> dict[str, SampledField]:
        import torch

        network = self._model.network
        directions = partial.ijk_to_ras[:3, :3][:, ::-1]
        lattice, halvings = coarse_lattice(frame.origin, REACH * frame.scale, spacing, directions)
        fields: dict[str, SampledField] = {}
        for number, key in enumerate(wanted):
            clock.tell(0.1 + 0.8 * number / len(wanted), f"Inferring: {self._vocabulary[key].name}")
            index = torch.tensor([network.config.structures.index(key)], device=self._device)

            def ask(ras: np.ndarray, index: torch.Tensor = index) -> np.ndarray:
                points = torch.from_numpy(frame.from_ras(ras).astype(np.float32))
                answers = []
                for chunk in points.split(_CHUNK):
                    clock.check()
                    with torch.inference_mode():
                        answers.append(network.decode(latents, chunk[None].to(self._device), places, index)[0, 0].cpu())
                return torch.cat(answers).numpy() * frame.scale

            field = sample_field(ask, lattice, halvings)
            if field is not None:
                fields[key] = field
        return fields


class _Clock:
    """Times the stages, tells the caller how far the work is, and stops it when asked to."""

    def __init__(self, progress: Progress | None, cancel: Cancel | None) -> None:
        self._progress = progress
        self._cancel = cancel
        self._stage = ""
        self._since = time.perf_counter()
        self.timings: dict[str, float] = {}

    def stage(self, name: str, fraction: float, text: str) -> None:
        now = time.perf_counter()
        if self._stage:
            self.timings[self._stage] = now - self._since
        self._stage, self._since = name, now
        self.tell(fraction, text)

    def tell(self, fraction: float, text: str) -> None:
        self.check()
        if self._progress is not None:
            self._progress(fraction, text)

    def check(self) -> None:
        if self._cancel is not None and self._cancel():
            raise CompletionCancelled
