from plainres.tracking.runs import log_params, open_experiment, whole_params


def read_back(store: str, params: dict[str, str]) -> dict[str, str]:
    experiment = open_experiment(store, "somewhere")
    run_id = experiment.client.create_run(experiment.experiment_id).info.run_id
    log_params(experiment.client, run_id, params)
    log_params(experiment.client, run_id, params)
    return whole_params(experiment.client.get_run(run_id).data.params)


def test_1500_seeds_come_back_whole(store: str) -> None:
    seeds = " ".join(map(str, range(1500)))
    assert len(seeds) == 6389  # MLflow keeps 6000 of a parameter
    assert read_back(store, {"seeds": seeds})["seeds"] == seeds


def test_the_space_at_which_a_long_value_is_parted_is_kept(store: str) -> None:
    text = ("x" * 5999 + " ") * 12 + " \n"
    assert read_back(store, {"a": text, "empty": ""}) == {"a": text, "empty": ""}


def test_more_parameters_than_one_batch_of_mlflows_are_all_logged(store: str) -> None:
    params = {f"tuned.plain-{depth}": str(depth) for depth in range(8, 8 + 6 * 250, 6)}
    assert read_back(store, params) == params
