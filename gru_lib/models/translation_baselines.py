"""Translators without a state: word by word, and by the nearest sentence that is known."""

from collections import Counter
from collections.abc import Sequence

from gru_lib.data.translation import Pairs


class WordTable:
    """Translates word by word, in the source's order, with a table of symbols that go together.

    Parameters
    ----------
    pairs : Pairs
        Each source symbol gets the target symbol that it shares most sentences with, measured by
        Dice's coefficient: twice the sentences that hold both, divided by the sentences that hold
        the one plus those that hold the other.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import WordTable
    >>> pairs = Pairs([("2", "grams"), ("3", "grams")], [("2", "克"), ("3", "克")])
    >>> WordTable(pairs).translate([("grams", "3")])
    [('克', '3')]
    """

    def __init__(self, pairs: Pairs) -> None:
        sources = Counter(symbol for sentence in pairs.sources for symbol in set(sentence))
        targets = Counter(symbol for sentence in pairs.targets for symbol in set(sentence))
        both = Counter(
            (source, target)
            for sentence, translation in zip(pairs.sources, pairs.targets, strict=True)
            for source in set(sentence)
            for target in set(translation)
        )
        best: dict[str, tuple[float, str]] = {}
        for (source, target), count in both.items():
            dice = 2 * count / (sources[source] + targets[target])
            best[source] = max(best.get(source, (0.0, "")), (dice, target))
        #: The target symbol of each source symbol.
        self.table = {source: target for source, (_, target) in best.items()}

    def translate(self, sentences: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Translate sentences; a symbol that is not in the table is left out.

        Parameters
        ----------
        sentences : sequence of tuple of str
            Of the source language.

        Returns
        -------
        list of tuple of str
        """
        return [
            tuple(self.table[symbol] for symbol in sentence if symbol in self.table)
            for sentence in sentences
        ]


class NearestSentence:
    """Translates a sentence as the most similar one that was seen in training.

    Parameters
    ----------
    pairs : Pairs
        What is searched. Similarity is the cosine of two sentences' weighted counts of words and
        pairs of neighbouring words (TF-IDF of scikit-learn).

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> from gru_lib.models import NearestSentence
    >>> pairs = Pairs([("i", "run"), ("you", "sleep")], [("我", "跑"), ("你", "睡")])
    >>> NearestSentence(pairs).translate([("we", "run")])
    [('我', '跑')]
    """

    def __init__(self, pairs: Pairs) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectoriser = TfidfVectorizer(
            preprocessor=list, tokenizer=list, token_pattern=None, ngram_range=(1, 2)
        )
        self._known = self._vectoriser.fit_transform(pairs.sources)
        self._targets = pairs.targets

    def translate(self, sentences: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
        """Translate sentences.

        Parameters
        ----------
        sentences : sequence of tuple of str
            Of the source language.

        Returns
        -------
        list of tuple of str
        """
        similarity = self._vectoriser.transform(sentences) @ self._known.T
        return [self._targets[row] for row in similarity.toarray().argmax(axis=1)]
