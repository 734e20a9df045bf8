"""Which data a study is about, where they lie in files."""

from dataclasses import replace

from plainres.data import dataset_of
from plainres.tuning.definition import StudyPlan


def with_data(plans: tuple[StudyPlan, ...]) -> tuple[StudyPlan, ...]:
    """The plans with what their data set's files hold; raises BadInput as `dataset_of` does."""
    largest = max(plans[0].search.batch_sizes)
    dataset = dataset_of(replace(plans[0].config, batch_size=largest))
    data = f"{dataset.validation_hash} of {' '.join(f'{size} {split}' for split, size in dataset.sizes.items())}"
    return tuple(replace(plan, data=data) for plan in plans)
