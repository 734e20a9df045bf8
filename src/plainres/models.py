"""Offers the networks under the name that PyTorch's users look for."""

from plainres.networks.factory import build_network
from plainres.networks.summary import NetworkSummary, summarize

__all__ = ["NetworkSummary", "build_network", "summarize"]
