"""Chapter 22's runs on the Free Spoken Digit Dataset: python -m benchmarks.spoken_digits

Trains a GRU, an LSTM and two networks without a state of about the same size: on takes of six
people, tested on other takes of the same six; on five people, tested on the sixth; on words played
backwards and on words with their frames in random order; and on synthetic speech, alone and beside
the real one. Writes gru_lib/data/results/spoken-digits.json. The data are fetched on request; about
25 minutes of one core.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.baselines import NearestTemplate
from gru_lib.data.speech import (
    FSDD_SPEAKERS,
    WORDS,
    Recordings,
    join_recordings,
    spoken_digits,
    spoken_words,
)
from gru_lib.data.stored import write_result
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
from gru_lib.spectra import BANDS, Scaling, log_mel

COMMAND = "python -m benchmarks.spoken_digits --workers 2"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/spoken-digits.json"
SEEDS = range(3)
DIGITS = 10
#: The grid of every model, on the usual split; the other tasks take the rate in the middle.
LEARNING_RATES = (5e-3, 1e-2, 2e-2)
LEARNING_RATE = 1e-2
EPOCHS = 30
DROPOUT = 0.2
#: The official test set.
TEST_TAKES = range(5)
#: What the epoch is chosen by.
VALID_TAKES = range(5, 7)
#: Synthetic people whose speech stands in for real speech, with one take of each digit.
SYNTHETIC_SPEAKERS = range(120)

#: Tasks whose baselines are counted.
COUNTED = ("usual", "synthetic", *FSDD_SPEAKERS)

#: Networks of about 18,000 parameters, by name.
MODELS: dict[str, Callable[[], nn.Module]] = {
    "GRU": lambda: SequenceClassifier(BANDS, 64, DIGITS, dropout=DROPOUT),
    "LSTM": lambda: SequenceClassifier(BANDS, 54, DIGITS, cell="LSTM", dropout=DROPOUT),
    "convolution": lambda: ConvolutionClassifier(BANDS, 48, DIGITS, dropout=DROPOUT),
    "pool": lambda: PoolClassifier(BANDS, 512, DIGITS, dropout=DROPOUT),
}


class Split(NamedTuple):
    """Three sets of recordings."""

    train: Recordings
    valid: Recordings
    test: Recordings


def usual_split(digits: Recordings) -> Split:
    """The same six people everywhere; the test set is the official one."""
    test, valid = np.isin(digits.takes, TEST_TAKES), np.isin(digits.takes, VALID_TAKES)
    return Split(digits.where(~test & ~valid), digits.where(valid), digits.where(test))


def stranger_split(digits: Recordings, speaker: int) -> Split:
    """One person is in the test set, with all takes, and in no other set.

    The others' official test takes are left out, so that a network learns from as much of each
    person as in the usual split.
    """
    others = usual_split(digits.where(digits.speakers != speaker))
    return others._replace(test=digits.where(digits.speakers == speaker))


def synthetic_digits() -> Recordings:
    """One take of each digit from each synthetic speaker."""
    return spoken_words(SYNTHETIC_SPEAKERS, [0], words=WORDS[:DIGITS])


def synthetic_split(digits: Recordings) -> Split:
    """Nobody real is heard before the test."""
    said = synthetic_digits()
    new = said.speakers >= len(SYNTHETIC_SPEAKERS) - 20
    return Split(said.where(~new), said.where(new), usual_split(digits).test)


def split_of(task: str, digits: Recordings) -> Split:
    """The split of a task, whose first word is usual, synthetic, or who is the stranger."""
    who, _, change = task.partition(" ")
    if who == "synthetic":
        return synthetic_split(digits)
    if who == "usual":
        return usual_split(digits)
    split = stranger_split(digits, FSDD_SPEAKERS.index(who))
    if change == "mixed":
        return split._replace(train=join_recordings([split.train, synthetic_digits()]))
    return split


def sequences_of(split: Split, change: Callable[[np.ndarray], np.ndarray]) -> list:
    """Features of the three sets, scaled by the training set, each sequence changed."""
    features = [[log_mel(sound) for sound in part.sounds] for part in split]
    scaling = Scaling.of(features[0])
    return [
        label_sequences([change(sequence) for sequence in scaling(part)], said.words)
        for part, said in zip(features, split, strict=True)
    ]


def changed(task: str, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """What a task does to each sequence; its second word says it."""
    if task.endswith(" reversed"):
        return lambda sequence: sequence[::-1].copy()
    if task.endswith(" shuffled"):
        return np.random.default_rng(seed).permutation
    return lambda sequence: sequence


def backwards(data: LabelledSequences) -> LabelledSequences:
    """The same sequences with the last frame first."""
    return label_sequences([frames[::-1].copy() for frames in real_frames(data)], data.y)


def confusion(true: np.ndarray, said: np.ndarray) -> list[list[int]]:
    """How often each digit was taken for each digit, shape (10, 10)."""
    counts = np.zeros((DIGITS, DIGITS), int)
    np.add.at(counts, (true, said), 1)
    return counts.tolist()


def one_run(name: str, task: str, learning_rate: float, seed: int) -> dict:
    """Train one network from one seed and test it."""
    torch.manual_seed(seed)
    model = MODELS[name]()
    split = split_of(task, spoken_digits())
    train, valid, test = sequences_of(split, changed(task, seed))
    history = train_classifier(
        model,
        train,
        valid,
        seed=seed,
        epochs=EPOCHS,
        learning_rate=learning_rate,
        progress=False,
    )
    said, true = predict_classes(model, test), test.y.numpy()
    return {
        "model": name,
        "task": task,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": count_parameters(model),
        "best_epoch": history.best_epoch,
        "valid": _share(predict_classes(model, valid) == valid.y.numpy()),
        "test": _share(said == true),
        "test_reversed": _share(predict_classes(model, backwards(test)) == true),
        "by_speaker": {
            FSDD_SPEAKERS[i]: _share((said == true)[split.test.speakers == i])
            for i in np.unique(split.test.speakers)
        },
        "confusion": confusion(true, said),
    }


def counted(task: str) -> dict:
    """What needs no seed: the most frequent digit, the mean spectrum, the nearest template."""
    train, _, test = sequences_of(split_of(task, spoken_digits()), changed(task, 0))
    true = test.y.numpy()
    regression = LogisticRegression(max_iter=5000).fit(mean_frames(train), train.y)
    templates = NearestTemplate(real_frames(train), train.y)
    return {
        "task": task,
        "most frequent": _share(true == np.bincount(train.y).argmax()),
        "mean spectrum": _share(regression.predict(mean_frames(test)) == true),
        "mean spectrum parameters": regression.coef_.size + regression.intercept_.size,
        "nearest template": _share(templates.predict(real_frames(test)) == true),
        "train": len(train.y),
        "test": len(test.y),
    }


def real_frames(data: LabelledSequences) -> list[np.ndarray]:
    """Each sequence without its padding, shape (frames, features)."""
    return [x[: int(n)].numpy() for x, n in zip(data.x, data.lengths, strict=True)]


def mean_frames(data: LabelledSequences) -> np.ndarray:
    """The mean over each sequence's real frames, shape (count, features)."""
    return (data.x.sum(dim=1) / data.lengths[:, None]).numpy()


def _share(right: np.ndarray) -> float:
    return round(float(right.mean()), 4)


def settings() -> Iterator[tuple[str, str, float, int]]:
    """Model, task, learning rate and seed of every run.

    A task is who is tested, and what was done to the words or added to the training set.
    """
    for seed in SEEDS:
        for name in MODELS:
            yield from ((name, "usual", rate, seed) for rate in LEARNING_RATES)
            yield from ((name, who, LEARNING_RATE, seed) for who in FSDD_SPEAKERS)
            yield name, "synthetic", LEARNING_RATE, seed
        for who in ("usual", *FSDD_SPEAKERS):
            yield "GRU", f"{who} shuffled", LEARNING_RATE, seed
        for who in FSDD_SPEAKERS:
            yield "GRU", f"{who} mixed", LEARNING_RATE, seed
        yield "GRU", "usual reversed", LEARNING_RATE, seed


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    torch.set_num_threads(1)
    spoken_digits()  # fetched once, before many ask for it
    write_result(
        TARGET,
        data="fsdd",
        command=COMMAND,
        seeds=SEEDS,
        packages=("numpy", "torch", "scikit-learn"),
        results={
            "counted": run_all(counted, [(task,) for task in COUNTED], workers),
            "runs": run_all(one_run, settings(), workers),
        },
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
