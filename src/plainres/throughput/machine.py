"""What to call the hardware of a measurement."""

import platform
from pathlib import Path

import joblib
import torch


def hardware_name(device: str) -> str:
    """The processor, its cores that this process may use, and the GPU if the device is one."""
    cpu = f"{_processor()}, {joblib.cpu_count()} cores"
    return f"{torch.cuda.get_device_name()}; {cpu}" if device == "cuda" else cpu


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
