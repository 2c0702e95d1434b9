"""What narrows a latent set, so that a second model can learn its distribution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class NoBottleneck(nn.Module):
    """Latents pass at full width."""

    def pre(self, x: Tensor) -> Tensor:
        return x

    def post(self, x: Tensor) -> Tensor:
        return x


class NormalisedBottleneck(nn.Module):
    """Each latent standardised at a narrow width, scaled back by learnt gamma and beta (LaGeM, arXiv 2410.01295)."""

    def __init__(self, dim: int, latent_dim: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(latent_dim))
        self.beta = nn.Parameter(torch.zeros(latent_dim))
        self.pre_bottleneck_proj = nn.Linear(dim, latent_dim)
        self.post_bottleneck_proj = nn.Linear(latent_dim, dim)

    def pre(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., latent_dim], zero mean and unit variance per latent."""
        x = self.pre_bottleneck_proj(x)
        return functional.layer_norm(x, x.shape[-1:], eps=1e-6)

    def post(self, x: Tensor) -> Tensor:
        """[..., latent_dim] -> [..., D]."""
        return self.post_bottleneck_proj(x * self.gamma + self.beta)


class KLBottleneck(nn.Module):
    """Each latent is a diagonal Gaussian; the sample in training, the mean in evaluation."""

    def __init__(self, dim: int, latent_dim: int) -> None:
        super().__init__()
        self.proj = nn.Linear(latent_dim, dim)
        self.mean_fc = nn.Linear(dim, latent_dim)
        self.logvar_fc = nn.Linear(dim, latent_dim)

    def pre(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., latent_dim]."""
        mean = self.mean_fc(x)
        if not self.training:
            return mean
        deviation = (0.5 * self.logvar_fc(x).clamp(-30.0, 20.0)).exp()
        return mean + deviation * torch.randn_like(mean)

    def post(self, x: Tensor) -> Tensor:
        """[..., latent_dim] -> [..., D]."""
        return self.proj(x)
