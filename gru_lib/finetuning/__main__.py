"""Trains the course's adapter: python -m gru_lib.finetuning [--epochs N] [--output FILE].

The course's model learns the docstrings of NumPy through a low-rank adapter, which takes about
eight minutes of one core. The file is the one that load_pretrained_adapter reads.
"""

import argparse
import json
from pathlib import Path

from gru_lib.data.docstrings import numpy_docstrings
from gru_lib.finetuning import add_lora, save_adapter
from gru_lib.models import bits_per_character, train_language_model
from gru_lib.pretrained import ADAPTERS, load_pretrained

TARGET = Path(__file__).resolve().parents[1] / "pretrained/numpy-lora.safetensors"
RECIPE = {"rank": 8, "learning_rate": 1e-2, "dropout": 0.0, "seed": 0}


def main() -> None:
    """Train, measure, and write the file."""
    parser = argparse.ArgumentParser(prog="python -m gru_lib.finetuning", description=__doc__)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--output", type=Path, default=TARGET)
    arguments = parser.parse_args()
    model, vocabulary, _ = load_pretrained(dropout=RECIPE["dropout"])
    text = numpy_docstrings()
    parts = {name: vocabulary.encode(getattr(text, name)) for name in ("train", "valid", "test")}
    before = bits_per_character(model, parts["test"])
    numbers = add_lora(model, "numpy", RECIPE["rank"], seed=RECIPE["seed"])
    history = train_language_model(
        model,
        parts["train"],
        parts["valid"],
        seed=RECIPE["seed"],
        epochs=arguments.epochs,
        learning_rate=RECIPE["learning_rate"],
    )
    after = bits_per_character(model, parts["test"])
    card = {
        "data": ADAPTERS["numpy"],
        "licence": "BSD-3-Clause, as NumPy",
        "recipe": json.dumps(RECIPE | {"epochs": arguments.epochs}),
        "bits per character on the test text": f"{before:.3f} before, {after:.3f} after",
    }
    save_adapter(model, "numpy", arguments.output, card)
    print(f"{numbers} numbers, best epoch {history.best_epoch}")
    print(f"bits per character: {before:.3f} before, {after:.3f} after")
    print(f"written: {arguments.output}")


if __name__ == "__main__":
    main()
