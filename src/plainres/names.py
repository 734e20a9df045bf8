"""The names of metrics, tags and artifacts in the tracking store, each once."""

# Metrics: one slash in each, since MLflow's UI groups charts by what stands before it.
GRADIENT = "grad_norm/"
TRAIN_LOSS = "loss/train"
VALIDATION_LOSS = "loss/validation"
TRAIN_ACCURACY = "accuracy/train"
VALIDATION_ACCURACY = "accuracy/validation"
LEARNING_RATE = "learning_rate"
IMAGES_PER_SECOND = "images_per_second"
FINAL = "final/"
FINAL_TRAIN_ERROR = "final/train_error"
FINAL_TEST_ERROR = "final/test_error"
FINAL_TRAIN_LOSS = "final/train_loss"
FINAL_TEST_LOSS = "final/test_loss"
FINAL_SECONDS = "final/seconds"

# Tags of a run.
CONFIG_HASH_TAG = "config_hash"
ATTEMPT_TAG = "attempt"  # its journal's, by which it is found if its id was never noted
DIVERGED_TAG = "diverged"  # the epoch in which its loss was no longer finite
COMMIT_TAG = "commit"
PRUNED_TAG = "pruned_epoch"  # of a run that was stopped early: its last epoch
TRIAL_TAG = "trial"

# Tags of a sweep's or a study's parent run.
SWEEP_HASH_TAG = "sweep_hash"
SINCE_TAG = "since"  # of a fresh sweep: runs that started earlier (ms since 1970) don't count
REPORT_TAG = "verdict"  # its report is stored
MEMBER_TAG = "run."  # `run.plain-34-seed0` holds that run's id
STUDY_TAG = "study"
STUDY_KEY_TAG = "study_key"

# Artifacts.
MODEL_FILE = "model.pt"
DIFF_FILE = "uncommitted.diff"
TRACEBACK_FILE = "traceback.txt"
