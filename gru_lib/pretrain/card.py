"""What is written about a pretrained model: into its file, and beside it for people to read."""

import json
import platform
from collections.abc import Mapping
from typing import Any

import torch

from gru_lib.baselines import CharacterNGram
from gru_lib.models import LanguageModel, bits_per_character, count_parameters
from gru_lib.pretrain.corpus import Corpus
from gru_lib.training import History

_ORDERS = range(1, 11)
# safetensors keeps the texts of a file in no order
_FOR_PEOPLE = (
    "data",
    "licence",
    "sha256 of the text",
    "split",
    "valid topics",
    "test topics",
    "recipe",
    "parameters",
    "best epoch",
    "characters read",
    "operations",
    "seconds",
    "machine",
    "bits a character",
    "n-gram beside",
    "limits",
    "intended use",
)
_LIMITS = (
    "Writes in the style of the text that it read, one character at a time. Knows no facts; what "
    "it writes is not true. Looks back over a few words, not over a page. Characters outside its "
    "vocabulary are an error, and a text of another kind costs it far more bits. Not a large "
    "language model."
)
_LIMITS_OF_THE_CONTROL = (
    "A control: read the characters of the text in random order, so it knows how frequent each is "
    "and nothing else."
)
_USE = "To learn how pretraining and fine-tuning work. Not for answers that anybody relies on."


def count_operations(parameters: int, characters: int) -> int:
    """Floating point operations of a training, by the usual rule of thumb.

    Parameters
    ----------
    parameters : int
        Of the model.
    characters : int
        That it was trained on, each as often as it was read.

    Returns
    -------
    int
        6 a parameter and character: a multiplication and an addition forward, and twice as much
        backward (Kaplan et al., 2020).

    Examples
    --------
    >>> from gru_lib.pretrain import count_operations
    >>> count_operations(275_000, 1_000_000)
    1650000000000
    """
    return 6 * parameters * characters


def best_ngram(corpus: Corpus) -> tuple[int, CharacterNGram]:
    """The order that needs fewest bits for the validation text, and the model fitted with it."""
    orders = [order for order in _ORDERS if order <= len(corpus.train)]
    fitted = {n: CharacterNGram(n, len(corpus.vocabulary)).fit(corpus.train) for n in orders}
    order = min(fitted, key=lambda n: fitted[n].bits_per_character(corpus.valid))
    return order, fitted[order]


def make_card(
    model: LanguageModel,
    corpus: Corpus,
    recipe: dict[str, Any],
    history: History,
    characters: int,
    processes: int,
) -> dict[str, str]:
    """Data, recipe, compute and metrics of a model that has been trained."""
    bits = {
        part: bits_per_character(model, codes)
        for part, codes in zip(("train", "valid", "test"), corpus[:3], strict=True)
    }
    order, counts = best_ngram(corpus)
    return {
        **corpus.origin,
        "recipe": json.dumps(recipe),
        "parameters": str(count_parameters(model)),
        "best epoch": f"{history.best_epoch} of {len(history)}",
        "characters read": str(characters),
        "operations": f"{count_operations(count_parameters(model), characters):.2e}",
        "seconds": f"{sum(history.seconds):.1f}",
        "machine": f"{platform.machine()}, {processes} process(es), PyTorch {torch.__version__}",
        "bits a character": json.dumps({part: round(value, 3) for part, value in bits.items()}),
        "n-gram beside": (
            f"Kneser-Ney of order {order} (chosen on the validation text), {counts.numbers} "
            f"counts: {counts.bits_per_character(corpus.test):.3f} bits a character of the test"
        ),
        "limits": _LIMITS_OF_THE_CONTROL if recipe["shuffled"] else _LIMITS,
        "intended use": _USE,
    }


def card_as_markdown(title: str, card: Mapping[str, str]) -> str:
    """A card as a Markdown file.

    Parameters
    ----------
    title : str
        Its heading.
    card : mapping of str to str
        As it stands in the file of weights.

    Returns
    -------
    str
        One item a line, in the order of the cards of this library; what only programs read, such
        as the keys of the paragraphs, is left out.

    Examples
    --------
    >>> from gru_lib.pretrain import card_as_markdown
    >>> print(card_as_markdown("A model", {"licence": "PSF", "trained on": "0a1b 2c3d"}))
    # A model
    <BLANKLINE>
    - **licence**: PSF
    <BLANKLINE>
    """
    lines = [f"- **{name}**: {card[name]}" for name in _FOR_PEOPLE if name in card]
    return "\n".join([f"# {title}", "", *lines, ""])
