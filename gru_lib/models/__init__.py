"""What the chapters train, built from the layers of this library.

>>> from gru_lib.models import SequenceClassifier

Classifiers give one answer for a whole sequence: a recurrent one, one that pools and one that
convolves. Translators turn one sequence into another. Forecasters read the past of a series and
answer for many steps at once. A language model reads characters and says which comes next; a
classifier can be built on one. The models of chapter 14 predict the next frame of a binary
sequence, such as the next chord of a piano roll: recurrent ones, one that sees a window, and one
that only counts.
"""

from gru_lib.models.classifiers import (
    ConvolutionClassifier,
    LabelledSequences,
    PoolClassifier,
    SequenceClassifier,
    label_sequences,
    predict_classes,
    train_classifier,
)
from gru_lib.models.forecaster import (
    Forecaster,
    WindowForecaster,
    coverage,
    forecast,
    pinball_loss,
    train_forecaster,
)
from gru_lib.models.frames import (
    CountingPredictor,
    FramePredictor,
    WindowPredictor,
    continue_frames,
    count_parameters,
    frame_batches,
    frame_nll,
    mean_nll,
    train_frames,
)
from gru_lib.models.language_classifier import LanguageClassifier
from gru_lib.models.language_model import (
    LanguageModel,
    SavedLanguageModel,
    TextWindows,
    bits_per_character,
    generate_text,
    load_language_model,
    next_code_loss,
    save_language_model,
    train_language_model,
)
from gru_lib.models.translation_baselines import NearestSentence, WordTable
from gru_lib.models.translator import (
    Attention,
    EncodedPairs,
    Hypothesis,
    Languages,
    Memory,
    Symbols,
    Translator,
    attention_weights,
    beam_search,
    encode_pairs,
    greedy_search,
    train_translator,
    translate,
    translation_loss,
)

__all__ = [
    "Attention",
    "ConvolutionClassifier",
    "CountingPredictor",
    "EncodedPairs",
    "Forecaster",
    "FramePredictor",
    "Hypothesis",
    "LabelledSequences",
    "LanguageClassifier",
    "LanguageModel",
    "Languages",
    "Memory",
    "NearestSentence",
    "PoolClassifier",
    "SavedLanguageModel",
    "SequenceClassifier",
    "Symbols",
    "TextWindows",
    "Translator",
    "WindowForecaster",
    "WindowPredictor",
    "WordTable",
    "attention_weights",
    "beam_search",
    "bits_per_character",
    "continue_frames",
    "count_parameters",
    "coverage",
    "encode_pairs",
    "forecast",
    "frame_batches",
    "frame_nll",
    "generate_text",
    "greedy_search",
    "label_sequences",
    "load_language_model",
    "mean_nll",
    "next_code_loss",
    "pinball_loss",
    "predict_classes",
    "save_language_model",
    "train_classifier",
    "train_forecaster",
    "train_frames",
    "train_language_model",
    "train_translator",
    "translate",
    "translation_loss",
]
