import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, hessian
from torch.nn.functional import cross_entropy

from plainres.networks.factory import Network
from plainres.probes.probe import Batch
from plainres.probes.sharpness import hessian_product, measure, stability_threshold, top_eigenvalue


def test_the_largest_eigenvalue_of_a_quadratic_is_found_not_the_largest_in_size() -> None:
    torch.manual_seed(0)
    eigenvalues = torch.linspace(-9, 5, 40, dtype=torch.float64)
    basis, _ = torch.linalg.qr(torch.randn(40, 40, dtype=torch.float64))
    matrix = basis @ eigenvalues.diag() @ basis.T
    first, second = (torch.randn(5, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    x = torch.cat([first.flatten(), second.flatten()])
    assert top_eigenvalue(x @ matrix @ x / 2, [first, second]) == pytest.approx(5, rel=1e-3)


def test_a_tiny_networks_is_that_of_its_whole_hessian() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))
    images, labels = torch.randn(20, 1, 2, 2), torch.randint(3, (20,))
    parameters = dict(network.named_parameters())

    def loss(flat: torch.Tensor) -> torch.Tensor:
        parts = flat.split([parameter.numel() for parameter in parameters.values()])
        weights = {name: part.view(p.shape) for (name, p), part in zip(parameters.items(), parts, strict=True)}
        return cross_entropy(functional_call(network, weights, (images,)), labels)

    whole = hessian(loss)(torch.cat([parameter.detach().flatten() for parameter in parameters.values()]))
    expected = torch.linalg.eigvalsh(whole)[-1].item()
    assert measure(network, (images, labels))["sharpness/top_eigenvalue"] == pytest.approx(expected, rel=1e-3)


def test_products_with_a_real_networks_hessian_are_differences_of_its_gradients(network: Network, batch: Batch) -> None:
    network.double().train()
    images, labels = batch[0].double(), batch[1]
    parameters = list(network.parameters())

    def loss() -> torch.Tensor:
        return cross_entropy(network(images), labels)

    direction = [torch.randn_like(parameter) for parameter in parameters]
    flat = torch.cat([part.flatten() for part in direction])
    product = hessian_product(loss(), parameters)(flat.numpy())
    gradients = []
    for step in (1e-9, -2e-9):
        with torch.no_grad():
            for parameter, part in zip(parameters, direction, strict=True):
                parameter += step * part
        gradients.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss(), parameters)]))
    np.testing.assert_allclose(product, ((gradients[0] - gradients[1]) / 2e-9).numpy(), rtol=1e-3, atol=1e-3)


def test_a_loss_that_is_no_number_has_none(network: Network, batch: Batch) -> None:
    nn.init.constant_(network.fc.weight, torch.nan)
    assert np.isnan(measure(network, batch)["sharpness/top_eigenvalue"])


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_descent_is_stable_up_to_the_threshold(momentum: float) -> None:
    def distance(eigenvalue: float) -> float:
        x = torch.ones(1, requires_grad=True)
        optimizer = torch.optim.SGD([x], lr=0.02, momentum=momentum)
        for _ in range(300):
            x.grad = eigenvalue * x.detach()  # of the loss eigenvalue * x^2 / 2
            optimizer.step()
        return abs(x.item())

    threshold = stability_threshold(0.02, momentum)
    assert distance(0.98 * threshold) < 0.1
    assert distance(1.02 * threshold) > 10
