import pytest

from experiments.identity import Flags, errors, main
from plainres.errors import BadInput


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_a_residual_block_learns_the_identity_before_a_plain_one_does(
    block: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(Flags(block=block, steps=20)) == 0
    head, *rows = (line.split() for line in capsys.readouterr().out.splitlines())
    assert head == ["step", "plain", "residual"]
    assert [row[0] for row in rows] == ["0", "10", "20"]
    plain, residual = (float(cell.rstrip("%")) for cell in rows[-1][1:])
    assert residual < plain / 2


def test_the_errors_are_the_same_when_repeated() -> None:
    flags = Flags(steps=2)
    assert list(errors("plain", flags)) == list(errors("plain", flags))


@pytest.mark.parametrize("flags", [Flags(block="dense"), Flags(steps=0), Flags(lr=0.0), Flags(lr=float("nan"))])
def test_what_cannot_be_tried_is_refused(flags: Flags) -> None:
    with pytest.raises(BadInput):
        main(flags)
