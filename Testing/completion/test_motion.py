"""A heart moves smoothly: as drawn, along its walls, without tearing what hangs together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.motion import Motion, flown_back, interpolated
from CardiacCompletionLib.completion.movable import MovableHeart
from CardiacCompletionLib.completion.regridding import on_lattice
from CardiacCompletionLib.completion.topology import Topology
from CardiacCompletionLib.geometry.lattice import Lattice
from Testing.geometry.phantoms import ball, grid, tube, voxelised

LATTICE = Lattice.around(np.zeros(3), 70.0, 7.0, np.eye(3)[:, ::-1])
FINE = Lattice.around(np.zeros(3), 70.0, 1.4, np.eye(3)[:, ::-1])


def draw() -> np.random.Generator:
    return np.random.default_rng(3)


def points(radius: float, center: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """Spread over a sphere (Fibonacci lattice), [40, 3]."""
    turn, height = np.pi * (1 + 5**0.5) * np.arange(40), 1 - (2 * np.arange(40) + 1) / 40
    ring = np.sqrt(1 - height**2)
    return radius * np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height]) + np.array(center)


def slack(count: int, mm: float = 0.5) -> np.ndarray:
    return np.tile(mm**2 * np.eye(3), (count, 1, 1))


def brought(motion: Motion, led: np.ndarray, generator: np.random.Generator) -> torch.Tensor:
    return flown_back(motion.velocity(led, generator), LATTICE)


def comes_from(back: torch.Tensor, ras: np.ndarray) -> np.ndarray:
    """RAS mm [N, 3] from where a motion brought what is now at these points."""
    nodes = np.linalg.solve(LATTICE.steps, (ras - LATTICE.origin).T).astype(np.float32)
    return LATTICE.points(interpolated(back, torch.from_numpy(nodes)).numpy().T)


def test_points_go_where_they_are_led() -> None:
    body = points(20.0)
    velocity = np.tile([6.0, -3.0, 2.0], (len(body), 1))
    back = brought(Motion(body, slack(len(body)), LATTICE), velocity, draw())
    miss = comes_from(back, body + velocity) - body
    assert np.linalg.norm(miss.mean(axis=0)) < 0.8
    assert np.linalg.norm(miss, axis=1).mean() < 2.0


def test_a_velocity_that_grows_outward_stretches() -> None:
    body = points(20.0)
    back = brought(Motion(body, slack(len(body)), LATTICE), np.log(1.2) * body, draw())
    assert comes_from(back, 1.2 * body).std(axis=0) == pytest.approx(body.std(axis=0), rel=0.06)


def test_what_nothing_leads_moves_by_some_millimetres_in_any_direction() -> None:
    motion, generator = Motion(points(8.0, (-50, 0, 0)), slack(40), LATTICE), draw()
    far = np.array([[40.0, 0.0, 0.0]])
    moves = np.concatenate([comes_from(brought(motion, np.zeros((40, 3)), generator), far) - far for _ in range(60)])
    assert np.abs(moves.mean(axis=0)).max() < 3.0
    assert np.all((moves.std(axis=0) > 4.0) & (moves.std(axis=0) < 9.0))


def test_what_lies_along_a_wall_slides_but_does_not_leave_it() -> None:
    y, z = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-40, 40, 9)] * 2))
    wall, body = np.column_stack([np.zeros_like(y), y, z]), points(10.0, (12, 0, 0))
    along_wall = np.tile(np.diag([0.3, 4.0, 4.0]) ** 2, (len(wall), 1, 1))
    motion = Motion(np.concatenate([body, wall]), np.concatenate([slack(len(body)), along_wall]), LATTICE)
    beside = wall[np.linalg.norm(wall, axis=1) < 15]

    def moves(way: tuple[float, float, float]) -> np.ndarray:
        led = np.concatenate([np.tile(way, (len(body), 1)), np.zeros_like(wall)])
        return np.abs(comes_from(brought(motion, led, draw()), beside) - beside)

    assert moves((8.0, 0.0, 0.0))[:, 0].max() < 0.7
    assert moves((0.0, 8.0, 0.0))[:, 1].max() > 3.0


@pytest.mark.parametrize("shift", [(20, 0, 0), (0, -20, 5), (-12, 12, 12)])
def test_a_vein_stays_on_its_atrium_wherever_the_two_are_drawn_to_go(shift: tuple[float, float, float]) -> None:
    vocabulary = load_vocabulary()
    atrium, vein = ball(18.0, (-10, 0, 0)), tube(3.0, 25.0)

    def lying(ras: np.ndarray) -> np.ndarray:
        return vein(ras[:, [1, 2, 0]] - [0, 0, 30])

    fields = {
        key: SampledField(shape(FINE.all_points()).reshape(FINE.shape).astype(np.float32), FINE)
        for key, shape in (("left_atrium", atrium), ("pulmonary_veins", lying))
    }
    heart = MovableHeart(Heart({}, FINE.shape, np.eye(4)), fields, FINE, vocabulary)
    bodies = [heart.surface(key).resampled(60).points for key in ("left_atrium", "pulmonary_veins")]
    led = np.concatenate([np.zeros((60, 3)), np.tile(shift, (60, 1))])
    back = brought(Motion(np.concatenate(bodies), slack(120, 1.5), LATTICE), led, draw())
    found = heart.moved(back * 5, {})
    assert Topology.of(found, vocabulary).is_sound(found.keys(), vocabulary)
    assert found.keys() == heart.likeliest.keys()
    gone = [np.argwhere(r["pulmonary_veins"].mask) + r["pulmonary_veins"].start for r in (heart.likeliest, found)]
    went = (gone[1].mean(axis=0) - gone[0].mean(axis=0))[::-1] * 1.4
    assert went @ shift > 0.5 * np.dot(shift, shift)


def test_what_moves_by_part_of_a_node_stays_as_large_as_it_is() -> None:
    field = SampledField(ball(18.0)(FINE.all_points()).reshape(FINE.shape).astype(np.float32), FINE)
    heart = MovableHeart(Heart({}, FINE.shape, np.eye(4)), {"right_atrium": field}, FINE, load_vocabulary())
    still = torch.from_numpy(np.indices(LATTICE.shape).astype(np.float32)) * 5
    for part in (0.25, 0.5):
        found = heart.moved(still + part, {})["right_atrium"]
        assert found.mask.sum() == pytest.approx(heart.likeliest["right_atrium"].mask.sum(), rel=0.02)


def test_a_heart_on_a_turned_lattice_is_the_same_heart() -> None:
    region = voxelised(ball(20.0, (5, 0, 0)), grid((1.0, 1.5, 2.0), (20, 10, 30), 70), 70)
    heart = Heart({"left_ventricle": region}, (70,) * 3, grid((1.0, 1.5, 2.0), (20, 10, 30), 70))
    other = on_lattice(heart, FINE)
    found = other.regions["left_ventricle"]
    assert other.volume_ml("left_ventricle") == pytest.approx(heart.volume_ml("left_ventricle"), rel=0.02)
    assert FINE.points(np.argwhere(found.mask) + found.start).mean(axis=0) == pytest.approx([5, 0, 0], abs=0.3)
    cut = on_lattice(heart, FINE.cropped(np.array([50, 0, 0]), (10, 101, 101)))
    assert 0 < cut.volume_ml("left_ventricle") < heart.volume_ml("left_ventricle")
    assert not on_lattice(heart, FINE.cropped(np.array([0, 0, 0]), (10, 101, 101))).regions
