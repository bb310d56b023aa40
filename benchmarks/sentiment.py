"""Chapter 16's tables on real reviews: python -m benchmarks.sentiment [--workers N]

Trains the rivals of the chapter on English film reviews (SST-2) and on Chinese reviews of
take-away meals, at two learning rates and from three seeds, and writes
gru_lib/data/results/sentiment.json. The data are fetched on request; about half an hour on one
core of a processor, a few minutes with --workers 16.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from torch import nn

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.data.registry import REGISTRY
from gru_lib.data.reviews import (
    LabelledTexts,
    RealReviews,
    Vocabulary,
    film_reviews,
    has_negator,
    meal_reviews,
    shuffle_words,
    without_negators,
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

COMMAND = "python -m benchmarks.sentiment"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/sentiment.json"
SEEDS = range(3)
LEARNING_RATES = (1e-3, 3e-3)
EPOCHS = 4
LEAST = {"films": 1, "meals": 2}
SETS: dict[str, Callable[[], RealReviews]] = {"films": film_reviews, "meals": meal_reviews}
REGISTERED = {"films": "sst2", "meals": "chnsenticorp"}

_SIZES = {"dropout": 0.5, "classes": 2}

#: Trained models by name, from the size of the vocabulary; sizes for equal parameters.
MODELS: dict[str, Callable[[int], nn.Module]] = {
    "GRU": lambda words: SequenceClassifier(32, 64, vocabulary_size=words, **_SIZES),
    "GRU, largest states": lambda words: SequenceClassifier(
        32, 64, vocabulary_size=words, pool="max", **_SIZES
    ),
    "LSTM": lambda words: SequenceClassifier(32, 54, cell="LSTM", vocabulary_size=words, **_SIZES),
    "convolution": lambda words: ConvolutionClassifier(32, 48, vocabulary_size=words, **_SIZES),
    "mean of words": lambda words: PoolClassifier(32, 540, vocabulary_size=words, **_SIZES),
}
#: A GRU on reviews whose words were put in random order, in all three parts: is order needed?
WORDS_SHUFFLED = "GRU, words shuffled"
#: A GRU that learns and chooses by classes in random order, and is asked for the true ones.
CLASSES_SHUFFLED = "GRU, classes shuffled"
CONTROLS = (WORDS_SHUFFLED, CLASSES_SHUFFLED)
#: Bags of words and of words and pairs, by the lengths of what is counted.
BAGS = {"bag of words": (1, 1), "bag of pairs": (1, 2)}
PENALTIES = (0.1, 0.3, 1.0, 3.0)


@cache
def reviews_of(name: str) -> RealReviews:
    """One of the two sets, read once a process."""
    return SETS[name]()


def encoded(vocabulary: Vocabulary, part: LabelledTexts) -> LabelledSequences:
    """A part as numbers."""
    return label_sequences([vocabulary.encode(text) for text in part.texts], part.truths)


def made_control(name: str, reviews: RealReviews, seed: int) -> RealReviews:
    """The reviews as a control reads them."""
    rng = np.random.default_rng(seed)
    if name == WORDS_SHUFFLED:
        parts = [part._replace(texts=shuffle_words(part.texts, rng)) for part in reviews[:3]]
        return RealReviews(*parts, *reviews[3:])
    train, valid = (
        part._replace(truths=rng.permutation(part.truths))
        for part in (reviews.train, reviews.valid)
    )
    return reviews._replace(train=train, valid=valid)


def one_run(name: str, data: str, learning_rate: float, seed: int) -> dict:
    """Train one model on one set from one seed, and measure it."""
    reviews = reviews_of(data)
    if name in CONTROLS:
        reviews = made_control(name, reviews, seed)
    vocabulary = Vocabulary(reviews.train.texts, LEAST[data])
    torch.manual_seed(seed)
    model = MODELS["GRU" if name in CONTROLS else name](len(vocabulary))
    with torch.no_grad():  # most words are rare: what they start from must not drown the others
        model.read.embedding.weight.mul_(0.1)
    train, valid, test = (encoded(vocabulary, part) for part in reviews[:3])
    history = train_classifier(
        model,
        train,
        valid,
        seed=seed,
        epochs=EPOCHS,
        learning_rate=learning_rate,
        progress=False,
    )
    answers = predict_classes(model, test)
    return {
        "model": name,
        "data": data,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": count_parameters(model),
        "best_epoch": history.best_epoch,
        "valid": round(float((predict_classes(model, valid) == reviews.valid.truths).mean()), 4),
        "test": round(float((answers == reviews.test.truths).mean()), 4),
        **(with_and_without(model, vocabulary, reviews.test, seed) if data == "films" else {}),
    }


def with_and_without(
    model: nn.Module, vocabulary: Vocabulary, test: LabelledTexts, seed: int
) -> dict[str, float]:
    """Accuracy on reviews with a negator, and what becomes of the answers when it is deleted.

    As many other words, deleted at random, show what deleting words does anyway.
    """
    rng = np.random.default_rng(seed)
    chosen = [row for row, text in enumerate(test.texts) if has_negator(text)]
    whole = LabelledTexts([test.texts[row] for row in chosen], test.truths[chosen])
    cut = whole._replace(texts=[without_negators(text) for text in whole.texts])
    other = whole._replace(texts=[_without_others(text, rng) for text in whole.texts])
    before, after, control = (
        predict_classes(model, encoded(vocabulary, part)) for part in (whole, cut, other)
    )
    return {
        "test_negator": round(float((before == whole.truths).mean()), 4),
        "test_negator_deleted": round(float((after == whole.truths).mean()), 4),
        "turned_by_deleting_it": round(float((before != after).mean()), 4),
        "turned_by_deleting_others": round(float((before != control).mean()), 4),
    }


def _without_others(text: str, rng: np.random.Generator) -> str:
    """The text without as many words at random as it has negators, all of which stay."""
    words = text.split()
    others = [place for place, word in enumerate(words) if not has_negator(word)]
    many = min(len(words) - len(others), len(others))
    deleted = set(rng.choice(others, many, replace=False).tolist()) if many else set()
    return " ".join(word for place, word in enumerate(words) if place not in deleted)


def bag(lengths: tuple[int, int], penalty: float) -> Pipeline:
    """Logistic regression on which words, or words and pairs, occur in a text."""
    counter = CountVectorizer(
        ngram_range=lengths, token_pattern=r"\S+", lowercase=False, binary=True
    )
    return make_pipeline(counter, LogisticRegression(C=penalty, max_iter=2000))


def counted(data: str) -> dict[str, dict]:
    """The baselines that need no seed: the majority, and bags with the best penalty."""
    reviews = reviews_of(data)
    majority = int(reviews.train.truths.mean() > 0.5)
    negator = np.array([has_negator(text) for text in reviews.test.texts])
    measured = {
        "majority": {
            "test": round(float((reviews.test.truths == majority).mean()), 4),
            "parameters": 0,
        }
    }
    for name, lengths in BAGS.items():
        fitted = [bag(lengths, c).fit(reviews.train.texts, reviews.train.truths) for c in PENALTIES]
        best = max(fitted, key=lambda f: f.score(reviews.valid.texts, reviews.valid.truths))
        right = best.predict(reviews.test.texts) == reviews.test.truths
        measured[name] = {
            "test": round(float(right.mean()), 4),
            "parameters": best[-1].coef_.size + 1,
            "penalty": best[-1].C,
            **({"test_negator": round(float(right[negator].mean()), 4)} if data == "films" else {}),
        }
    return measured


def settings() -> Iterator[tuple[str, str, float, int]]:
    """Model, data set, learning rate and seed of every run, the longest first."""
    for data in ("meals", "films"):
        for name in (*MODELS, *CONTROLS):
            for seed in SEEDS:
                yield from ((name, data, rate, seed) for rate in LEARNING_RATES)


def described(data: str) -> dict:
    """How large a set is, and what was dropped from it."""
    reviews = reviews_of(data)
    return {
        **{part: len(getattr(reviews, part).texts) for part in ("train", "valid", "test")},
        "duplicates": reviews.duplicates,
        "contradictions": reviews.contradictions,
        "words": len(Vocabulary(reviews.train.texts, LEAST[data])),
        "test_with_negator": sum(map(has_negator, reviews.test.texts)),
        "sha256": REGISTRY[REGISTERED[data]].sha256,
    }


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    runs = run_all(one_run, settings(), workers)
    write_result(
        TARGET,
        data="sst2",
        command=COMMAND,
        seeds=SEEDS,
        packages=("numpy", "torch", "scikit-learn"),
        results={
            "sets": {name: described(name) for name in SETS},
            "counted": {name: counted(name) for name in SETS},
            "runs": runs,
        },
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
