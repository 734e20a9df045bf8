import pytest
import torch

from plainres.data.batches import Normalise, shuffled_batches
from plainres.data.splits import Split
from plainres.errors import BadInput
from plainres.networks.factory import network_for
from plainres.settings import VARIANTS
from plainres.sweeps.arms import OWN, arms_in, parse_arm
from plainres.sweeps.plan import plan_sweep


def test_an_arm_is_a_variant_with_settings_of_its_own() -> None:
    arm = parse_arm("plain:warmup-epochs=1, lr=0.010")
    assert (arm.variant, dict(arm.settings)) == ("plain", {"warmup_epochs": 1, "lr": 0.01})
    assert arm.name == "plain:lr=0.01,warmup_epochs=1"
    assert parse_arm(arm.name) == arm
    assert [parse_arm(variant).name for variant in VARIANTS] == list(VARIANTS)


def test_every_setting_that_a_result_depends_on_can_be_an_arms_own() -> None:
    assert {"lr", "batch_size", "shortcut", "width", "stem", "conv_bias", "augment", "momentum"} <= set(OWN)
    assert not {"dataset", "train_images", "device", "threads", "data_dir", "cuda_graph", "seed"} & set(OWN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dense", "arm 'dense': unknown variant 'dense'; choose from plain, residual"),
        ("", "unknown variant ''"),
        ("plain:", "arm 'plain:': no setting follows the colon"),
        ("plain:lr", "'lr' is no setting=value"),
        ("plain:lr=fast", "learning rate 'fast' is no number"),
        ("plain:lr=-1", "learning rate -1.0 is not a finite number above 0"),
        ("plain:epochs=1.5", "epochs '1.5' is no whole number"),
        ("plain:conv_bias=yes", "conv bias 'yes' is no True or False"),
        ("residual:shortcut=D", "unknown shortcut 'D'; choose from auto, A, B, C"),
        ("residual:shortcutt=C", "no setting is called 'shortcutt'; is shortcut meant?"),
        ("plain:lr=0.1,lr=0.2", "lr is given twice"),
        ("plain:seed=3", "seed is no setting of an arm"),
        ("plain:dataset=mnist", "dataset is the whole sweep's"),
        ("plain:device=cpu", "device is the whole sweep's"),
    ],
)
def test_a_bad_arm_is_refused_in_a_line_that_names_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_arm(text)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        (["plain", "plain:lr=0.02"], "arms plain and plain:lr=0.02 are the same configuration"),  # the recipe's
        (["plain", "plain:shortcut=A"], "arms plain and plain:shortcut=A are the same configuration"),
        (["plain:lr=0.1,momentum=0.5", "plain:momentum=0.5,lr=0.1"], "arm plain:lr=0.1,momentum=0.5 is given twice"),
        (["residual:epochs=2,warmup_epochs=2"], "warm-up of 2 epochs is outside 0 to 1"),
    ],
)
def test_arms_that_come_to_the_same_or_to_nothing_are_refused(arms: list[str], words: str) -> None:
    with pytest.raises(BadInput) as refusal:
        plan_sweep(arms, [8, 14], [0], device="cpu")
    assert words in str(refusal.value)


def test_arms_stand_side_by_side_at_every_depth() -> None:
    sweep = plan_sweep(["plain", "residual:shortcut=C"], [8, 14], [0, 1], device="cpu", lr=0.05)
    assert [config.name for config in sweep.configs[:2]] == ["plain-14-seed0", "residual:shortcut=C-14-seed0"]
    assert {config.shortcut for config in sweep.configs if config.arm != "plain"} == {"C"}
    assert {config.lr for config in sweep.configs} == {0.05}
    assert sweep.params["arms"] == "plain residual:shortcut=C"
    assert sweep.params["shortcut"] == "none (plain), C (residual:shortcut=C)"
    assert sweep.params["lr"] == "0.05"


def test_the_arms_name_is_no_part_of_a_runs_identity() -> None:
    (named,) = plan_sweep(["plain:lr=0.05"], [8], [0], device="cpu").configs
    (asked,) = plan_sweep(["plain"], [8], [0], device="cpu", lr=0.05).configs
    assert (named.arm, asked.arm) == ("plain:lr=0.05", "plain")
    assert named.config_hash == asked.config_hash


def test_arms_of_one_depth_start_paired() -> None:
    arms = ["plain", "residual", "residual:shortcut=B", "residual:shortcut=C", "plain:conv_bias=True", "plain:lr=0.5"]
    weights, orders = [], []
    for config in plan_sweep(arms, [8], [3], device="cpu").configs:
        torch.manual_seed(config.seed)
        network = network_for(config, in_channels=1, num_classes=10)
        weights.append({name: value for name, value in network.state_dict().items() if "downsample" not in name})
        split = Split(torch.zeros(20, 1, 2, 2, dtype=torch.uint8), torch.arange(20))
        batches = shuffled_batches(
            split, 5, Normalise(torch.zeros(1), torch.ones(1)), torch.Generator().manual_seed(config.seed)
        )
        orders.append([labels.tolist() for _, labels in batches])
    assert orders.count(orders[0]) == len(arms)
    for of_arm in weights[1:]:
        assert all(torch.equal(value, of_arm[name]) for name, value in weights[0].items())


def test_arms_of_a_stored_sweep_may_have_blanks_in_them() -> None:
    arms = ("plain", "residual:probes=lesion responses", "plain:lr=0.1", "residual")
    assert arms_in({"arms": " ".join(arms)}) == arms
    assert arms_in({"variants": "plain residual"}) == ("plain", "residual")  # of before there were arms
    assert arms_in({}) == ()
