"""The networks, in plain PyTorch; importing this package imports torch."""

from CardiacCompletionLib.model.config import HeartModelConfig
from CardiacCompletionLib.model.heart import HeartAutoEncoder
from CardiacCompletionLib.model.vecset import VecSetAutoEncoder

__all__ = ["HeartAutoEncoder", "HeartModelConfig", "VecSetAutoEncoder"]
