import pytest

from plainres.errors import BadInput
from plainres.networks.architecture import resolve_architecture


@pytest.mark.parametrize(
    ("variant", "options", "words"),
    [
        ("plain", {"activation": "tat"}, "activation tat: a norm would undo"),
        ("plain", {"residual_gate": True}, "residual_gate: a plain network"),
        ("plain", {"zero_gamma": True}, "zero_gamma: a plain network"),
        ("plain", {"shortcut_scale": 0.5}, "shortcut_scale: a plain network has no shortcut"),
        ("plain", {"block": "pre"}, "block pre: a plain network"),
        ("residual", {"zero_gamma": True, "norm": "none"}, "zero_gamma: with norm none"),
        ("residual", {"zero_gamma": True, "block": "pre"}, "zero_gamma: with block pre"),
        ("residual", {"zero_gamma": True, "residual_gate": True}, "behind a residual_gate"),
        ("residual", {"zero_gamma": True, "shortcut_scale": 0.0}, "nothing passes"),
        ("residual", {"residual_gate": True, "shortcut_scale": 0.0}, "nothing passes"),
        ("residual", {"norm": "none", "shortcut_scale": 0.0}, "nothing passes"),
        ("plain", {"init_share": 0.2}, "init_share: only init dirac"),
        ("plain", {"init": "dirac", "weights": "dirac"}, "weights dirac have the identity already"),
        ("residual", {"norm": "none", "init": "dirac"}, "Fixup"),
        ("residual", {"norm": "none", "weights": "dirac"}, "Fixup"),
        ("residual", {"shortcut_scale": -0.5}, "shortcut scale -0.5"),
        ("plain", {"init": "dirac", "init_share": float("nan")}, "init share nan"),
        ("plain", {"init": "dirac", "init_share": float("inf")}, "init share inf"),
        ("plain", {"init": "xavier"}, "he, dirac, orthogonal, delta-orthogonal"),
        ("plain", {"weights": "scaled"}, "plain, dirac"),
        ("residual", {"block": "mid"}, "post, pre, before"),
        ("residual", {"norm": "instance"}, "batch, group, layer, none"),
        ("plain", {"branch_scale": 0.5}, "branch_scale, branch_power: a plain network has no branch"),
        ("residual", {"branch_power": 0.5, "norm": "none"}, "F\\(x\\) has a learnt factor"),
        ("residual", {"branch_scale": 0.5, "residual_gate": True}, "F\\(x\\) has a learnt factor"),
        ("residual", {"branch_scale": 0.0}, "branch scale 0.0 is not a finite number above 0"),
        ("residual", {"activation": "tat"}, "its slope is known for plain networks"),
        ("plain", {"activation": "gelu"}, "relu, leaky, tanh, tat, crelu"),
        ("residual", {"activation": "crelu", "stem": "small"}, "twice the channels that F"),
        ("plain", {"activation": "crelu"}, "max-pools"),
        ("plain", {"activation": "crelu", "stem": "small", "downsampling": "pool"}, "max-pools"),
        ("plain", {"activation": "crelu", "stem": "small", "weights": "dirac"}, "first half of a crelu"),
        ("plain", {"block": "before"}, "block before: a plain network"),
        ("residual", {"block": "before", "norm": "none"}, "block before: Fixup"),
        ("residual", {"block": "before", "zero_gamma": True}, "stops F's gradient"),
        ("plain", {"downsampling": "blur"}, "stride, pool"),
        ("plain", {"leak": 0.3}, "leak: only activation leaky has one"),
        ("plain", {"activation": "leaky", "leak": 1.5}, "leak 1.5 is outside 0 to 1"),
    ],
)
def test_combinations_without_meaning_are_refused_with_the_reason(
    variant: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        resolve_architecture(variant, 18, **options)


@pytest.mark.parametrize(
    ("variant", "options"),
    [
        ("plain", {"norm": "none", "init": "dirac", "init_share": 0.0}),
        ("plain", {"weights": "dirac", "init": "orthogonal"}),
        ("residual", {"shortcut_scale": 0.0}),
        ("residual", {"norm": "none", "residual_gate": True, "init": "orthogonal", "weights": "dirac"}),
        ("residual", {"block": "pre", "norm": "none"}),
        ("residual", {"block": "before", "norm": "none", "residual_gate": True}),
        ("plain", {"activation": "crelu", "stem": "small", "init": "delta-orthogonal"}),
        ("plain", {"weights": "dirac", "downsampling": "pool"}),
    ],
)
def test_combinations_with_a_meaning_exist(variant: str, options: dict[str, object]) -> None:
    resolve_architecture(variant, 18, **options)


def test_nothing_and_auto_stand_for_the_defaults() -> None:
    default = resolve_architecture("residual", 20)
    assert (default.family, default.shortcut, default.width) == ("three-stage", "A", 16)
    assert resolve_architecture("residual", 20, family="auto", shortcut="auto", init=None, norm=None) == default
    assert resolve_architecture("plain", 20, shortcut="B") == resolve_architecture("plain", 20, shortcut="none")
