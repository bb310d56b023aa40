"""Chapter 26's table on JHMDB, joints of people in films: python -m benchmarks.action_recognition

Trains recurrent classifiers, rivals of the same size without a state and a control, from five seeds
at two learning rates, on whole clips and on beginnings of clips, and writes
gru_lib/data/results/action-recognition.json. The data are fetched on request.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.data.motion import (
    Clips,
    add_velocities,
    first_part,
    jhmdb_joints,
    join_clips,
    mirror_people,
    normalise_body,
    random_beginnings,
    reverse_clips,
    shuffle_frames,
)
from gru_lib.data.stored import write_result
from gru_lib.dtw import dtw_distances
from gru_lib.models import (
    ConvolutionClassifier,
    LabelledSequences,
    PoolClassifier,
    SequenceClassifier,
    count_parameters,
    label_sequences,
    predict_classes,
    train_classifier,
)

COMMAND = "python -m benchmarks.action_recognition"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/action-recognition.json"
SEEDS = range(5)
LEARNING_RATES = (5e-3, 1e-2)
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
CLASSES = 14
EPOCHS = 60
DROPOUT = 0.5

#: Trained models by name, all of one size. Those without velocities get positions only.
MODELS: dict[str, Callable[[int], nn.Module]] = {
    "GRU": lambda features: SequenceClassifier(features, 48, CLASSES, dropout=DROPOUT),
    "LSTM": lambda features: SequenceClassifier(
        features, 39, CLASSES, cell="LSTM", dropout=DROPOUT
    ),
    "convolution": lambda features: ConvolutionClassifier(features, 34, CLASSES, dropout=DROPOUT),
    "mean over frames": lambda features: PoolClassifier(features, 220, CLASSES, dropout=DROPOUT),
    "GRU, positions only": lambda features: SequenceClassifier(
        features, 58, CLASSES, dropout=DROPOUT
    ),
    "mean over frames, positions only": lambda features: PoolClassifier(
        features, 367, CLASSES, dropout=DROPOUT
    ),
}
#: The control: the GRU on clips whose frames were put in random order, in all sets.
CONTROL = "GRU, frames shuffled"
#: Models that are trained on beginnings of clips as well.
EARLY = ("GRU", "LSTM", "convolution", "mean over frames")


def split(seed: int) -> tuple[Clips, Clips, Clips]:
    """Training clips with their mirror images, a fifth of each class to validate on, the test."""
    motions = jhmdb_joints()
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(motions.train.clips), dtype=bool)
    for number in range(CLASSES):
        rows = rng.permutation(np.flatnonzero(motions.train.classes == number))
        held_out[rows[: len(rows) // 5]] = True
    train, valid = _chosen(motions.train, ~held_out), _chosen(motions.train, held_out)
    return join_clips(train, mirror_people(train)), valid, motions.test


def _chosen(data: Clips, rows: np.ndarray) -> Clips:
    clips = [clip for clip, chosen in zip(data.clips, rows, strict=True) if chosen]
    return data._replace(clips=clips, classes=data.classes[rows])


def positions(data: Clips) -> list[np.ndarray]:
    """Joints of each clip, body in the middle and of size 1, shape (frames, 30)."""
    return [normalise_body(clip).reshape(len(clip), -1) for clip in data.clips]


def features(name: str, data: Clips) -> LabelledSequences:
    """What a model of that name reads."""
    read = positions(data)
    if not name.endswith("positions only"):
        read = [add_velocities(clip) for clip in read]
    return label_sequences(read, data.classes)


def one_run(name: str, learning_rate: float, seed: int, beginnings: bool) -> dict:
    """Train one model from one seed and measure it on the test clips."""
    train, valid, test = split(seed)
    if name == CONTROL:
        rng = np.random.default_rng(seed)
        train, valid, test = (shuffle_frames(data, rng) for data in (train, valid, test))
    if beginnings:
        # twice the clips for half the epochs: as many steps
        train = join_clips(train, random_beginnings(train, seed))
        valid = join_clips(valid, random_beginnings(valid, seed + 1))
    labelled = features(name, train)
    torch.manual_seed(seed)
    model = MODELS["GRU" if name == CONTROL else name](labelled.x.shape[2])
    history = train_classifier(
        model,
        labelled,
        features(name, valid),
        seed=seed,
        learning_rate=learning_rate,
        epochs=EPOCHS // 2 if beginnings else EPOCHS,
        progress=False,
    )
    return {
        "model": name,
        "learning_rate": learning_rate,
        "seed": seed,
        "beginnings": beginnings,
        "parameters": count_parameters(model),
        "valid_loss": round(min(history.valid_loss), 4),
        "valid": _accuracy(model, name, valid),
        "test": _accuracy(model, name, test),
        "early": [_accuracy(model, name, first_part(test, share)) for share in SHARES],
        "answers": letters(predict_classes(model, features(name, test))),
        "answers_reversed": letters(predict_classes(model, features(name, reverse_clips(test)))),
    }


def _accuracy(model: nn.Module, name: str, data: Clips) -> float:
    return round(float((predict_classes(model, features(name, data)) == data.classes).mean()), 4)


def letters(classes: np.ndarray) -> str:
    """Class numbers as text, one letter each: a for class 0."""
    return "".join(chr(ord("a") + number) for number in classes)


def nearest_neighbours() -> dict:
    """The nearest training clip by dynamic time warping; and how near it is, in two cases."""
    motions = jhmdb_joints()
    known = join_clips(motions.train, mirror_people(motions.train))
    references = positions(known)
    early = []
    for share in SHARES:
        distances = dtw_distances(
            positions(first_part(motions.test, share)), references, open_end=share < 1
        )
        early.append(_right(distances, known.classes, motions.test.classes))
    # within the training set, every clip is looked for among the others
    count = len(motions.train.clips)
    among = dtw_distances(positions(motions.train), references)
    among[np.arange(count), np.arange(count)] = np.inf
    among[np.arange(count), count + np.arange(count)] = np.inf  # nor its own mirror image
    return {
        "test": early[-1],
        "early": early,
        "left_out_of_training": _right(among, known.classes, motions.train.classes),
        "frames_apart_test": _frames_apart(distances, motions.test),
        "frames_apart_training": _frames_apart(among, motions.train),
    }


def _right(distances: np.ndarray, known: np.ndarray, true: np.ndarray) -> float:
    return round(float((known[distances.argmin(axis=1)] == true).mean()), 4)


def _frames_apart(distances: np.ndarray, data: Clips) -> float:
    """Median distance of the nearest clip, for each frame of the clip that looks for it."""
    lengths = [len(clip) for clip in data.clips]
    return round(float(np.median(distances.min(axis=1) / lengths)), 4)


def without_training() -> dict:
    """What needs no seed: the largest class, a mean pose, one frame, the nearest clip."""
    motions = jhmdb_joints()
    known = join_clips(motions.train, mirror_people(motions.train))
    test = motions.test
    largest = np.bincount(motions.train.classes).argmax()
    poses, test_poses = positions(known), positions(test)
    mean_pose = LogisticRegression(max_iter=5000).fit(
        [clip.mean(axis=0) for clip in poses], known.classes
    )
    middle = LogisticRegression(max_iter=5000).fit(
        [clip[len(clip) // 2] for clip in poses], known.classes
    )
    return {
        "largest class": {"test": round(float((test.classes == largest).mean()), 4)},
        "one frame": {
            "test": round(
                middle.score([clip[len(clip) // 2] for clip in test_poses], test.classes), 4
            )
        },
        "mean pose": {
            "test": round(mean_pose.score([c.mean(axis=0) for c in test_poses], test.classes), 4)
        },
        "nearest clip": nearest_neighbours(),
    }


def settings() -> Iterator[tuple[str, float, int, bool]]:
    """Model, learning rate, seed, and whether beginnings are learned, of every run."""
    for seed in SEEDS:
        for name in (*MODELS, CONTROL):
            yield from ((name, rate, seed, False) for rate in LEARNING_RATES)
        yield from ((name, LEARNING_RATES[1], seed, True) for name in EARLY)


def main() -> None:
    workers = workers_from_arguments(__doc__)
    torch.set_num_threads(1)  # fast, and the same sums everywhere
    runs = run_all(one_run, settings(), workers)
    motions = jhmdb_joints()
    write_result(
        TARGET,
        data="jhmdb",
        command=COMMAND,
        seeds=SEEDS,
        results={
            "names": list(motions.test.names),
            "shares": list(SHARES),
            "counts": [len(motions.train.clips), len(motions.test.clips)],
            "true": letters(motions.test.classes),
            "without_training": without_training(),
            "runs": runs,
        },
        packages=("numpy", "torch", "scikit-learn"),
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
