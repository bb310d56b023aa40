"""Chapter 31's tables: python -m benchmarks.forgetting_and_few_labels [--workers N]

Adapts the course's model to NumPy's docstrings in fifteen ways, each measured on what it learned
and on what it forgot; fine-tunes it for sentences of six libraries with 12 to 996 labels; and looks
where pretraining does not help. Five seeds. Writes
gru_lib/data/results/forgetting-and-few-labels.json. About 16 minutes on one core, two with
--workers 16.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.runs import run_all, texts, workers_from_arguments
from gru_lib.baselines import CharacterNGram
from gru_lib.data.characters import CHARACTERS, Vocabulary
from gru_lib.data.docstrings import LabelledSentences
from gru_lib.data.stored import write_result
from gru_lib.finetuning import add_lora, mix_weights, pull_towards, replay_windows, train_only
from gru_lib.models import (
    LabelledSequences,
    LanguageClassifier,
    LanguageModel,
    TextWindows,
    bits_per_character,
    label_sequences,
    next_code_loss,
    predict_classes,
    train_classifier,
    train_language_model,
)
from gru_lib.models.recipe import fit_one_cycle
from gru_lib.pretrained import load_pretrained

COMMAND = "python -m benchmarks.forgetting_and_few_labels"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/forgetting-and-few-labels.json"
SEEDS = range(5)
VOCABULARY = Vocabulary(CHARACTERS)
NEW, MEASURED = 40_000, 20_000
EPOCHS, BATCH, WINDOW = 4, 8, 100
#: Chapter 30's table chose them on validation text, for the same 40,000 characters.
RATE = {"all": 2e-3, "scratch": 4e-3, "LoRA": 1e-2, "biases": 3e-2, "output layer": 3e-3}
#: Way and its strength: what a step may change, what is replayed, how strong the pull is.
WAYS = (
    *(("learning rate", rate) for rate in (2e-4, 5e-4, 2e-3)),
    *(("LoRA", rank) for rank in (2, 8)),
    ("biases", 1.0),
    ("output layer", 1.0),
    *(("replay", share) for share in (0.05, 0.25, 1.0)),
    *(("pull", strength) for strength in (1e-3, 1e-2, 1e-1)),
    ("replay of shuffled text", 1.0),
    ("pull to random weights", 1e-2),
)
MIXED = (0.25, 0.5, 0.75)

LABELS = {12: (30, 4), 60: (20, 8), 300: (8, 16), 996: (5, 16)}
TUNED_AT, TUNING_SEED, VALID, SHOWN = 60, 100, 150, 600
CLASSIFIERS = {"from scratch": "scratch", "frozen": "reference", "full": "reference"}
CLASSIFIERS |= {"shuffled, full": "shuffled"}
RATES = (1e-3, 3e-3, 1e-2)
COUNTS_C = (1.0, 10.0, 100.0)
MORE_TEXT = {20_000: 5, 200_000: 2}


@cache
def codes() -> dict[str, np.ndarray]:
    """The pieces of text that are read here, and backwards what was learned from."""
    reference, numpy = texts("reference")["reference"], texts("numpy")["numpy"]
    parts = {
        "old": reference.train,
        "old test": reference.test[:MEASURED],
        "new": numpy.train[: max(MORE_TEXT)],
        "new valid": numpy.valid[:20_000],
        "new test": numpy.test[:MEASURED],
    }
    encoded = {name: VOCABULARY.encode(text) for name, text in parts.items()}
    backwards = {f"{name}, backwards": part[::-1].copy() for name, part in encoded.items()}
    return encoded | backwards


def untrained(seed: int) -> LanguageModel:
    """A model of the course's sizes that has read nothing."""
    torch.manual_seed(seed)
    return LanguageModel(**load_pretrained().model.sizes)


def weights_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all parameters."""
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def measured(model: LanguageModel) -> dict[str, float]:
    """Bits a character on the text of each domain that nobody learned from or chose by."""
    return {
        "learned": round(bits_per_character(model, codes()["new test"]), 4),
        "kept": round(bits_per_character(model, codes()["old test"]), 4),
    }


def old_windows(way: str, seed: int) -> TextWindows:
    """The first domain to be replayed; for the control, with its characters shuffled."""
    old = codes()["old"]
    if way == "replay of shuffled text":
        old = np.random.default_rng(seed).permutation(old)
    return TextWindows(old, WINDOW, BATCH)


def forgetting(way: str, strength: float, seed: int) -> list[dict]:
    """Adapt in one way, measure both domains."""
    model = load_pretrained().model
    start = weights_of(model)
    if way == "pull to random weights":
        start = weights_of(untrained(seed))
    if way == "LoRA":
        add_lora(model, "numpy", int(strength), seed=seed)
    elif way in ("biases", "output layer"):
        train_only(model, {"biases": "bias", "output layer": "output."}[way])

    def loss(model: LanguageModel, windows: torch.Tensor) -> tuple[torch.Tensor, int]:
        nats, count = next_code_loss(model, windows)
        if way.startswith("pull") and model.training:
            nats = nats + pull_towards(model, start, strength)
        return nats, count

    new = TextWindows(codes()["new"][:NEW], WINDOW, BATCH)
    share = strength if way.startswith("replay") else 0.0
    rate = strength if way == "learning rate" else RATE.get(way, RATE["all"])
    fit_one_cycle(
        model,
        loss,
        replay_windows(new, old_windows(way, seed), share),
        batches_an_epoch=len(new),
        valid_batches=TextWindows(codes()["new valid"], WINDOW, 32),
        epochs=EPOCHS,
        learning_rate=rate,
        seed=seed,
        device="cpu",
        progress=False,
    )
    run = {"table": "forgetting", "seed": seed}
    runs = [run | {"way": way, "strength": strength} | measured(model)]
    if (way, strength) == ("learning rate", RATE["all"]):
        tuned = weights_of(model)
        for part in MIXED:
            model.load_state_dict(mix_weights(start, tuned, part))
            runs.append(run | {"way": "mix", "strength": part} | measured(model))
    return runs


def encoded(part: LabelledSentences, rows: slice | np.ndarray, labels: str) -> LabelledSequences:
    """Sentences as codes; their classes may be made up."""
    sentences = np.array(part.sentences, dtype=object)[rows]
    classes = made_up(part, labels)[rows]
    return label_sequences([VOCABULARY.encode(s) for s in sentences], classes)


def made_up(part: LabelledSentences, labels: str) -> np.ndarray:
    """The library, or a class that has nothing to do with what the words say."""
    if labels == "library":
        return part.classes
    if labels == "even length":
        return np.array([len(sentence) % 2 for sentence in part.sentences])
    return np.random.default_rng(len(part.classes)).permutation(part.classes)  # "drawn by lot"


def drawn(part: LabelledSentences, count: int, seed: int) -> np.ndarray:
    """Rows of so many sentences, each library equally often."""
    rounds = np.random.default_rng(seed).permutation(len(part.classes) // 6)[: count // 6]
    return (rounds[:, None] * 6 + np.arange(6)).ravel()  # six in a row have six classes


def classify(way: str, count: int, rate: float, seed: int, labels: str) -> list[dict]:
    """Train one classifier; with the tuning seed, it is not shown the test."""
    parts = texts("libraries")["libraries"]
    base = CLASSIFIERS[way]
    body = untrained(seed) if base == "scratch" else load_pretrained(base).model
    torch.manual_seed(seed)
    model = LanguageClassifier(body, 6)
    if way == "frozen":
        train_only(model, "head.")
    epochs, batch_size = LABELS[count]
    valid = encoded(parts["valid"], slice(VALID), labels)
    train_classifier(
        model,
        encoded(parts["train"], drawn(parts["train"], count, seed), labels),
        valid,
        seed=seed,
        epochs=epochs,
        learning_rate=rate,
        batch_size=batch_size,
        progress=False,
    )
    run = {"table": "labels", "of": labels, "way": way, "labels": count, "seed": seed}
    run |= {"rate": rate, "valid": accuracy(model, valid)}
    if seed != TUNING_SEED:
        run["test"] = accuracy(model, encoded(parts["test"], slice(SHOWN), labels))
        if base == "reference" and way == "full" and labels == "library":
            run["kept"] = measured(body)["kept"]  # with its old output layer
    return [run]


def accuracy(model: LanguageClassifier, part: LabelledSequences) -> float:
    """Share of right answers."""
    return round(float((predict_classes(model, part) == part.y.numpy()).mean()), 4)


def count_characters(count: int, seed: int, labels: str) -> list[dict]:
    """n-grams of characters with logistic regression; how free it is, chosen on validation."""
    parts = texts("libraries")["libraries"]
    rows = drawn(parts["train"], count, seed)
    sentences = [parts["train"].sentences[row] for row in rows]
    classes = {name: made_up(part, labels) for name, part in parts.items()}
    fitted = []
    for freedom in COUNTS_C:
        grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
        model = make_pipeline(grams, LogisticRegression(C=freedom, max_iter=1000))
        model.fit(sentences, classes["train"][rows])
        valid = model.score(parts["valid"].sentences[:VALID], classes["valid"][:VALID])
        fitted.append((valid, -freedom, model))
    valid, _, best = max(fitted, key=lambda one: one[:2])
    run = {"table": "labels", "of": labels, "way": "character n-grams", "labels": count}
    test = best.score(parts["test"].sentences[:SHOWN], classes["test"][:SHOWN])
    return [run | {"seed": seed, "valid": round(valid, 4), "test": round(test, 4)}]


def more_text(start: str, count: int, direction: str, seed: int) -> list[dict]:
    """A language model of NumPy's docstrings: from scratch, or from the course's model."""
    model = untrained(seed) if start == "scratch" else load_pretrained(start).model
    train_language_model(
        model,
        codes()[f"new{direction}"][:count],
        codes()[f"new valid{direction}"],
        seed=seed,
        epochs=MORE_TEXT[count],
        learning_rate=RATE["scratch" if start == "scratch" else "all"],
        window=WINDOW,
        batch_size=BATCH if count < max(MORE_TEXT) else 2 * BATCH,
        progress=False,
    )
    bits = round(bits_per_character(model, codes()[f"new test{direction}"]), 4)
    run = {"table": "more text", "start": start, "characters": count, "seed": seed}
    return [run | {"direction": direction or ", forwards", "test": bits}]


def count_more_text(count: int, direction: str) -> list[dict]:
    """Kneser-Ney on the same text, of the order that the validation text prefers."""
    models = [
        CharacterNGram(order, len(VOCABULARY)).fit(codes()[f"new{direction}"][:count])
        for order in (4, 5, 6)
    ]
    valid = codes()[f"new valid{direction}"]
    best = min(models, key=lambda model: model.bits_per_character(valid))
    bits = round(best.bits_per_character(codes()[f"new test{direction}"]), 4)
    run = {"table": "more text", "start": "n-grams", "characters": count, "seed": None}
    return [run | {"direction": direction or ", forwards", "test": bits}]


def one_run(job: str, *arguments) -> list[dict]:
    """One independent run of any of the tables."""
    jobs = {
        "forget": forgetting,
        "classify": classify,
        "count": count_characters,
        "more": more_text,
        "count more": count_more_text,
    }
    return jobs[job](*arguments)


def tuning_settings() -> list[tuple]:
    """Every classifier at every rate, from a seed that is not used again."""
    return [
        ("classify", way, TUNED_AT, rate, TUNING_SEED, "library")
        for way in CLASSIFIERS
        for rate in RATES
    ]


def chosen_rates(runs: Iterable[dict]) -> dict[str, float]:
    """For each classifier the rate with the most right answers on validation sentences."""
    best: dict[str, dict] = {}
    for run in runs:
        if run["way"] not in best or run["valid"] > best[run["way"]]["valid"]:
            best[run["way"]] = run
    return {way: run["rate"] for way, run in best.items()}


def settings(rates: dict[str, float]) -> list[tuple]:
    """All other runs, the long ones first."""
    seeds = list(SEEDS)
    rows: list[tuple] = []
    for count in sorted(MORE_TEXT, reverse=True):
        rows += [("more", s, count, "", seed) for s in ("scratch", "reference") for seed in seeds]
    rows += [
        ("more", start, 20_000, ", backwards", seed)
        for start in ("scratch", "reference")
        for seed in seeds
    ]
    for count in sorted(LABELS, reverse=True):
        rows += [
            ("classify", way, count, rates[way], seed, "library")
            for way in CLASSIFIERS
            for seed in seeds
        ]
    rows += [("forget", way, strength, seed) for way, strength in WAYS for seed in seeds]
    for labels in ("even length", "drawn by lot"):
        rows += [("classify", "full", 300, rates["full"], seed, labels) for seed in seeds]
        rows += [("count", 300, seed, labels) for seed in seeds]
    rows += [("count", count, seed, "library") for count in LABELS for seed in seeds]
    rows += [("count more", count, "") for count in MORE_TEXT]
    return [*rows, ("count more", 20_000, ", backwards")]


def main() -> None:
    """Run everything and write the file."""
    workers = workers_from_arguments(__doc__)
    tuning = [run for runs in run_all(one_run, tuning_settings(), workers) for run in runs]
    rates = chosen_rates(tuning)
    runs = [run for runs in run_all(one_run, settings(rates), workers) for run in runs]
    numpy, libraries = texts("numpy")["numpy"], texts("libraries")["libraries"]
    kept = {
        "NumPy's docstrings (training": numpy.train[: max(MORE_TEXT)],
        "test)": numpy.test[:MEASURED],
        "sentences of six libraries": "\n".join(libraries["train"].sentences),
    }
    write_result(
        TARGET,
        data=kept,
        command=COMMAND,
        seeds=list(SEEDS),
        results={"before": measured(load_pretrained().model), "rates": rates, "runs": runs},
        packages=("numpy", "torch", "scikit-learn"),
    )


if __name__ == "__main__":
    main()
