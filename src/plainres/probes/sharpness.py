"""Measures how sharply the loss curves: its Hessian's largest eigenvalue, by Lanczos on Hessian-vector products."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from plainres.names import SHARPNESS
from plainres.probes.probe import Batch, check_size, undisturbed

BASIS = 8  # Lanczos vectors: a product each, about as much work as two steps of training
TOLERANCE = 1e-2  # of the residual, relative: the eigenvalue is far closer, as its error goes with the square


def measure(network: nn.Module, batch: Batch) -> dict[str, float]:
    """Return the largest eigenvalue of the Hessian of the mean cross-entropy on the batch, in training mode.

    Above `stability_threshold` gradient descent climbs along its direction. Not a number if the loss isn't one.
    """
    check_size(batch)
    images, labels = batch
    with undisturbed(network, training=True), torch.enable_grad():
        loss = cross_entropy(network(images), labels)
        return {SHARPNESS: top_eigenvalue(loss, list(network.parameters()))}


def stability_threshold(lr: float, momentum: float) -> float:
    """Return the eigenvalue of the Hessian up to which gradient descent with this momentum doesn't climb.

    2 (1 + m) / lr, with momentum as in torch's SGD (Polyak's), on all images at once: Cohen et al. 2021, "Gradient
    Descent on Neural Networks Typically Occurs at the Edge of Stability", on momentum.
    """
    return 2 * (1 + momentum) / lr


def top_eigenvalue(loss: Tensor, parameters: Sequence[Tensor]) -> float:
    """Return the largest (not in size) eigenvalue of the Hessian of a loss with respect to its parameters."""
    from scipy.sparse.linalg import LinearOperator, eigsh  # it takes a while to import

    product = hessian_product(loss, parameters)
    size = sum(parameter.numel() for parameter in parameters)
    start = np.random.default_rng(0).standard_normal(size)
    if not np.isfinite(product(start)).all():
        return float("nan")
    hessian = LinearOperator((size, size), matvec=product, dtype=np.float64)
    basis = min(BASIS, size)
    return float(eigsh(hessian, 1, which="LA", v0=start, ncv=basis, tol=TOLERANCE, return_eigenvectors=False)[0])


def hessian_product(loss: Tensor, parameters: Sequence[Tensor]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that multiplies a vector, (number of weights,) in the parameters' order, by the Hessian."""
    gradients = torch.autograd.grad(loss, parameters, create_graph=True)
    gradient = torch.cat([part.reshape(-1) for part in gradients])

    def product(vector: np.ndarray) -> np.ndarray:
        direction = torch.from_numpy(vector.reshape(-1)).to(gradient)
        parts = torch.autograd.grad(gradient, parameters, direction, retain_graph=True, materialize_grads=True)
        result: np.ndarray = torch.cat([part.reshape(-1) for part in parts]).double().cpu().numpy()
        return result

    return product
