"""Plain and residual networks of equal depth, trained alike and compared with evidence (He et al. 2015)."""

# Written by tests.workflows.write_stub from what is declared of each setting; a test holds it.

from collections.abc import Sequence

from plainres.analysis.judged_sweep import JudgedSweep
from plainres.analysis.trained import load_run as load_run
from plainres.errors import BadInput as BadInput
from plainres.networks.factory import build_network as build_network
from plainres.workflows.compare import Studies
from plainres.workflows.python_calls import load_sweep as load_sweep
from plainres.workflows.tune import StudyResults

__version__: str

def compare(
    depths: int | Sequence[int] = (18, 34, 50),
    arms: str | Sequence[str] = ("plain", "residual"),
    seeds: int | Sequence[int] = (0, 1, 2, 3, 4, 5),
    *,
    tuned: StudyResults | Studies | bool | None = None,
    progress: bool = True,
    experiment_name: str = "degradation",
    checkpoint_every: int = 0,
    checkpoint_dir: str | None = None,
    any_code: bool = False,
    jobs: int | None = None,
    fresh: bool = False,
    margin: float = 1.0,
    launcher: str = "local",
    gpus: float = 0.0,
    ray_address: str = "",
    slurm_partition: str = "",
    slurm_time: int = 240,
    dataset: str = "digits",
    recipe: str = "",
    data_dir: str = "~/.cache/plainres",
    image_size: int = 0,
    train_images: int = 0,
    test_images: int = 0,
    validation_share: float = 0.0,
    stream: str = "auto",
    data_workers: int = 0,
    width: int | None = None,
    stem: str | None = None,
    family: str = "auto",
    shortcut: str = "auto",
    conv_bias: bool = False,
    projection_norm: bool = True,
    init: str = "he",
    init_share: float = 0.1,
    weights: str = "plain",
    downsampling: str = "stride",
    shortcut_scale: float = 1.0,
    block: str = "post",
    zero_gamma: bool = False,
    residual_gate: bool = False,
    norm: str = "batch",
    branch_scale: float = 1.0,
    branch_power: float = 0.0,
    activation: str = "relu",
    leak: float = 0.01,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    keep_last_batch: bool = False,
    norm_shares: int = 1,
    optimizer: str = "sgd",
    momentum: float | None = None,
    weight_decay: float | None = None,
    param_groups: str = "alike",
    clip: float = 0.0,
    shortcut_until: float = 0.0,
    shortcut_from: float = 0.0,
    equal_updates: int = 0,
    schedule: str | None = None,
    warmup_epochs: int | None = None,
    augment: str | None = None,
    save_model: str = "weights",
    probes: str | Sequence[str] = (),
    device: str = "auto",
    precision: str = "auto",
    threads: int = 1,
    compile: bool = False,
    system_metrics: bool = False,
    cuda_graph: bool = True,
) -> JudgedSweep:
    """Train every arm at every depth with every seed alike, and judge whether depth degrades plain networks.

    What `python -m experiments.degradation` does, with the same defaults, store and runs: what either has trained, the
    other finds finished. Interrupted, the next call goes on where this one was. The question and the networks are
    those of He et al. 2015, section 4. Settings that are left out come from the data set's recipe.

    Args:
        depths: Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage).
        arms: What is compared: plain (no shortcut), residual, and either with settings of its own, as
            residual:shortcut=C.
        seeds: Of initial weights and order of the images; a run each, and six are the fewest that can decide. One
            number n is 0 to n - 1, several are themselves; in a command 7-9 is 7 8 9, and 7-7 is 7 alone.
        experiment_name: MLflow experiment that the runs belong to.
        checkpoint_every: Epochs between two checkpoints of a run; one that was interrupted goes on from its last. By
            default as often as costs under 1 % of the time.
        checkpoint_dir: Where the checkpoints lie; a process that shares it goes on from the checkpoints of one that
            died. By default mlruns/checkpoints beside the store.
        any_code: Go on with runs that other code of plainres has begun, which begin anew otherwise.
        jobs: Runs trained side by side by this machine. By default one a core on the CPU, or one a GPU.
        fresh: Train every run anew, finished ones too.
        margin: Smallest change of the training error that counts, in percentage points.
        tuned: What `tune` gave: each network is trained at the values that its studies found best.
            True for the studies of the default storage.
        progress: Show bars while it trains, in a notebook or a terminal; elsewhere print a line on stderr for each run.

    Returns:
        The sweep as the store has it: table, runs, curves, verdict and figures.

    Raises:
        BadInput (a ValueError): it can't be trained or stored; one line says why, and nothing was written.
        StoreAway: the store went away and isn't back; what it lacks is kept for the next call.

    Settings:
        launcher: Who trains the runs: local (processes of this machine), ray (tasks of Ray) or slurm (an array of
            Slurm's jobs). The latter two are extras: `uv sync --extra ray`.
        gpus: GPUs that ray or slurm gives each run; runs share one of ray's where this is a fraction. By default 1
            where --device is cuda.
        ray_address: Address of the Ray cluster that this machine belongs to, as HOST:6379. By default a Ray that is
            started here.
        slurm_partition: Partition of Slurm's jobs. By default the cluster's own.
        slurm_time: Minutes of each of Slurm's jobs; one that is not done by then is queued again and goes on.
        dataset: digits, mnist, fashion-mnist, cifar10, cifar100, imagefolder: digits come with scikit-learn,
            imagefolder is train/CLASS/FILE and test/CLASS/FILE or val/CLASS/FILE.
        recipe: Data set whose recipe gives the defaults below. CIFAR's is that of section 4.2 of the paper: batch 128,
            learning rate 0.1 divided by 10 at 32k and 48k of 64k iterations, weight decay 1e-4, 4 pixels of padding,
            random crop and flip, 45k images for training and 5k for validation. cifar10-cpu and fashion-mnist-cpu are
            for two cores: 2,500 images of 16 pixels. By default the data set's own.
        data_dir: Folder that holds the data set's files, or is to hold them after a download; digits need none.
        image_size: Side in pixels that images are resized to, aspect ratio kept and the rest black. By default their
            own size.
        train_images: Training images, validation included, drawn from all, each class in its share; every run gets the
            same. By default all.
        test_images: Test images, drawn likewise. By default all.
        validation_share: Share of the training images that is held out for validation. By default the data set's own.
        stream: Decode a folder of images while training: auto (if they don't fit into memory), always or never.
        data_workers: Processes of each run that decode streamed images. By default one for the CPU, up to 8 for a GPU.
        width: Channels of the first stage. By default the paper's, 64 for four-stage and 16 for three-stage networks.
        stem: imagenet (7x7/2 convolution and max-pool) or small (3x3 convolution).
        family: four-stage or three-stage; depths 50 and 152 exist in both. By default the one that has the depth,
            four-stage first.
        shortcut: Of residual networks: A (zero padding), B (projection where the shape changes) or C (projection
            everywhere). By default B for four-stage, A for three-stage.
        conv_bias: Give convolutions a bias, as many tutorials do; batch norm makes it redundant.
        projection_norm: Let batch norm follow the projections of shortcuts B and C.
        init: How convolutions start: he (He et al. 2015b), dirac (the identity plus a share of He's draw), orthogonal
            (Saxe et al. 2014) or delta-orthogonal (Xiao et al. 2018, algorithm 1).
        init_share: The share of He's draw with --init dirac.
        weights: plain, or dirac: blocks learn diag(a) I + diag(b) W / |W| in place of W (Zagoruyko & Komodakis 2017,
            sec. 3); with --downsampling pool, plain networks of basic blocks are their authors'.
        downsampling: How a stage halves the size: stride (of its first block) or pool (2x2 max-pool before it, as in
            DiracNets).
        shortcut_scale: By what shortcuts are multiplied (He et al. 2016, section 3.1, constant scaling).
        block: post, pre: norm and ReLU before each convolution, none after the addition (He et al. 2016, figure 4e), or
            before: F's last ReLU before the addition, none after it (figure 4c).
        zero_gamma: Start the last batch norm of each residual block at zero (Goyal et al. 2017, section 5.1).
        residual_gate: Multiply F(x) by a learnt scalar that starts at zero: with --block pre and --norm none as De &
            Smith 2020 (SkipInit), with --block before as Bachlechner et al. 2020 (ReZero).
        norm: batch, group (Wu & He 2018: 32 groups, of two channels at least), layer (one group), or none: residual
            blocks without a gate then follow Fixup (Zhang et al. 2019, section 3).
        branch_scale: By what F(x) is multiplied.
        branch_power: F(x) is multiplied by the number of blocks to the power of minus this: 0.5 (Hayou et al. 2021) or
            1.
        activation: relu, leaky (of slope --leak), tanh, tat: a leaky ReLU whose slope is tailored to a plain network's
            depth (Zhang et al. 2022), or crelu: ReLUs of x and -x, before mirrored weights that make a plain network
            linear at the start (Balduzzi et al. 2017, section 4). Draws have the gain that keeps a signal's size.
        leak: Slope below zero with --activation leaky.
        epochs: Passes over the training images.
        batch_size: Images a step.
        lr: Peak learning rate.
        keep_last_batch: Train on the last images of an epoch, too few to fill a batch, as well.
        norm_shares: Parts of each batch that batch norm takes statistics of, each of its own: 1, or as many as torchrun
            starts processes, which then needn't tell each other theirs. By default the whole batch.
        optimizer: sgd, adamw, lars (rates by layer, You et al. 2017) or muon (orthogonalised momentum for convolutions,
            Jordan et al. 2024, AdamW for the rest); each needs a learning rate of its own.
        momentum: Momentum of SGD, LARS and Muon, and AdamW's first beta.
        weight_decay: Weight decay, decoupled with adamw and muon.
        param_groups: alike, or paper: as the authors' code of a method trains them. Fixup's biases and scales have a
            tenth of the rate; beside weights dirac what has one dimension has no weight decay.
        clip: Norm that the gradient of all parameters together is scaled down to where it is larger. By default no
            clipping.
        shortcut_until: Share of the training after which the shortcuts' scale has gone from 1 to 0, linearly: what is
            evaluated then is a plain network. By default never.
        shortcut_from: Share of the training before which the shortcuts' scale is 0: the network is plain until then. By
            default from the start.
        equal_updates: Epochs, the first ones, in which each layer's gradient has the same ratio to its weights, the
            mean of all. By default none.
        schedule: Learning rate over the run: cosine, step (a tenth after 1/2 and after 3/4 of the steps) or constant.
        warmup_epochs: Epochs in which the learning rate first rises linearly.
        augment: none, or crop-flip: 4 pixels of padding, a random crop and a random flip (section 4.2).
        save_model: What is stored of the networks that are trained now: weights (model.pt), or pt2 (torch.export's
            archive, model.pt2, as well).
        probes: What is measured at the start and after each epoch, beside gradient norms: gradient_coherence,
            growth_rate, responses, lesion, sharpness or landscape. By default nothing.
        device: auto (CUDA where it is, else the CPU), cpu, cuda or mps.
        precision: auto (bf16 where the device supports it), fp32 or bf16.
        threads: CPU threads of each run.
        compile: Run training steps through torch.compile; on a CPU it takes a minute, and is slower afterwards.
        system_metrics: Log the use of CPU, memory, disk and GPU every ten seconds, for long runs; needs psutil.
        cuda_graph: Replay the training step as one CUDA graph, on a GPU.
    """
    ...

def tune(
    depths: int | Sequence[int] = (18, 34, 50),
    arms: str | Sequence[str] = ("plain", "residual"),
    trials: int = 20,
    *,
    progress: bool = True,
    studies: int = 1,
    confirm: int | None = None,
    search: str | Sequence[str] = ("lr", "batch_size"),
    lr_range: tuple[float, float] = (0.001, 1.0),
    batch_sizes: int | Sequence[int] = (16, 32, 64, 128, 256),
    weight_decay_range: tuple[float, float] = (1e-06, 0.01),
    budget: str = "epochs",
    objective: str = "train_loss",
    pruner: str = "median",
    pruner_warmup: int | None = None,
    sampler: str = "tpe",
    sampler_seed: int = 0,
    experiment_name: str = "lr_batch_size",
    checkpoint_every: int = 0,
    checkpoint_dir: str | None = None,
    any_code: bool = False,
    jobs: int | None = None,
    seed: int = 0,
    storage: str = "sqlite:///studies/lr_batch_size.db",
    study_name: str = "lr-batch-size",
    launcher: str = "local",
    gpus: float = 0.0,
    ray_address: str = "",
    slurm_partition: str = "",
    slurm_time: int = 240,
    dataset: str = "digits",
    recipe: str = "",
    data_dir: str = "~/.cache/plainres",
    image_size: int = 0,
    train_images: int = 0,
    test_images: int = 0,
    validation_share: float = 0.0,
    stream: str = "auto",
    data_workers: int = 0,
    width: int | None = None,
    stem: str | None = None,
    family: str = "auto",
    shortcut: str = "auto",
    conv_bias: bool = False,
    projection_norm: bool = True,
    init: str = "he",
    init_share: float = 0.1,
    weights: str = "plain",
    downsampling: str = "stride",
    shortcut_scale: float = 1.0,
    block: str = "post",
    zero_gamma: bool = False,
    residual_gate: bool = False,
    norm: str = "batch",
    branch_scale: float = 1.0,
    branch_power: float = 0.0,
    activation: str = "relu",
    leak: float = 0.01,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    keep_last_batch: bool = False,
    norm_shares: int = 1,
    optimizer: str = "sgd",
    momentum: float | None = None,
    weight_decay: float | None = None,
    param_groups: str = "alike",
    clip: float = 0.0,
    shortcut_until: float = 0.0,
    shortcut_from: float = 0.0,
    equal_updates: int = 0,
    schedule: str | None = None,
    warmup_epochs: int | None = None,
    augment: str | None = None,
    save_model: str = "weights",
    probes: str | Sequence[str] = (),
    device: str = "auto",
    precision: str = "auto",
    threads: int = 1,
    compile: bool = False,
    system_metrics: bool = False,
    cuda_graph: bool = True,
) -> StudyResults:
    """Tune learning rate and batch size of every arm at every depth, each in studies of its own, all alike.

    What `python -m studies.lr_batch_size` does, with the same defaults, storage and runs. Interrupted, the next call
    goes on where this one was. Settings that are left out come from the data set's recipe, and what is searched is the
    first trial's.

    Args:
        depths: Weighted layers: 18 34 50 101 152 (four-stage), or 6n+2 as 20 32 44 56 110 1202 (three-stage).
        arms: What is tuned: plain (no shortcut), residual, and either with settings of its own, as residual:shortcut=C.
        trials: Of each study in total, those of earlier starts and of other machines included.
        studies: Of each network, with draws and seeds of their own: how far they lead apart is how much luck there is.
        confirm: Train so many of each study's best trials again, on three fresh seeds; the best mean wins. By default
            none.
        search: What is searched: any of lr, batch_size and weight_decay.
        lr_range: Lowest and highest learning rate, searched log-uniformly.
        batch_sizes: Batch sizes that are tried.
        weight_decay_range: Lowest and highest weight decay, searched log-uniformly.
        budget: What trials of all batch sizes have in common: epochs, so that they see the same number of images, or
            steps.
        objective: Minimised: train_loss, train_error, validation_loss or validation_error. The test split never counts.
        pruner: Stops trials that do badly early on: median, hyperband, or none to train all of them to the end.
        pruner_warmup: Epochs that every trial trains before it can be pruned. By default a third of the epochs.
        sampler: Draws the trials: tpe, which goes by those before, random, or qmc (quasi-random, a scrambled Sobol
            sequence).
        sampler_seed: Of the draws; the same for every network.
        experiment_name: MLflow experiment that the runs belong to.
        checkpoint_every: Epochs between two checkpoints of a run; one that was interrupted goes on from its last. By
            default as often as costs under 1 % of the time.
        checkpoint_dir: Where the checkpoints lie; a process that shares it goes on from the checkpoints of one that
            died. By default mlruns/checkpoints beside the store.
        any_code: Go on with runs that other code of plainres has begun, which begin anew otherwise.
        jobs: Trials trained side by side by this machine. By default one a core on the CPU, or one a GPU.
        seed: Of initial weights and order of the images in every trial of a first study; later ones have their own.
        storage: Database of the studies: sqlite:///FILE, postgresql://USER@HOST/DATABASE or another SQLAlchemy URL.
        study_name: What the studies' names begin with; data set and network follow.
        progress: Show bars while it trains, in a notebook or a terminal; elsewhere print a line on stderr for each run.

    Returns:
        What the studies came to, which `compare` takes as `tuned`.

    Raises:
        BadInput (a ValueError): it can't be tuned or stored; one line says why, and nothing was written.
        StoreAway, StudiesFail: a store was lost; the next call goes on when it's back.

    Settings:
        launcher: Who trains the runs: local (processes of this machine), ray (tasks of Ray) or slurm (an array of
            Slurm's jobs). The latter two are extras: `uv sync --extra ray`.
        gpus: GPUs that ray or slurm gives each run; runs share one of ray's where this is a fraction. By default 1
            where --device is cuda.
        ray_address: Address of the Ray cluster that this machine belongs to, as HOST:6379. By default a Ray that is
            started here.
        slurm_partition: Partition of Slurm's jobs. By default the cluster's own.
        slurm_time: Minutes of each of Slurm's jobs; one that is not done by then is queued again and goes on.
        dataset: digits, mnist, fashion-mnist, cifar10, cifar100, imagefolder: digits come with scikit-learn,
            imagefolder is train/CLASS/FILE and test/CLASS/FILE or val/CLASS/FILE.
        recipe: Data set whose recipe gives the defaults below. CIFAR's is that of section 4.2 of the paper: batch 128,
            learning rate 0.1 divided by 10 at 32k and 48k of 64k iterations, weight decay 1e-4, 4 pixels of padding,
            random crop and flip, 45k images for training and 5k for validation. cifar10-cpu and fashion-mnist-cpu are
            for two cores: 2,500 images of 16 pixels. By default the data set's own.
        data_dir: Folder that holds the data set's files, or is to hold them after a download; digits need none.
        image_size: Side in pixels that images are resized to, aspect ratio kept and the rest black. By default their
            own size.
        train_images: Training images, validation included, drawn from all, each class in its share; every run gets the
            same. By default all.
        test_images: Test images, drawn likewise. By default all.
        validation_share: Share of the training images that is held out for validation. By default the data set's own.
        stream: Decode a folder of images while training: auto (if they don't fit into memory), always or never.
        data_workers: Processes of each run that decode streamed images. By default one for the CPU, up to 8 for a GPU.
        width: Channels of the first stage. By default the paper's, 64 for four-stage and 16 for three-stage networks.
        stem: imagenet (7x7/2 convolution and max-pool) or small (3x3 convolution).
        family: four-stage or three-stage; depths 50 and 152 exist in both. By default the one that has the depth,
            four-stage first.
        shortcut: Of residual networks: A (zero padding), B (projection where the shape changes) or C (projection
            everywhere). By default B for four-stage, A for three-stage.
        conv_bias: Give convolutions a bias, as many tutorials do; batch norm makes it redundant.
        projection_norm: Let batch norm follow the projections of shortcuts B and C.
        init: How convolutions start: he (He et al. 2015b), dirac (the identity plus a share of He's draw), orthogonal
            (Saxe et al. 2014) or delta-orthogonal (Xiao et al. 2018, algorithm 1).
        init_share: The share of He's draw with --init dirac.
        weights: plain, or dirac: blocks learn diag(a) I + diag(b) W / |W| in place of W (Zagoruyko & Komodakis 2017,
            sec. 3); with --downsampling pool, plain networks of basic blocks are their authors'.
        downsampling: How a stage halves the size: stride (of its first block) or pool (2x2 max-pool before it, as in
            DiracNets).
        shortcut_scale: By what shortcuts are multiplied (He et al. 2016, section 3.1, constant scaling).
        block: post, pre: norm and ReLU before each convolution, none after the addition (He et al. 2016, figure 4e), or
            before: F's last ReLU before the addition, none after it (figure 4c).
        zero_gamma: Start the last batch norm of each residual block at zero (Goyal et al. 2017, section 5.1).
        residual_gate: Multiply F(x) by a learnt scalar that starts at zero: with --block pre and --norm none as De &
            Smith 2020 (SkipInit), with --block before as Bachlechner et al. 2020 (ReZero).
        norm: batch, group (Wu & He 2018: 32 groups, of two channels at least), layer (one group), or none: residual
            blocks without a gate then follow Fixup (Zhang et al. 2019, section 3).
        branch_scale: By what F(x) is multiplied.
        branch_power: F(x) is multiplied by the number of blocks to the power of minus this: 0.5 (Hayou et al. 2021) or
            1.
        activation: relu, leaky (of slope --leak), tanh, tat: a leaky ReLU whose slope is tailored to a plain network's
            depth (Zhang et al. 2022), or crelu: ReLUs of x and -x, before mirrored weights that make a plain network
            linear at the start (Balduzzi et al. 2017, section 4). Draws have the gain that keeps a signal's size.
        leak: Slope below zero with --activation leaky.
        epochs: Passes over the training images.
        batch_size: Images a step.
        lr: Peak learning rate.
        keep_last_batch: Train on the last images of an epoch, too few to fill a batch, as well.
        norm_shares: Parts of each batch that batch norm takes statistics of, each of its own: 1, or as many as torchrun
            starts processes, which then needn't tell each other theirs. By default the whole batch.
        optimizer: sgd, adamw, lars (rates by layer, You et al. 2017) or muon (orthogonalised momentum for convolutions,
            Jordan et al. 2024, AdamW for the rest); each needs a learning rate of its own.
        momentum: Momentum of SGD, LARS and Muon, and AdamW's first beta.
        weight_decay: Weight decay, decoupled with adamw and muon.
        param_groups: alike, or paper: as the authors' code of a method trains them. Fixup's biases and scales have a
            tenth of the rate; beside weights dirac what has one dimension has no weight decay.
        clip: Norm that the gradient of all parameters together is scaled down to where it is larger. By default no
            clipping.
        shortcut_until: Share of the training after which the shortcuts' scale has gone from 1 to 0, linearly: what is
            evaluated then is a plain network. By default never.
        shortcut_from: Share of the training before which the shortcuts' scale is 0: the network is plain until then. By
            default from the start.
        equal_updates: Epochs, the first ones, in which each layer's gradient has the same ratio to its weights, the
            mean of all. By default none.
        schedule: Learning rate over the run: cosine, step (a tenth after 1/2 and after 3/4 of the steps) or constant.
        warmup_epochs: Epochs in which the learning rate first rises linearly.
        augment: none, or crop-flip: 4 pixels of padding, a random crop and a random flip (section 4.2).
        save_model: What is stored of the networks that are trained now: weights (model.pt), or pt2 (torch.export's
            archive, model.pt2, as well).
        probes: What is measured at the start and after each epoch, beside gradient norms: gradient_coherence,
            growth_rate, responses, lesion, sharpness or landscape. By default nothing.
        device: auto (CUDA where it is, else the CPU), cpu, cuda or mps.
        precision: auto (bf16 where the device supports it), fp32 or bf16.
        threads: CPU threads of each run.
        compile: Run training steps through torch.compile; on a CPU it takes a minute, and is slower afterwards.
        system_metrics: Log the use of CPU, memory, disk and GPU every ten seconds, for long runs; needs psutil.
        cuda_graph: Replay the training step as one CUDA graph, on a GPU.
    """
    ...
