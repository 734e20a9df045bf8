"""Where a network starts: the weights that are drawn, and those that aren't."""

from torch import nn


def initialise(network: nn.Module) -> None:
    """He initialisation as in torchvision: normal convolutions (fan out), batch norm 1 and 0, default classifier.

    Projections come last, and biases of convolutions start at zero: neither takes from the main path's draws.
    """
    for _, module in sorted(network.named_modules(), key=lambda item: "downsample" in item[0]):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d | nn.Linear):
            module.reset_parameters()
