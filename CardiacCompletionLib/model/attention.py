"""The parts that the single-shape and the multi-class autoencoder share.

Parameter names and arithmetic are those of VecSetX (github.com/1zb/VecSetX, MIT), so that its checkpoints load.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HEAD_WIDTH = 64


class Attention(nn.Module):
    """Multi-head attention, heads of width 64; one projection makes keys (first half) and values (second)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        if dim % HEAD_WIDTH:
            raise ValueError(f"The width must be a multiple of {HEAD_WIDTH}, not {dim}.")
        self.heads = dim // HEAD_WIDTH
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_kv = nn.Linear(dim, 2 * dim, bias=False)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """x [B, N, D] attends to context [B, M, D] (to itself without one) -> [B, N, D]."""
        return self.attend(self.to_q(x), x if context is None else context)

    def attend(self, queries: Tensor, context: Tensor) -> Tensor:
        """Projected queries [B or 1, N, D] attend to a context [B, M, D] -> [B, N, D]."""
        keys, values = self.to_kv(context).chunk(2, dim=-1)
        queries = self._split(queries).expand(len(context), -1, -1, -1)
        mixed = functional.scaled_dot_product_attention(queries, self._split(keys), self._split(values))
        return self.to_out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """[B, N, D] -> [B, heads, N, 64]."""
        return x.unflatten(-1, (self.heads, HEAD_WIDTH)).transpose(1, 2)


class GEGLU(nn.Module):
    """First half times GELU of the second half (Shazeer 2020, arXiv 2002.05202)."""

    def forward(self, x: Tensor) -> Tensor:
        value, gate = x.chunk(2, dim=-1)
        return value * functional.gelu(gate)


class FeedForward(nn.Module):
    """Linear to twice the hidden width, GEGLU, linear back; VecSetX's hidden width is four times the outer one."""

    def __init__(self, dim: int, widening: int = 4) -> None:
        super().__init__()
        hidden = widening * dim
        self.net = nn.Sequential(nn.Linear(dim, 2 * hidden), GEGLU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class PreNorm(nn.Module):
    """LayerNorm on the input of a block; a context passes as it is."""

    def __init__(self, dim: int, block: nn.Module) -> None:
        super().__init__()
        self.fn = block
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, *context: Tensor) -> Tensor:
        return self.fn(self.norm(x), *context)


class PointEmbedding(nn.Module):
    """Points [..., 3] -> features [..., D]: sine and cosine of 8 octaves per axis, from pi on, and the point."""

    def __init__(self, dim: int, octaves: int = 8) -> None:
        super().__init__()
        frequencies = torch.pi * 2.0 ** torch.arange(octaves)
        self.register_buffer("basis", torch.block_diag(frequencies, frequencies, frequencies))
        self.mlp = nn.Linear(6 * octaves + 3, dim)

    def forward(self, points: Tensor) -> Tensor:
        # A phase of hundreds of radians means nothing in half precision.
        with torch.autocast(points.device.type, enabled=False):
            phase = points @ self.basis
        return self.mlp(torch.cat([phase.sin(), phase.cos(), points], dim=-1))


def transformer_layer(dim: int) -> nn.ModuleList:
    """Attention and feed-forward, both pre-norm; applied by :func:`apply_layer`."""
    return nn.ModuleList([PreNorm(dim, Attention(dim)), PreNorm(dim, FeedForward(dim))])


def apply_layer(layer: nn.ModuleList, x: Tensor, *context: Tensor) -> Tensor:
    """Residual attention (to a context, or within x [B, N, D]), then residual feed-forward."""
    attention, feed_forward = layer
    x = x + attention(x, *context)
    return x + feed_forward(x)
