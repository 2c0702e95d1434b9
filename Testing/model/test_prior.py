"""The mean heart where PyTorch can do less than on a processor."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import expm
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from CardiacCompletionLib.model.prior import inverse_exponential


class _LikeMps(TorchDispatchMode):
    """Refuses what PyTorch refuses on mps."""

    def __torch_dispatch__(
        self, operation: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        if "matrix_exp" in str(operation) and args[0].device.type == "mps":
            raise NotImplementedError(f"{operation} is not implemented for mps")
        return operation(*args, **(kwargs or {}))


def test_mps_is_not_asked_for_a_matrix_exponential() -> None:
    """With tensors that have a place but no numbers, since few who run the tests have such a card."""
    with FakeTensorMode(), _LikeMps():
        result = inverse_exponential(torch.zeros(2, 3, 3, device="mps"))
    assert result.device.type == "mps"


def test_the_exponential_is_that_of_the_negative_matrix() -> None:
    logs = torch.tensor([[0.2, 0.1, 0.0], [0.1, -0.4, 0.3], [0.0, 0.3, 1.0]])
    np.testing.assert_allclose(inverse_exponential(logs).numpy(), expm(-logs.numpy()), atol=1e-6)
