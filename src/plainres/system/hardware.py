"""Tells which device, precision and processes a run gets here; imports torch, which takes seconds, for a GPU only."""

import ctypes
import gc
import os
import platform
import sys
import tempfile
from pathlib import Path

from plainres.errors import BadInput
from plainres.settings import ABOUT


def resolve_device(device: str, precision: str, *, elsewhere: bool = False) -> tuple[str, str]:
    """Choose the device (`cpu`, `cuda` or `mps`) and precision (`fp32` or `bf16`) that are asked for or best here.

    `auto` takes CUDA where it is, and bf16 where that device supports it. What other machines have, `elsewhere`, is
    taken at its word.

    Raises:
        BadInput: an unknown name, or a device or precision that this machine doesn't have.
    """
    for name, value in (("device", device), ("precision", precision)):
        ABOUT[name].check(value)
    if device == "auto":
        device = "cuda" if cuda_is_available() else "cpu"
    elif device == "cuda" and not cuda_is_available():
        if elsewhere:
            if precision == "auto":
                raise BadInput("precision auto: no GPU is here to ask; say --precision bf16 or fp32")
            return device, precision
        raise BadInput("device cuda: no CUDA GPU that torch can use was found; --device cpu runs without one")
    elif device == "mps" and not mps_is_available():
        raise BadInput("device mps: no Apple GPU that torch can use was found; --device cpu runs without one")
    if precision == "auto":
        precision = "bf16" if supports_bf16(device) else "fp32"
    elif precision == "bf16" and not supports_bf16(device):
        raise BadInput(f"precision bf16 needs a CUDA GPU of compute capability 8.0 or later; {device} runs fp32")
    return device, precision


def check_compiles() -> None:
    """Return if torch.compile can compile here; raises BadInput if the environment turns it off or in its way."""
    for name in ("TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE"):
        if os.environ.get(name, "0") != "0":
            raise BadInput(f"--compile: {name}={os.environ[name]} in the environment turns torch.compile off")
    folder = os.environ.get("TORCHINDUCTOR_CACHE_DIR") or tempfile.gettempdir()
    if os.name == "posix" and os.path.exists(folder) and os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise BadInput(f"--compile builds programs in {folder}, where none may be run (noexec): name another in TMPDIR")


def cuda_is_available() -> bool:
    """Tell whether the driver reports a GPU and torch can use it."""
    if not gpu_count():
        return False
    import torch

    return torch.cuda.is_available()


def mps_is_available() -> bool:
    """Tell whether torch can use an Apple GPU."""
    if sys.platform != "darwin":
        return False
    import torch

    return torch.backends.mps.is_available()


def supports_bf16(device: str) -> bool:
    """Tell whether bf16 arithmetic is native on the device: CUDA of compute capability 8.0 or later."""
    if device != "cuda":
        return False
    import torch

    native: bool = torch.cuda.is_bf16_supported(including_emulation=False)
    return native


def processor(device: str) -> str:
    """Name the processor that trains runs on a device: the model of this machine's CPU, or of its GPU."""
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def give_back_memory(device: str) -> None:
    """Let other runs have what a run that has ended still holds of a GPU."""
    if device == "cuda":
        import torch

        gc.collect()  # of the trainer, which refers to itself
        torch.cuda.empty_cache()


def processes() -> int:
    """Count the processes that torchrun has started to train each run together; 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def is_first() -> bool:
    """Tell whether this process is the one that the command runs in."""
    return processes() == 1 or os.environ["RANK"] == "0"


def gpu_count() -> int:
    """Count the GPUs that the CUDA driver reports; unlike torch it answers in milliseconds where there is none."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    succeeded: bool = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if succeeded else 0
