import pytest

from plainres.errors import BadInput
from plainres.sweeps.configure import configure
from plainres.tuning.definition import StudyPlan, differences, plan_studies
from plainres.tuning.search import Search, trial_settings

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


def plans(studies: int = 1, settings: dict[str, object] | None = None, **search: object) -> tuple[StudyPlan, ...]:
    return plan_studies(
        ["plain"], [18], 3,
        prefix="p", search=Search(**{**SEARCH, **search}), settings={"device": "cpu", **(settings or {})},
        studies=studies,
    )  # type: ignore[arg-type]  # fmt: skip


def test_a_study_that_was_stored_before_other_searches_could_be_made_is_the_default_one() -> None:
    (plan,) = plans()
    later = {"searched", "sampler", "budget", "lowest weight decay", "highest weight decay"}
    stored = {name: value for name, value in plan.definition.items() if name not in later}
    assert stored.keys() >= {"lowest learning rate", "batch sizes", "weight_decay", "first trial"}
    assert differences(stored, plan.definition) == []
    (other,) = plans(sampler="random", budget="steps", searched=("lr", "batch_size", "weight_decay"))
    assert [line.partition(" is ")[0] for line in differences(stored, other.definition)] == [
        "searched", "lowest weight decay", "highest weight decay", "sampler", "first trial", "budget",
    ]  # fmt: skip


def test_what_is_not_searched_is_part_of_the_definition() -> None:
    (rate_alone,) = plans(searched=("lr",))
    assert rate_alone.definition["batch_size"] == 64
    assert rate_alone.definition["batch sizes"] is None
    assert "weight_decay" not in plans(searched=("weight_decay",))[0].definition


def test_later_studies_differ_in_name_draws_and_seed_alone() -> None:
    first, second, third = plans(studies=3)
    assert [plan.name for plan in (first, second, third)] == [
        "p/digits/plain-18", "p/digits/plain-18-study1", "p/digits/plain-18-study2",
    ]  # fmt: skip
    assert [plan.definition["seed"] for plan in (first, second, third)] == [3, 2_000_004, 2_000_005]
    assert {**second.definition, "seed": 3} == first.definition == plans()[0].definition
    assert len({plan.draw_seed(0) for plan in (first, second, third)}) == 3
    fresh = [seed for plan in (first, second, third) for seed in plan.fresh_seeds]
    assert fresh == list(range(1_000_000, 1_000_009))


def test_equal_steps_take_more_epochs_of_larger_batches() -> None:
    config = configure("plain", 18, device="cpu", epochs=9, batch_size=64, warmup_epochs=2)
    scaled = {size: trial_settings(config, {"batch_size": size}, "steps") for size in (16, 32, 64, 128, 256)}
    # 9 and 2 epochs of 64: a quarter is 2.25 and 0.5, a half 4.5 and 1; halves are rounded up.
    assert {size: (values["epochs"], values["warmup_epochs"]) for size, values in scaled.items()} == {
        16: (2, 1), 32: (5, 1), 64: (9, 2), 128: (18, 4), 256: (36, 8),
    }  # fmt: skip
    assert trial_settings(config, {"batch_size": 16}, "epochs") == {"batch_size": 16}
    short = configure("plain", 18, device="cpu", epochs=3, batch_size=64, warmup_epochs=2)
    # 0.75 and 0.5 would both be one epoch, and a warm-up ends before the run does.
    assert trial_settings(short, {"batch_size": 16}, "steps") == {"batch_size": 16, "epochs": 1, "warmup_epochs": 0}


@pytest.mark.parametrize(("seed", "studies", "words"), [(0, 0, "studies 0 is below 1"), (10**6, 1, "seed 1000000")])
def test_studies_that_cannot_be_told_apart_are_refused(seed: int, studies: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        plan_studies(["plain"], [18], seed, prefix="p", search=Search(**SEARCH), settings={}, studies=studies)  # type: ignore[arg-type]


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
        ({"sampler": "grid"}, "unknown sampler 'grid'; choose from tpe, random, qmc"),
        ({"budget": "hours"}, "unknown budget 'hours'"),
        ({"searched": ()}, "no setting to search is given"),
        ({"searched": ("lr", "lr")}, "setting to search lr is given twice"),
        ({"searched": ("momentum",)}, "unknown setting to search 'momentum'"),
        ({"weight_decay_range": (1e-3, 1e-4)}, "weight decays from 0.001 to 0.0001 are no range"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(search: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Search(**{**SEARCH, **search})
