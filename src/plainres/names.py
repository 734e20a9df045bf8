"""Names the metrics, tags and artifacts in the tracking store, each once."""

# Metrics: one slash in each, since MLflow's UI groups charts by what stands before it.
GRADIENT = "grad_norm/"
INITIAL = "initial_"  # before a name of step 0: the same value under a name of its own, which is the latest of its name
INITIAL_GRADIENT = INITIAL + GRADIENT
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
FINAL_EPOCHS_TO_10 = "final/epochs_to_10"  # the first epoch of at most 10 % training error; absent if there is none

# Of a sweep's parent run: means over seeds, with the depth as step.
TRAIN_ERROR_BY_DEPTH = "train_error_by_depth/"
TEST_ERROR_BY_DEPTH = "test_error_by_depth/"

# Of probes that are asked for.
COHERENCE = "gradient_coherence/"
UNRELATED = "unrelated_coherence/"
GROWTH = "growth_rate/gradient_norm"
RESPONSE = "response/"
BLOCK_INPUT = "block_input/"
LESION = "lesion/"
RENORMALISED = "renormalised_lesion/"  # with batch norm's statistics estimated anew after the lesion
TAU = "kendall_tau/"
SHARPNESS = "sharpness/top_eigenvalue"
LANDSCAPE = "landscape/"

# Of experiments that look into trained networks.
RISE = "rise/"  # of the loss, at a distance along a random direction
UPDATE = "update_size/initial"  # learning rate times the norm of all gradients, before the first step
RELATIVE_UPDATE = "relative_update/initial"  # that of a layer over the norm of its weights: the mean over layers
DISPARITY = "update_disparity/initial"  # the largest relative update of a convolution over the smallest
CONSTRUCTED = (
    "constructed_from_"  # and a depth and a slash: trained on from a shallower network, with the run from scratch
)

# Tags of a run.
CONFIG_HASH_TAG = "config_hash"
ATTEMPT_TAG = "attempt"  # its journal's, by which it is found if its id was never noted
PROGRESS_TAG = "progress"  # steps that the process which trains it has done, told every few seconds
SAME_AS_TAG = "same_as"  # the run that another process had finished before; of the two that one counts
GENERATION_TAG = "generation"  # the fresh sweep's that it was trained for; a sweep's parent run has it too
PROCESSOR_TAG = "processor"  # that trained it, by its model's name: rounding differs between them
PROCESSES_TAG = "processes"  # that trained it together, under torchrun
MODEL_DIGEST_TAG = "model_sha256"  # of the trained network's file
DIVERGED_TAG = "diverged"  # the epoch in which its loss was no longer finite
COMMIT_TAG = "commit"
CODE_TAG = "code"  # of plainres itself: a digest of its files
PRUNED_TAG = "pruned_epoch"  # of a run that was stopped early: its last epoch
TRIAL_TAG = "trial"
NETWORK_TAG = "name"  # the arm at its depth, as `plain-34`; by tag and value MLflow picks a colour, here one for each
SETTINGS_TAG = "settings_hash"  # of what all runs of its sweep share; the sweep's parent run has it too

# Tags of a sweep's or a study's parent run.
SWEEP_HASH_TAG = "sweep_hash"
ASKED_TAG = "asked"  # when it was asked for again, in milliseconds since 1970
REPLACED_TAG = "replaced_by"  # the parent run of a fresh sweep that took this one's place
REPORT_TAG = "verdict"  # its report is stored
MARGIN_TAG = "margin"  # of that, in percentage points
# Before a run's hash: its id and name. MLflow's pages show no tags of its own prefix.
MEMBER_TAG = "mlflow.plainres.run."
MEMBER_TAGS = (MEMBER_TAG, "run.")  # and what stores of before have
STUDY_TAG = "study"
STUDY_KEY_TAG = "study_key"

# Tags of an experiment.
KIND_TAG = "mlflow.experimentKind"
VIEW_TAG = "mlflow.sharedViewState."  # before the view's name

# Artifacts.
MODEL_FILE = "model.pt"
EXPORTED_FILE = "model.pt2"
PAGE_FILE = "report.html"
SETTINGS_FILE = "settings.toml"  # what the command of a sweep asked for
DIFF_FILE = "uncommitted.diff"
TRACEBACK_FILE = "traceback.txt"
