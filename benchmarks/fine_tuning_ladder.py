"""Chapter 29's tables: python -m benchmarks.fine_tuning_ladder [--workers N]

Fine-tunes the course's model in eight ways on sentences of six libraries with 12, 120 and 996
labels, in three ways on TREC-6, and its language model in five ways on NumPy's docstrings; five
seeds (three on TREC-6), each with other labels, another head and another order. The highest
learning rate of each way is chosen from three on validation data with one seed more; the test is
touched once. Writes gru_lib/data/results/fine-tuning-ladder.json. About 50 minutes on one core, six
with --workers 16.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.runs import run_all, texts, workers_from_arguments
from gru_lib.baselines import CharacterNGram
from gru_lib.data.characters import CHARACTERS, Vocabulary
from gru_lib.data.docstrings import LabelledSentences
from gru_lib.data.stored import write_result
from gru_lib.finetuning import count_trained, fine_tune_classifier, freeze, unfreeze
from gru_lib.models import (
    LabelledSequences,
    LanguageClassifier,
    LanguageModel,
    bits_per_character,
    label_sequences,
    predict_classes,
    train_language_model,
)
from gru_lib.pretrained import load_pretrained

COMMAND = "python -m benchmarks.fine_tuning_ladder"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/fine-tuning-ladder.json"
SEEDS = range(5)
TUNING_SEED = 100
RATES = (1e-3, 3e-3, 1e-2)
#: Number of labels: epochs and batch size.
BUDGETS = {12: (20, 6), 120: (20, 16), 996: (8, 16)}
#: Number of labels at which the learning rates are chosen.
TUNED_AT = 120
VALID = 200
DROPOUT = 0.2
VOCABULARY = Vocabulary(CHARACTERS)


class Way(NamedTuple):
    """One way to get a classifier from a language model."""

    base: str  # "reference", "shuffled" or "scratch"
    trained: tuple[str, ...] = ()  # groups; without any, all
    factor: float = 1.0
    schedule: str = "constant"
    gradual: bool = False
    reads_first: bool = False  # the sentences without labels, as a language model


#: ULMFiT's ablation, and what it has to be compared with.
WAYS = {
    "from scratch": Way("scratch"),
    "last layer": Way("reference", trained=("answer",)),
    "full": Way("reference"),
    "full, discriminative": Way("reference", factor=2.6),
    "full, both": Way("reference", factor=2.6, schedule="slanted"),
    "all three": Way("reference", factor=2.6, schedule="slanted", gradual=True),
    "read first, all three": Way(
        "reference", factor=2.6, schedule="slanted", gradual=True, reads_first=True
    ),
    "shuffled, all three": Way("shuffled", factor=2.6, schedule="slanted", gradual=True),
}
TREC_WAYS = ("from scratch", "all three", "shuffled, all three")
TREC_LABELS = 996
TREC_SEEDS = range(3)

ADAPTED_CHARACTERS = 40_000
ADAPTED_EPOCHS = 10
ADAPTING = ("full", "last layer", "gradual", "from scratch", "shuffled")


def encoded(part: LabelledSentences, rows: np.ndarray | slice) -> LabelledSequences:
    """Sentences as codes with their classes."""
    sentences = np.array(part.sentences, dtype=object)[rows]
    return label_sequences([VOCABULARY.encode(s) for s in sentences], part.classes[rows])


def drawn(part: LabelledSentences, count: int, seed: int) -> np.ndarray:
    """Rows of so many sentences, each class equally often, or as often as it can be."""
    rng = np.random.default_rng(seed)
    classes = np.unique(part.classes)
    pools = [rng.permutation(np.flatnonzero(part.classes == number)) for number in classes]
    rows, place = [], 0
    while len(rows) < count:
        rows += [pool[place] for pool in pools if place < len(pool)]
        place += 1
    return np.array(rows[:count])


@cache
def data(name: str) -> dict[str, LabelledSentences]:
    """The labelled sentences of "libraries" or "trec"."""
    return texts(name)[name]


def body(way: Way, seed: int) -> LanguageModel:
    """The language model that a classifier of this way stands on."""
    torch.manual_seed(seed)
    if way.base == "scratch":
        return LanguageModel(len(VOCABULARY), 48, 160, num_layers=2, dropout=DROPOUT)
    return load_pretrained(way.base, dropout=DROPOUT).model


def read_first(model: LanguageModel, name: str, seed: int) -> None:
    """Let a language model read the training sentences, whose labels it does not see."""
    codes = [VOCABULARY.encode("\n".join(data(name)[p].sentences)) for p in ("train", "valid")]
    train_language_model(model, *codes, seed=seed, epochs=8, learning_rate=2e-3, progress=False)


def score(model: LanguageClassifier, part: LabelledSequences) -> float:
    """Share of right answers."""
    return round(float((predict_classes(model, part) == part.y.numpy()).mean()), 4)


def classify(
    name: str, of: str, labels: tuple[int, ...], learning_rate: float, seed: int, way: Way
) -> list[dict]:
    """Fine-tune in one way at some numbers of labels; with the tuning seed, not on the test."""
    parts = data(of)
    first = body(way, seed)
    if way.reads_first:
        read_first(first, of, seed)
    start = {key: value.clone() for key, value in first.state_dict().items()}
    valid = encoded(parts["valid"], drawn(parts["valid"], VALID, seed=0))
    runs = []
    for count in labels:
        first.load_state_dict(start)
        torch.manual_seed(seed)
        model = LanguageClassifier(first, len(np.unique(parts["train"].classes)))
        unfreeze(model)
        if way.trained:
            freeze(model)
            unfreeze(model, *way.trained)
        epochs, batch_size = BUDGETS[count]
        fine_tune_classifier(
            model,
            encoded(parts["train"], drawn(parts["train"], count, seed)),
            valid,
            seed=seed,
            epochs=epochs,
            learning_rate=learning_rate,
            factor=way.factor,
            schedule=way.schedule,
            gradual=way.gradual,
            batch_size=batch_size,
            progress=False,
        )
        run = {"way": name, "of": of, "labels": count, "seed": seed, "rate": learning_rate}
        run |= {"trained": count_trained(model), "valid": score(model, valid)}
        if seed != TUNING_SEED:
            run["test"] = score(model, encoded(parts["test"], slice(None)))
        runs.append(run)
    return runs


def count_words(of: str, count: int, seed: int) -> list[dict]:
    """The dull answer, and n-grams of characters with logistic regression."""
    parts = data(of)
    rows = drawn(parts["train"], count, seed)
    sentences = [parts["train"].sentences[row] for row in rows]
    classes, test = parts["train"].classes[rows], parts["test"]
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    rivals = {
        "majority": DummyClassifier(),
        "character n-grams": make_pipeline(grams, LogisticRegression(C=10, max_iter=1000)),
    }
    return [
        {
            "way": name,
            "of": of,
            "labels": count,
            "seed": seed,
            "test": round(float(rival.fit(sentences, classes).score(*test)), 4),
        }
        for name, rival in rivals.items()
    ]


def adapt(name: str, learning_rate: float, seed: int) -> list[dict]:
    """Adapt the language model to NumPy's docstrings in one way."""
    text = texts("numpy")["numpy"]
    train = VOCABULARY.encode(text.train[seed * 5000 : seed * 5000 + ADAPTED_CHARACTERS])
    valid = VOCABULARY.encode(text.valid[:10_000])
    base = {"from scratch": "scratch", "shuffled": "shuffled"}.get(name, "reference")
    model = body(Way(base), seed)
    stages = [((), ADAPTED_EPOCHS)]
    if name == "last layer":
        stages = [(("answer",), ADAPTED_EPOCHS)]
    elif name == "gradual":
        order = ("answer", "recurrent.1", "recurrent.0")
        stages = [(order[: k + 1], 1) for k in range(3)] + [((), ADAPTED_EPOCHS - 3)]
    for trained, epochs in stages:
        unfreeze(model)
        if trained:
            freeze(model)
            unfreeze(model, *trained)
        train_language_model(
            model,
            train,
            valid,
            seed=seed,
            epochs=epochs,
            learning_rate=learning_rate,
            progress=False,
        )
    run = {"way": name, "rate": learning_rate, "seed": seed, "trained": count_trained(model)}
    run["valid"] = round(bits_per_character(model, valid), 4)
    if seed != TUNING_SEED:
        test = VOCABULARY.encode(text.test[:60_000])
        run["test"] = round(bits_per_character(model, test), 4)
    return [run]


def count_characters() -> dict[str, float]:
    """Bits of n-grams on NumPy's test text, and of the model that was not adapted."""
    both = texts("reference", "numpy")
    own = both["numpy"].train[:ADAPTED_CHARACTERS]
    valid, test = (
        VOCABULARY.encode(part)
        for part in (both["numpy"].valid[:10_000], both["numpy"].test[:60_000])
    )
    counted = {}
    for name, text in (("n-grams", own), ("n-grams, both texts", both["reference"].train + own)):
        fitted = [
            CharacterNGram(order, len(VOCABULARY)).fit(VOCABULARY.encode(text))
            for order in range(2, 8)
        ]
        best = min(fitted, key=lambda model: model.bits_per_character(valid))
        counted[name] = round(best.bits_per_character(test), 4)
    model = load_pretrained().model
    return counted | {"not adapted": round(bits_per_character(model, test), 4)}


def one_run(job: str, *arguments) -> list[dict]:
    """One independent run of any of the tables."""
    return {"classify": classify, "count": count_words, "adapt": adapt}[job](*arguments)


def tuning_settings() -> Iterator[tuple]:
    """The runs that choose a learning rate for each way, the longest first."""
    for rate in RATES:
        for name, way in WAYS.items():
            yield ("classify", name, "libraries", (TUNED_AT,), rate, TUNING_SEED, way)
        for name in ADAPTING:
            yield ("adapt", name, rate, TUNING_SEED)


def chosen_rates(tuning: Iterable[dict]) -> dict[tuple[str, str], float]:
    """For each job and way the rate that was best on validation data."""
    best: dict[tuple[str, str], dict] = {}
    for run in tuning:
        job = "classify" if "labels" in run else "adapt"
        sign = 1 if job == "classify" else -1
        key = job, run["way"]
        if key not in best or sign * run["valid"] > sign * best[key]["valid"]:
            best[key] = run
    return {key: run["rate"] for key, run in best.items()}


def settings(rates: dict[tuple[str, str], float]) -> Iterator[tuple]:
    """The runs that are reported, the longest first."""
    for seed in SEEDS:
        for name in TREC_WAYS if seed in TREC_SEEDS else ():
            rate = rates["classify", name]
            yield ("classify", name, "trec", (120, TREC_LABELS), rate, seed, WAYS[name])
        for name, way in WAYS.items():
            rate = rates["classify", name]
            yield ("classify", name, "libraries", tuple(BUDGETS), rate, seed, way)
        for name in ADAPTING:
            yield ("adapt", name, rates["adapt", name], seed)
        for count in BUDGETS:
            yield ("count", "libraries", count, seed)
        for count in (120, TREC_LABELS):
            yield ("count", "trec", count, seed)


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    tuning = [run for runs in run_all(one_run, tuning_settings(), workers) for run in runs]
    rates = chosen_rates(tuning)
    runs = [run for some in run_all(one_run, settings(rates), workers) for run in some]
    read = texts("numpy", "libraries")
    write_result(
        TARGET,
        data={
            "six libraries": "\n".join(read["libraries"]["test"].sentences),
            "NumPy's docstrings": read["numpy"].test,
        },
        command=COMMAND,
        seeds=SEEDS,
        results={
            "tuning": tuning,
            "classifying": [run for run in runs if "labels" in run],
            "adapting": [run for run in runs if "labels" not in run],
            "counted": count_characters(),
        },
        packages=("numpy", "torch", "scikit-learn"),
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
