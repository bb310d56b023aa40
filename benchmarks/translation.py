"""Chapter 17's table on Tatoeba, English to Chinese: python -m benchmarks.translation

Trains translators with and without attention from several seeds, measures them beside two that
have no state, and writes gru_lib/data/results/translation.json. The data are fetched on request;
about half an hour on one core of a processor.
"""

from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.runs import run_all, workers_from_arguments
from gru_lib.data.stored import write_result
from gru_lib.data.translation import Pairs, Sentence, shuffle_sources, tatoeba_pairs
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
EPOCHS, BATCH_SIZE, EMBEDDING, DROPOUT = 8, 64, 64, 0.3
AT_LEAST = 2  # rarer symbols are unknown
BEAM = 5

#: Settings of the trained models by name; sizes chosen so that all have as many parameters.
MODELS: dict[str, dict] = {
    "GRU": {"hidden_size": 130, "attention": False},
    "GRU, source reversed": {"hidden_size": 130, "attention": False, "reverse_source": True},
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
