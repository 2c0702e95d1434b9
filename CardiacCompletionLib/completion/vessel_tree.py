"""A thin vessel tree from its field: its pieces led together, and drawn as vessels.

A distance field that was learnt says the median of where the surface may be. Of a vessel that is thinner than what is
left open, that is nowhere at all, or a smear; but its valley still tells where the vessel runs, and pieces that lie
along one valley are one vessel. So the pieces are led together on the cheapest ways through the valley, as few as hold
them together (a minimum spanning tree over shortest paths, Mehlhorn 1988, Information Processing Letters 27:125); then
the branches of all that are followed from their root, the longest first (as TEASAR does, Sato 2000, Pacific Graphics),
and a vessel is laid along each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial import cKDTree

from CardiacCompletionLib.anatomy.vocabulary import Structure
from CardiacCompletionLib.completion.workspace import Box, Workspace

# Millimetres between the nodes on which ways are sought, and how far from a surface a way may go.
_STEP = 2.0
_VALLEY = 6.0
# Millimetres: where a vessel is thin its field stays so far above nought, and it is there all the same.
_FAINT = 0.5
# A way costs its length in mm where the field says nought, and more by this share a mm above it; e times less for each
# so many mm below it, so that ways keep to its middle.
_RISE, _FALL = 0.5, 0.5
# No way between pieces may cost more.
_LONGEST = 80.0
# What springing from the origin in a place of its own may cost, beside the way.
_SPRINGS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0)
# Millimetres: what lies so near a branch belongs to it, a way that comes so near to one joins it, and no side branch is
# shorter.
_WIDE, _BESIDE, _SHORT = 5.0, 3.0, 10.0
# A vessel tree and its valley take some ten thousand nodes, and it has some dozens of branches.
_MOST_NODES, _MOST_BRANCHES = 200_000, 300
# Millimetres: as wide as coronary arteries begin (Dodge 1992, Circulation 86:232).
_RADIUS = 1.85
# Voxels looked at together.
_AT_ONCE = 1_000_000


def vessel_courses(work: Workspace, vessel: Structure, heights: np.ndarray, box: Box) -> list[np.ndarray]:
    """Along which ways an inferred structure runs: each [M, 3], in voxels (k, j, i) of the workspace, from a tip on.

    Args:
        vessel: as many trees of it spring as it has pieces, at most.
        heights: its field, mm, at the voxels of a box; infinite where nothing is known.

    Returns:
        None of them where it has no place, or is larger or more branched than a vessel tree can be.
    """
    strides = np.maximum(np.round(_STEP / work.spacing).astype(int), 1)
    faint = work.own(vessel.key, box) | ((heights < _FAINT) & work.free(box))
    pieces = _blocks(ndimage.label(faint, structure=np.ones((3, 3, 3)))[0], strides, 0).max(axis=-1)
    source = np.zeros(pieces.shape, dtype=bool)
    if vessel.springs_from is not None and work.holds(vessel.springs_from):
        source = (pieces == 0) & _blocks(work.mask(vessel.springs_from, box), strides, False).any(axis=-1)
        # Ways end at its surface; what lies deeper would only take time.
        source &= ~ndimage.binary_erosion(source, np.ones((3, 3, 3)), border_value=1)
        pieces[source] = pieces.max() + 1
    low = _blocks(np.where(work.free(box), heights, np.inf), strides, np.inf).min(axis=-1)
    steps = strides * work.spacing
    open_ = (low < _VALLEY) | (pieces > 0)
    if open_.sum() > _MOST_NODES:
        return []
    height = low[open_]
    prices = np.where(height < 0.0, np.exp(np.minimum(height, 0.0) / _FALL), 1.0 + _RISE * np.minimum(height, _VALLEY))
    graph, kji = _ways(prices, open_, steps)
    piece, rooted = pieces[tuple(kji.T)], source[tuple(kji.T)]
    kept = (piece > 0) & ~rooted
    for way in _cheapest(graph, piece, rooted, vessel.pieces):
        kept[way] = True
    held = np.flatnonzero(kept)
    branches = _branches(graph[held][:, held], kji[held] * steps, rooted[held])
    first = [s.start for s in box]
    return [_smooth(branch + (steps - work.spacing) / 2) / work.spacing + first for branch in branches]


def draw_vessels(work: Workspace, key: str, courses: Sequence[np.ndarray]) -> None:
    """Make an inferred structure what lies along courses [M, 3], in voxels of the workspace, over no trusted voxel.

    Without courses it stays as it is.
    """
    if courses and work.holds(key):
        box = work.box_of(key)
        work.give(None, box, work.own(key, box))
    radius = max(_RADIUS, 0.5 * float(np.linalg.norm(work.spacing)))
    reach = np.ceil(radius / work.spacing).astype(int)
    around = np.indices(2 * reach + 1).reshape(3, -1).T - reach
    for course in courses:
        line = _dense(course * work.spacing, radius / 4.0) / work.spacing
        for some in np.array_split(line, len(line) * len(around) // _AT_ONCE + 1):
            near = np.round(some).astype(int)[:, None] + around
            inside = np.linalg.norm((near - some[:, None]) * work.spacing, axis=-1) <= radius
            near = near[inside & ((near >= 0) & (near < work.holder.shape)).all(axis=-1)]
            if len(near):
                low, high = near.min(axis=0), near.max(axis=0) + 1
                laid = np.zeros(high - low, dtype=bool)
                laid[tuple((near - low).T)] = True
                work.give(key, tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)), laid)


def _blocks(voxels: np.ndarray, strides: np.ndarray, filler: float) -> np.ndarray:
    """The voxels [k, j, i] that belong to each node, on a last axis; ``filler`` for those beyond the end."""
    shape = -(-np.array(voxels.shape) // strides)
    beyond = [(0, int(n)) for n in shape * strides - voxels.shape]
    parted = np.pad(voxels, beyond, constant_values=filler)
    parted = parted.reshape([length for pair in zip(shape, strides, strict=True) for length in pair])
    return parted.transpose(0, 2, 4, 1, 3, 5).reshape(*shape, -1)


def _ways(prices: np.ndarray, open_: np.ndarray, steps: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
    """What it costs from each open node [N] to its neighbours, and where these nodes lie: indices [N, 3]."""
    kji = np.argwhere(open_)
    number = np.full(np.add(open_.shape, 2), -1)
    number[1:-1, 1:-1, 1:-1][open_] = np.arange(len(kji))
    # Half of the neighbours: the ways back cost the same.
    onward = np.array([offset for offset in np.ndindex(3, 3, 3) if offset > (1, 1, 1)]) - 1
    jumps = onward @ (np.array(number.strides) // number.itemsize)
    beside = number.ravel()[np.flatnonzero(number >= 0)[:, None] + jumps]
    begin, which = np.nonzero(beside >= 0)
    end = beside[begin, which]
    costs = (prices[begin] + prices[end]) / 2 * np.linalg.norm(onward * steps, axis=1)[which]
    return sparse.csr_matrix((costs, (begin, end)), shape=(len(kji), len(kji))), kji


def _cheapest(graph: sparse.csr_matrix, piece: np.ndarray, rooted: np.ndarray, trees: int) -> list[list[int]]:
    """Ways, as nodes, that hold together what can be: between pieces [N], whose number is 0 in between.

    Args:
        rooted: nodes [N] of the piece that all others spring from, on so many ways at most.
    """
    sources = np.flatnonzero(piece)
    cost, before, source = dijkstra(graph, directed=False, indices=sources, return_predecessors=True, min_only=True)
    edges = graph.tocoo()
    reached = np.isfinite(cost[edges.row]) & np.isfinite(cost[edges.col])
    row, col, price = edges.row[reached], edges.col[reached], edges.data[reached]
    a, b = piece[source[row]], piece[source[col]]
    total = cost[row] + price + cost[col]
    wanted = np.flatnonzero((a != b) & (total <= _LONGEST))
    # Of all meetings of two pieces the cheapest.
    wanted = wanted[np.argsort(total[wanted], kind="stable")]
    pairs = np.sort(np.stack([a, b], axis=1)[wanted], axis=1)
    _, first = np.unique(pairs, axis=0, return_index=True)
    meetings, pairs = wanted[first], pairs[first]
    size = int(piece.max()) + 1
    springs = (pairs == piece[rooted].max(initial=-1)).any(axis=1)
    meeting = {tuple(pair): number for number, pair in enumerate(pairs.tolist())}
    # A price on every spring, as low as leaves no more of them than there are trees (Gabow & Tarjan 1984, Journal of
    # Algorithms 5:80).
    for price_of_spring in _SPRINGS:
        prices = total[meetings] + price_of_spring * springs + 1e-6
        tree = minimum_spanning_tree(sparse.csr_matrix((prices, tuple(pairs.T)), shape=(size, size))).tocoo()
        chosen = [meeting[min(pair), max(pair)] for pair in zip(tree.row.tolist(), tree.col.tolist(), strict=True)]
        if springs[chosen].sum() <= trees:
            break
    return [[*_back(row[e], before), *_back(col[e], before)] for e in meetings[chosen]]


def _branches(graph: sparse.csr_matrix, places: np.ndarray, rooted: np.ndarray) -> list[np.ndarray]:
    """The branches of what hangs together, each as places [M, 3] in mm from its tip on; none if there are too many.

    Args:
        places: of the nodes, [N, 3].
        rooted: nodes [N] from which all begins; what hangs on none of them begins at its end.
    """
    count, part = connected_components(graph, directed=False)
    roots = np.flatnonzero(rooted).tolist()
    first = np.unique(part, return_index=True)[1]
    roots += [int(first[number]) for number in set(range(count)) - set(part[roots].tolist())]
    before = dijkstra(graph, directed=False, indices=roots, return_predecessors=True, min_only=True)[1]
    edges = graph.tocoo()
    lengths = np.linalg.norm(places[edges.row] - places[edges.col], axis=1)
    lengths = sparse.csr_matrix((lengths, (edges.row, edges.col)), shape=graph.shape)
    far = dijkstra(lengths, directed=False, indices=roots, min_only=True)
    tree, begun, branches = cKDTree(places), set(), []
    # Of every node that lies on or beside a branch, the place on it.
    onto = dict(zip(roots, places[roots], strict=True))
    near = np.zeros(len(places), dtype=bool)
    near[roots] = True
    for tip in np.argsort(far)[::-1].tolist():
        if near[tip]:
            continue
        way = [tip]
        while way[-1] not in onto:
            way.append(int(before[way[-1]]))
        line = np.array([*places[way], onto[way[-1]]])
        near[tip] = True
        if part[tip] in begun and np.linalg.norm(np.diff(line, axis=0), axis=1).sum() < _SHORT:
            continue
        begun.add(part[tip])
        for node, beside in zip(way, tree.query_ball_point(places[way], _BESIDE), strict=True):
            onto |= {other: places[node] for other in (*beside, node) if other not in onto or other == node}
        near[np.unique(np.concatenate(tree.query_ball_point(line, _WIDE)).astype(int))] = True
        branches.append(line)
        if len(branches) > _MOST_BRANCHES:
            return []
    return branches


def _back(node: int, before: np.ndarray) -> list[int]:
    """The nodes from one to the piece that it was reached from."""
    way = [int(node)]
    while before[way[-1]] >= 0:
        way.append(int(before[way[-1]]))
    return way


def _smooth(places: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter1d(places, 1.0, axis=0, mode="nearest")


def _dense(course: np.ndarray, apart: float) -> np.ndarray:
    """Points [N, 3] along a course [M, 3], no farther apart than so much."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    finer = np.linspace(0.0, along[-1], int(np.ceil(along[-1] / apart)) + 1)
    return np.stack([np.interp(finer, along, axis) for axis in course.T], axis=1)
