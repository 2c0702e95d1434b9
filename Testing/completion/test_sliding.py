"""What lies on the heart slides over its walls, stays where it springs from, and what lay under it comes to light."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.anatomy.vocabulary import load_vocabulary
from CardiacCompletionLib.completion.field import SampledField
from CardiacCompletionLib.completion.motion import flown_back
from CardiacCompletionLib.completion.movable import MovableHeart
from CardiacCompletionLib.completion.sliding import Sliding
from CardiacCompletionLib.geometry.lattice import Lattice
from CardiacCompletionLib.geometry.surface import Surface
from Testing.completion.test_motion import LATTICE, comes_from
from Testing.geometry.phantoms import ball

FINE = Lattice.around(np.zeros(3), 46.2, 1.4, np.eye(3)[:, ::-1])
RADIUS, VESSEL = 30.0, 1.6


def sphere(radius: float, center: tuple[float, float, float] = (0, 0, 0), count: int = 2000) -> Surface:
    """Points spread over it (Fibonacci lattice)."""
    turn, height = np.pi * (1 + 5**0.5) * np.arange(count), 1 - (2 * np.arange(count) + 1) / count
    ring = np.sqrt(1 - height**2)
    normals = np.column_stack([ring * np.cos(turn), ring * np.sin(turn), height])
    return Surface(radius * normals + center, normals, np.full(count, 4 * np.pi * radius**2 / count))


def arc(count: int = 60) -> np.ndarray:
    """Along the equator of the ball, three quarters of it, from where the aorta is: RAS mm [N, 3]."""
    turn = np.linspace(0.0, 1.5 * np.pi, count)
    return RADIUS * np.column_stack([np.cos(turn), np.sin(turn), 0 * turn])


def ring(ras: np.ndarray) -> np.ndarray:
    """Signed distance [N] to a vessel around the ball, oblique to the lattice."""
    own = Rotation.from_euler("xyz", (30, 20, 10), degrees=True).inv().apply(ras)
    return np.hypot(np.hypot(own[:, 0], own[:, 1]) - RADIUS, own[:, 2]) - VESSEL


def test_a_vessel_slides_over_the_wall_but_not_off_it_nor_off_what_it_springs_from() -> None:
    walls = {"right_ventricle": sphere(RADIUS), "aorta": sphere(8.0, (RADIUS + 8.0, 0.0, 0.0), 400)}
    path = arc()
    own = Surface(path, path / RADIUS, np.ones(len(path)))
    sliding, generator = Sliding(load_vocabulary()["coronary_arteries"], own, walls, LATTICE), np.random.default_rng(0)
    along, off, at_origin = [], [], []
    for _ in range(12):
        was = comes_from(flown_back(sliding.velocity(generator), LATTICE), path)
        along.append(np.linalg.norm(was - path, axis=1)[20:])
        off.append(np.abs(np.linalg.norm(was, axis=1) - RADIUS))
        at_origin.append(np.linalg.norm(was - path, axis=1)[:2])
    assert np.median(along) > 4.0
    assert np.mean(off) < 1.0
    assert np.mean(at_origin) < 1.0


def test_a_vessel_keeps_its_volume_and_what_lay_under_it_comes_to_light() -> None:
    kji = np.indices(FINE.shape).reshape(3, -1).T
    nodes = FINE.points(kji)
    fields = {
        key: SampledField(shape(nodes).reshape(FINE.shape).astype(np.float32), FINE)
        for key, shape in (("right_ventricle", ball(RADIUS)), ("coronary_arteries", ring))
    }
    heart = MovableHeart(Heart({}, FINE.shape, np.eye(4)), fields, FINE, load_vocabulary())
    stride = (FINE.shape[0] - 1) / (LATTICE.shape[0] - 1)
    still = torch.from_numpy(np.indices(LATTICE.shape).astype(np.float32)) * stride
    for way in ((0.25, 0.25, 0.4), (0.5, 0.5, 0.5)):
        found = heart.moved(still, {"coronary_arteries": still - torch.tensor(way)[:, None, None, None]})
        voxels = found["coronary_arteries"].mask.sum()
        assert voxels == pytest.approx(heart.likeliest["coronary_arteries"].mask.sum(), rel=0.12)
    found = heart.moved(still, {"coronary_arteries": still - torch.tensor((6.3, 0.0, 0.0))[:, None, None, None]})
    ventricle, now = found["right_ventricle"].holds(kji), found["coronary_arteries"].holds(kji)
    was = heart.likeliest["coronary_arteries"].holds(kji)
    beneath = was & ~now & (ball(RADIUS)(nodes) < 0)
    assert beneath.sum() > 50
    assert ventricle[beneath].all()
    beside = was & ~now & (ball(RADIUS + 0.5)(nodes) > 0)
    assert beside.sum() > 50
    assert not ventricle[beside].any()
