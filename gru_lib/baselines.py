"""Baselines that a network has to beat: counting what follows what, and remembering everything."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gru_lib._checks import require_generator, require_positive_integer
from gru_lib.dtw import dtw_distances

_SMOOTHINGS = ("kneser-ney", "witten-bell")


@dataclass
class _Level:
    """All n-grams of one length that training saw, sorted by context, then by character.

    An n-gram has a number, its place in ``keys``. Its key is ``number of its first n - 1
    characters * vocabulary_size + its last character``: exact for every n, and the continuations
    of one context stand side by side.
    """

    keys: np.ndarray  # (grams,)
    mass: np.ndarray  # (grams,): count, less its discount
    total: np.ndarray  # (contexts,): what divides
    spared: np.ndarray  # (contexts,): what the level below distributes


class CharacterNGram:
    """Interpolated n-gram model over codes: which code follows the last ``order - 1`` ones?

    Parameters
    ----------
    order : int
        Length of the longest n-gram, at least 1; 1 counts single codes.
    vocabulary_size : int
        How many codes there are, V. Codes that training never saw get a probability too.
    smoothing : {"kneser-ney", "witten-bell"}
        How probability is spared for what was not seen; see the notes.

    Attributes
    ----------
    numbers : int
        How many counts the fitted model keeps, of n-grams of all lengths.

    Raises
    ------
    TypeError, ValueError
        If an argument is not allowed.

    Notes
    -----
    With ``c`` the next code, ``u`` the last n - 1 codes, ``v`` the last n - 2, and ``N(u)`` the
    number of different codes seen after ``u``, every order rests on the next lower one, and the
    lowest on ``1 / V``.

    - Witten and Bell (1991), method C:
      ``P(c | u) = (count(u c) + N(u) P(c | v)) / (count(u) + N(u))``.
    - Interpolated Kneser–Ney (Kneser and Ney, 1995) with three discounts (Chen and Goodman, 1999):
      ``P(c | u) = (count(u c) - D + S(u) P(c | v)) / count(u)``. ``D`` depends on whether the count
      is 1, 2 or more, and is computed from how many n-grams were seen once to four times;
      ``S(u)`` is the sum of what was taken away after ``u``. Below the highest order a count is the
      number of different codes seen before the n-gram.

    A context that training never saw leaves the lower order's probabilities as they are. All of it
    is sorting and searching in arrays: 300 000 codes at order 8 take about a quarter of a second.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.baselines import CharacterNGram
    >>> codes = np.array([0, 1] * 50)
    >>> model = CharacterNGram(2, vocabulary_size=2, smoothing="witten-bell").fit(codes)
    >>> model.probabilities([0]).round(2).tolist()
    [0.01, 0.99]
    >>> model.bits_per_character(codes) < 0.1
    True
    """

    def __init__(self, order: int, vocabulary_size: int, smoothing: str = "kneser-ney") -> None:
        self.order = require_positive_integer("order", order)
        self.vocabulary_size = require_positive_integer("vocabulary_size", vocabulary_size)
        if smoothing not in _SMOOTHINGS:
            raise ValueError(f"smoothing is {smoothing!r}; expected one of {_SMOOTHINGS}")
        self.smoothing = smoothing
        self._levels: list[_Level] = []

    def fit(self, codes: ArrayLike) -> "CharacterNGram":
        """Count.

        Parameters
        ----------
        codes : array_like of int, shape (n,)
            Training text, from 0 to ``vocabulary_size - 1``, at least ``order`` codes.

        Returns
        -------
        CharacterNGram
            The model itself.

        Raises
        ------
        TypeError, ValueError
            If the codes are not integers, too few or out of range.
        """
        codes = self._require_codes(codes, at_least=self.order)
        tables = []
        # numbers[i] is that of the gram which starts at i; those of length 0 are all one
        numbers = np.zeros(len(codes) + 1, dtype=np.int64)
        for length in range(1, self.order + 1):
            shorter = numbers
            keys, numbers, counts = np.unique(
                shorter[:-1] * self.vocabulary_size + codes[length - 1 :],
                return_inverse=True,
                return_counts=True,
            )
            if tables and self.smoothing == "kneser-ney":
                # each gram without its first code: how many different codes stood before that?
                rest = np.zeros(len(keys), dtype=np.int64)
                rest[numbers] = shorter[1:]
                tables[-1] = (tables[-1][0], np.bincount(rest, minlength=len(tables[-1][0])))
            tables.append((keys, counts))
        contexts = 1
        self._levels = []
        for keys, counts in tables:
            self._levels.append(self._smoothed(keys, counts, contexts))
            contexts = len(keys)
        return self

    @property
    def numbers(self) -> int:
        return sum(len(level.keys) for level in self._levels)

    def log_probabilities(self, codes: ArrayLike) -> np.ndarray:
        """Natural logarithm of the probability of every code, given those before it.

        Parameters
        ----------
        codes : array_like of int, shape (n,)
            Text to predict; the first codes have shorter contexts.

        Returns
        -------
        np.ndarray, shape (n,)

        Raises
        ------
        RuntimeError
            If the model was not fitted.
        TypeError, ValueError
            If the codes are not integers, none, or out of range.

        Examples
        --------
        >>> import math
        >>> from gru_lib.baselines import CharacterNGram
        >>> model = CharacterNGram(1, 2, "witten-bell").fit([0, 0, 0, 1])
        >>> [round(math.exp(p), 4) for p in model.log_probabilities([0, 1])]
        [0.6667, 0.3333]
        """
        self._require_fitted()
        codes = self._require_codes(codes, at_least=1)
        probability = np.full(len(codes), 1 / self.vocabulary_size)
        contexts = np.zeros(len(codes), dtype=np.int64)
        for level in self._levels:
            place, seen = self._find(level, contexts, codes)
            context = np.maximum(contexts, 0)
            usable = (contexts >= 0) & (level.total[context] > 0)
            mass = np.where(seen, level.mass[place], 0)
            total = np.where(usable, level.total[context], 1)
            mixed = (mass + level.spared[context] * probability) / total
            probability = np.where(usable, mixed, probability)
            contexts = np.concatenate([[-1], np.where(seen, place, -1)[:-1]])
        return np.log(probability)

    def bits_per_character(self, codes: ArrayLike) -> float:
        """Mean number of bits that the model needs for a code: lower is better.

        Parameters
        ----------
        codes : array_like of int, shape (n,)
            Text to predict.

        Returns
        -------
        float
            Minus the mean of the logarithms, to base 2, of the probabilities.

        Raises
        ------
        RuntimeError
            If the model was not fitted.
        TypeError, ValueError
            If the codes are not integers, none, or out of range.

        Examples
        --------
        >>> from gru_lib.baselines import CharacterNGram
        >>> model = CharacterNGram(1, 4).fit([0, 1, 2, 3])
        >>> model.bits_per_character([2, 2, 0])
        2.0
        """
        return float(-self.log_probabilities(codes).mean() / math.log(2))

    def probabilities(self, context: ArrayLike) -> np.ndarray:
        """Probabilities of all codes after a context.

        Parameters
        ----------
        context : array_like of int, shape (n,)
            The codes before; only the last ``order - 1`` count, and there may be none.

        Returns
        -------
        np.ndarray, shape (vocabulary_size,)
            Above 0, with sum 1.

        Raises
        ------
        RuntimeError
            If the model was not fitted.
        TypeError, ValueError
            If the codes are not integers or out of range.

        Examples
        --------
        >>> from gru_lib.baselines import CharacterNGram
        >>> model = CharacterNGram(3, 3).fit([0, 1, 2, 0, 1, 2, 0, 1, 2])
        >>> int(model.probabilities([0, 1]).argmax())
        2
        """
        self._require_fitted()
        context = self._require_codes(context, at_least=0)
        context = context[len(context) - min(len(context), self.order - 1) :]
        probability = np.full(self.vocabulary_size, 1 / self.vocabulary_size)
        # numbers of the grams of one length that end at each place of the context
        numbers = np.zeros(len(context) + 1, dtype=np.int64)
        for level in self._levels[: len(context) + 1]:
            number = numbers[-1]
            if number < 0 or level.total[number] == 0:
                break
            first = number * self.vocabulary_size
            low, high = np.searchsorted(level.keys, [first, first + self.vocabulary_size])
            mixed = level.spared[number] * probability
            mixed[level.keys[low:high] - first] += level.mass[low:high]
            probability = mixed / level.total[number]
            place, seen = self._find(level, numbers[:-1], context)
            numbers, context = np.where(seen, place, -1), context[1:]
        return probability

    def sample(
        self,
        length: int,
        rng: int | np.random.Generator | None = None,
        context: ArrayLike = (),
    ) -> np.ndarray:
        """Draw text, code by code.

        Parameters
        ----------
        length : int
            How many codes, at least 1.
        rng : None, int or np.random.Generator
            Source of the draws; an integer is a seed.
        context : array_like of int, shape (n,)
            What the text goes on from.

        Returns
        -------
        np.ndarray of int64, shape (length,)
            Without the context.

        Raises
        ------
        RuntimeError
            If the model was not fitted.
        TypeError, ValueError
            If an argument is not allowed.

        Examples
        --------
        >>> from gru_lib.baselines import CharacterNGram
        >>> model = CharacterNGram(2, 2).fit([0, 1] * 500)
        >>> model.sample(6, rng=0, context=[0]).tolist()
        [1, 0, 1, 0, 1, 0]
        """
        length, rng = require_positive_integer("length", length), require_generator(rng)
        codes = self._require_codes(context, at_least=0).tolist()
        start = len(codes)
        for _ in range(length):
            recent = codes[max(0, len(codes) - self.order + 1) :]
            codes.append(int(rng.choice(self.vocabulary_size, p=self.probabilities(recent))))
        return np.array(codes[start:], dtype=np.int64)

    def _smoothed(self, keys: np.ndarray, counts: np.ndarray, contexts: int) -> _Level:
        """What one length contributes: after subtracting discounts, or with what is added."""
        context = keys // self.vocabulary_size
        total = np.bincount(context, weights=counts, minlength=contexts)
        if self.smoothing == "witten-bell":
            spared = np.bincount(context, minlength=contexts).astype(float)
            return _Level(keys, counts.astype(float), total + spared, spared)
        # at most the count itself: the text's first gram has no code before it, count 0
        discount = np.minimum(_discounts(counts)[np.minimum(counts, 3)], counts)
        spared = np.bincount(context, weights=discount, minlength=contexts)
        return _Level(keys, counts - discount, total, spared)

    def _find(
        self, level: _Level, contexts: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Places in ``level.keys`` of contexts and codes, and whether they are there."""
        keys = contexts * self.vocabulary_size + codes
        place = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
        return place, (level.keys[place] == keys) & (contexts >= 0)

    def _require_codes(self, codes: ArrayLike, at_least: int) -> np.ndarray:
        codes = np.asarray(codes)
        if codes.size == 0 and at_least == 0:
            return np.zeros(0, dtype=np.int64)
        if codes.ndim != 1 or len(codes) < at_least:
            raise ValueError(
                f"codes has shape {codes.shape}; expected (n,) with n at least {at_least}"
            )
        if not np.issubdtype(codes.dtype, np.integer):
            raise TypeError(f"codes has dtype {codes.dtype}; expected integers")
        outside = (codes < 0) | (codes >= self.vocabulary_size)
        if outside.any():
            place = int(outside.argmax())
            raise ValueError(
                f"codes holds {codes[place]} at position {place}; expected 0 to "
                f"{self.vocabulary_size - 1}"
            )
        return codes.astype(np.int64)

    def _require_fitted(self) -> None:
        if not self._levels:
            raise RuntimeError("the model has counted nothing yet: call fit first")


class NearestTemplate:
    """Remembers all training sequences, and answers with the class of the most similar one.

    Parameters
    ----------
    sequences : sequence of np.ndarray, each of shape (frames, features)
        What is remembered; lengths may differ.
    classes : array_like of int, shape (count,)
        The class of each.

    Raises
    ------
    ValueError
        If there is no sequence, one is empty or has other features, or the number of classes does
        not fit.

    Notes
    -----
    Similarity is dynamic time warping, :func:`gru_lib.dtw.dtw_distances`, divided by the length of
    both sequences together, so that long templates are not far from everything.

    Examples
    --------
    >>> import numpy as np
    >>> from gru_lib.baselines import NearestTemplate
    >>> up, down = np.array([[0.0], [1.0], [2.0]]), np.array([[2.0], [1.0], [0.0]])
    >>> NearestTemplate([up, down], [0, 1]).predict([np.repeat(down, 3, axis=0)]).tolist()
    [1]
    """

    def __init__(self, sequences: Sequence[np.ndarray], classes: ArrayLike) -> None:
        self.classes = np.asarray(classes)
        if not len(sequences) or self.classes.shape != (len(sequences),):
            raise ValueError(
                f"there are {len(sequences)} sequences and classes of shape {self.classes.shape}; "
                "expected at least one sequence, and a class for each"
            )
        dtw_distances(sequences[:1], sequences)  # they fit each other, or an error says why not
        self.templates = [np.asarray(sequence, dtype=float) for sequence in sequences]
        self.lengths = np.array([len(template) for template in self.templates])

    def distances(self, sequences: Sequence[np.ndarray]) -> np.ndarray:
        """How far sequences are from each template.

        Parameters
        ----------
        sequences : sequence of np.ndarray, each of shape (frames, features)
            Any number of frames.

        Returns
        -------
        np.ndarray of float64, shape (sequences, templates)

        Raises
        ------
        ValueError
            If there is none, or one is empty or has other features.
        """
        lengths = np.array([len(sequence) for sequence in sequences])
        return dtw_distances(sequences, self.templates) / (lengths[:, None] + self.lengths)

    def predict(self, sequences: Sequence[np.ndarray]) -> np.ndarray:
        """The class of the nearest template, for each sequence.

        Parameters
        ----------
        sequences : sequence of np.ndarray, each of shape (frames, features)
            What is asked about.

        Returns
        -------
        np.ndarray, shape (sequences,)
        """
        return self.classes[self.distances(sequences).argmin(axis=1)]


def _discounts(counts: Sequence[int]) -> np.ndarray:
    """What to take from counts of 0, 1, 2, and 3 or more (Chen and Goodman, 1999)."""
    once, twice, thrice, four = (int((counts == times).sum()) for times in (1, 2, 3, 4))
    if not once:
        return np.array([0.0, 0.5, 0.5, 0.5])
    base = once / (once + 2 * twice)
    by_count = [0.0, 1 - 2 * base * twice / once]
    for times, these, next_ones in ((2, twice, thrice), (3, thrice, four)):
        by_count.append(times - (times + 1) * base * next_ones / these if these else base)
    # small counts of counts give estimates that are no discounts; a floor keeps P above 0
    return np.clip(by_count, [0.0, 0.05, 0.05, 0.05], [0.0, 1.0, 2.0, 3.0])
