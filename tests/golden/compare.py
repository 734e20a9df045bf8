"""Does training come to the same bits as at an earlier commit? `python tests/golden/compare.py COMMIT`.

Both are trained on this machine, one after the other, since another kind of processor gives other last bits.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
BITS = "tests/golden/bits.py"  # each commit's own, which knows where its code lies


def main() -> int:
    (commit,) = sys.argv[1:]
    with TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "-C", ROOT, "archive", commit, "src", BITS], check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        before, after = bits(Path(folder)), bits(ROOT)
    differing = [
        f"{run}, epoch {epoch}: {metric}"
        for run, records in before.items()
        for epoch, record in enumerate(records)
        for metric, value in record.items()
        if after[run][epoch].get(metric) != value
    ]
    compared = sum(len(record) for records in before.values() for record in records)
    print(*differing, f"{len(differing)} of {compared} values differ from those of {commit}", sep="\n")
    return 1 if differing else 0


def bits(root: Path) -> dict[str, list[dict[str, str]]]:
    """By run, the metrics of each epoch in hexadecimal, trained by the code below this folder."""
    command = [sys.executable, root / BITS]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)  # type: ignore[no-any-return]


if __name__ == "__main__":
    sys.exit(main())
