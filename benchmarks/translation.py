"""Chapter 17's table on Tatoeba, English to Chinese: python -m benchmarks.translation

Trains translators with and without attention from several seeds, measures them beside two that
have no state, and writes gru_lib/data/results/translation.json. The data are fetched on request;
about half an hour on one core of a processor.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.data.stored import write_result
from gru_lib.data.translation import Pairs, shuffle_sources, tatoeba_pairs
from gru_lib.models import (
    Languages,
    NearestSentence,
    Translator,
    WordTable,
    count_parameters,
    encode_pairs,
    train_translator,
    translate,
)

COMMAND = "python -m benchmarks.translation"
TARGET = Path(__file__).resolve().parents[1] / "gru_lib/data/results/translation.json"
SEEDS = range(3)
LEARNING_RATES = (2.5e-3, 5e-3)
EPOCHS, BATCH_SIZE, EMBEDDING, DROPOUT = 6, 64, 64, 0.3
AT_LEAST = 2  # rarer symbols are unknown
BEAM, BEAM_SENTENCES = 5, 500

#: Settings of the trained models by name; sizes chosen so that all have as many parameters.
MODELS: dict[str, dict] = {
    "GRU": {"hidden_size": 128, "attention": False},
    "GRU, source reversed": {"hidden_size": 128, "attention": False, "reverse_source": True},
    "LSTM, source reversed": {
        "hidden_size": 120,
        "attention": False,
        "reverse_source": True,
        "cell": "LSTM",
    },
    "LSTM with attention": {"hidden_size": 112, "cell": "LSTM"},
    "GRU with attention": {"hidden_size": 120},
}
#: The control: the GRU with attention on sources whose words were put in random order.
CONTROL = "GRU with attention, words shuffled"
#: By how many source words translations are measured.
LENGTHS = {"2 to 5": (2, 5), "6 to 8": (6, 8), "9 to 20": (9, 20)}


def one_run(name: str, learning_rate: float, seed: int) -> dict:
    """Train one translator from one seed and measure it on the test set."""
    torch.set_num_threads(1)
    train, valid, test = tatoeba_pairs()
    if name == CONTROL:
        # other orders in training and test; the targets stay
        parts = enumerate((train, valid, test))
        train, valid, test = (shuffle_sources(part, seed=(1000 * seed + i)) for i, part in parts)
    languages = Languages.of(train, at_least=AT_LEAST)
    torch.manual_seed(seed)
    settings = MODELS["GRU with attention" if name == CONTROL else name]
    model = Translator(languages, EMBEDDING, dropout=DROPOUT, **settings)
    history = train_translator(
        model,
        encode_pairs(train, languages),
        encode_pairs(valid, languages),
        seed=seed,
        epochs=EPOCHS,
        learning_rate=learning_rate,
        batch_size=BATCH_SIZE,
        progress=False,
    )
    beam = Pairs(test.sources[:BEAM_SENTENCES], test.targets[:BEAM_SENTENCES])
    written = translate(model, test.sources, languages)
    searched = translate(model, beam.sources, languages, width=BEAM)
    return {
        "model": name,
        "learning_rate": learning_rate,
        "seed": seed,
        "parameters": count_parameters(model),
        "best_epoch": history.best_epoch,
        "valid_loss": round(min(history.valid_loss), 4),
        **measured(written, test),
        "greedy_on_beam_sentences": bleu(written[:BEAM_SENTENCES], beam.targets),
        "beam": bleu(searched, beam.targets),
        "first": ["".join(written[row]) for row in first_rows(test)],
    }


def bleu(translations: list[tuple[str, ...]], references: list[tuple[str, ...]]) -> float:
    """BLEU of the whole corpus, on characters."""
    import sacrebleu

    texts, truths = (["".join(symbols) for symbols in s] for s in (translations, references))
    return round(sacrebleu.corpus_bleu(texts, [truths], tokenize="zh").score, 2)


def measured(translations: list[tuple[str, ...]], test: Pairs) -> dict:
    """BLEU, chrF and share of exact matches, and BLEU by the length of the source."""
    import sacrebleu

    by_length = {}
    for name, (shortest, longest) in LENGTHS.items():
        rows = [i for i, s in enumerate(test.sources) if shortest <= len(s) <= longest]
        by_length[name] = bleu([translations[i] for i in rows], [test.targets[i] for i in rows])
    texts, truths = (["".join(symbols) for symbols in s] for s in (translations, test.targets))
    right = sum(map(tuple.__eq__, map(tuple, translations), map(tuple, test.targets)))
    return {
        "bleu": bleu(translations, test.targets),
        "chrf": round(sacrebleu.corpus_chrf(texts, [truths]).score, 2),
        "exact": round(right / len(texts), 4),
        "bleu_by_length": by_length,
    }


def first_rows(test: Pairs) -> list[int]:
    """The first ten rows of the test set with different sources."""
    first = {source: row for row, source in reversed([*enumerate(test.sources)])}
    return sorted(first.values())[:10]


def without_a_state() -> dict[str, dict]:
    """What is trained by counting: the commonest translation, the word table, the neighbour."""
    train, _, test = tatoeba_pairs()
    commonest, _ = Counter(train.targets).most_common(1)[0]
    translations = {
        "commonest translation": [commonest] * len(test.sources),
        "word table": WordTable(train).translate(test.sources),
        "nearest sentence": NearestSentence(train).translate(test.sources),
    }
    return {
        name: {**measured(rows, test), "first": ["".join(rows[i]) for i in first_rows(test)]}
        for name, rows in translations.items()
    }


def settings() -> Iterator[tuple[str, float, int]]:
    """Model, learning rate and seed of the first runs: every rate from one seed."""
    yield from ((name, rate, SEEDS[0]) for name in MODELS for rate in LEARNING_RATES)


def more_settings(runs: list[dict]) -> Iterator[tuple[str, float, int]]:
    """The other seeds, each model at the rate with its lower validation loss; and the control."""
    rates = {name: best_rate(runs, name) for name in MODELS}
    yield from ((name, rates[name], seed) for name in MODELS for seed in SEEDS[1:])
    yield from ((CONTROL, rates["GRU with attention"], seed) for seed in SEEDS)


def best_rate(runs: list[dict], name: str) -> float:
    """The learning rate at which the first seed of a model had its lowest validation loss."""
    tried = [run for run in runs if run["model"] == name and run["seed"] == SEEDS[0]]
    return min(tried, key=lambda run: run["valid_loss"])["learning_rate"]


def shares_of_scripts(pairs: Pairs) -> dict[str, float]:
    """Shares of translations with a character that a simplified or a traditional standard lacks."""

    def lacks(target: tuple[str, ...], encoding: str) -> bool:
        return "?" in "".join(target).replace("?", "").encode(encoding, "replace").decode(encoding)

    return {
        name: round(sum(lacks(target, code) for target in pairs.targets) / len(pairs.targets), 3)
        for name, code in (("not in GB 2312", "gb2312"), ("not in Big5", "big5"))
    }


def main() -> None:
    workers = workers_from_arguments(__doc__.splitlines()[0])
    train, valid, test = tatoeba_pairs()
    rows = first_rows(test)
    runs = run_all(one_run, settings(), workers)
    runs += run_all(one_run, more_settings(runs), workers)
    write_result(
        TARGET,
        data="cmn-eng",
        command=COMMAND,
        seeds=SEEDS,
        results={
            "pairs": dict(
                train=len(train.sources), valid=len(valid.sources), test=len(test.sources)
            ),
            "scripts": shares_of_scripts(train),
            "test_by_length": {
                name: sum(low <= len(source) <= high for source in test.sources)
                for name, (low, high) in LENGTHS.items()
            },
            "first_sources": [" ".join(test.sources[row]) for row in rows],
            "first_targets": ["".join(test.targets[row]) for row in rows],
            "without_a_state": without_a_state(),
            "runs": runs,
        },
        packages=("numpy", "torch", "scikit-learn", "sacrebleu"),
    )
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
