"""Lets a command go on whose output can't be written: a full disk's, a terminal's that is gone, a closed one's."""

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any


class _LastingFile(FileIO):
    """Keeps what first went wrong in writing a file, and drops what comes afterwards; a reader who left is told of."""

    error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write what can be written, and claim that it's all."""
        if self.error is None:
            try:
                written = super().write(content)
                if written is not None:  # as it is of a full pipe that can't wait
                    return written
            except BrokenPipeError:
                raise
            except OSError as error:
                self.error = error
        return memoryview(content).nbytes


def lasting_streams() -> list[_LastingFile]:
    """Put streams that outlast errors in place of stdout and stderr, and give the files that they write.

    A stream that was closed leaves a number for the next file that is opened, which prints would then get into.
    """
    files = []
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            setattr(sys, name, open(descriptor, "r" if name == "stdin" else "w"))  # noqa: SIM115
        elif stream is getattr(sys, f"__{name}__") and name != "stdin":
            stream.flush()
            files.append(_LastingFile(stream.fileno(), "w", closefd=False))
            buffer = BufferedWriter(files[-1])
            setattr(sys, name, TextIOWrapper(buffer, stream.encoding, "replace", line_buffering=True))
    return files
