import pytest

from plainres.errors import BadInput
from plainres.tuning.definition import Search, differences, plan_studies

SEARCH = {
    "lr_range": (1e-3, 1.0), "batch_sizes": (16, 64), "objective": "train_loss", "pruner": "median",
    "pruner_warmup": None, "sampler_seed": 0,
}  # fmt: skip


def test_the_recipe_is_the_first_trial_if_the_space_holds_it() -> None:
    def first(**search: object) -> object:
        arguments = {"prefix": "p", "search": Search(**{**SEARCH, **search}), "settings": {"device": "cpu"}}
        return plan_studies(["plain"], [18], 0, **arguments)[0].first_trial  # type: ignore[arg-type]

    assert first() == {"lr": 0.02, "batch_size": 64}  # digits' recipe
    assert first(lr_range=(0.1, 1.0)) is None
    assert first(batch_sizes=(16, 32)) is None


def test_studies_of_one_comparison_share_everything_but_the_network() -> None:
    plans = plan_studies(
        ["plain", "residual"], [18, 50], 0, prefix="p", search=Search(**SEARCH), settings={"device": "cpu"}
    )
    assert [plan.name for plan in plans] == [
        "p/digits/plain-50", "p/digits/residual-50", "p/digits/plain-18", "p/digits/residual-18",
    ]  # fmt: skip
    for plan in plans:
        differing = {name for name, value in plan.definition.items() if value != plans[0].definition[name]}
        assert differing <= {"variant", "depth", "shortcut"}


def test_a_setting_that_came_later_had_its_default_before() -> None:
    assert differences({"epochs": 3}, {"epochs": 3}) == []
    assert differences({"epochs": 3}, {"epochs": 4}) == ["epochs is 3, not 4"]


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"lr_range": (1.0, 0.1)}, "no range"),
        ({"lr_range": (0.1, 0.1)}, "no range"),
        ({"lr_range": (0.0, 0.1)}, "no range"),
        ({"lr_range": (0.1, float("inf"))}, "no range"),
        ({"lr_range": (float("nan"), 1.0)}, "no range"),
        ({"batch_sizes": ()}, "no batch size is given"),
        ({"batch_sizes": (16, 16)}, "batch size 16 is given twice"),
        ({"objective": "test_error"}, "unknown objective 'test_error'"),
        ({"pruner": "thomas"}, "unknown pruner 'thomas'"),
        ({"sampler_seed": -1}, "sampler seed -1"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(search: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Search(**{**SEARCH, **search})
