import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, MultiStepLR

from plainres.training.optimizer import learning_rate_factor


def test_cosine_is_torchs() -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = CosineAnnealingLR(optimizer, T_max=50)
    for step in range(50):
        assert learning_rate_factor("cosine", step, 50, 0) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimizer.step()
        theirs.step()


def test_step_divides_by_ten_at_32k_and_48k_of_64k_as_in_section_4_2() -> None:
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = MultiStepLR(optimizer, milestones=[32, 48], gamma=0.1)
    for step in range(64):
        assert learning_rate_factor("step", 1000 * step, 64_000, 0) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert learning_rate_factor("step", 31_999, 64_000, 0) == 1
    assert learning_rate_factor("step", 47_999, 64_000, 0) == pytest.approx(0.1)


def test_constant_stays() -> None:
    assert {learning_rate_factor("constant", step, 9, 0) for step in range(9)} == {1.0}


@pytest.mark.parametrize("schedule", ["cosine", "step", "constant"])
def test_warm_up_rises_linearly_to_where_the_schedule_starts(schedule: str) -> None:
    factors = [learning_rate_factor(schedule, step, 20, 4) for step in range(20)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert max(factors) == 1
