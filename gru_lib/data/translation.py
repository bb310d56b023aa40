"""Sentences in English and in Chinese: generated lists, and what people translated.

:func:`dated_lists` writes lists of dates and quantities in both languages, with the formats of the
Unicode locale data: every translation is right, and length can be chosen. :func:`tatoeba_pairs`
holds sentences that people wrote and translated.
"""

import datetime
import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from gru_lib._checks import require_generator, require_positive_integer
from gru_lib.data._packages import needed_by
from gru_lib.data.registry import fetch

#: Units of :func:`dated_lists`, by their names in the locale data.
UNITS = (
    "mass-gram",
    "mass-pound",
    "power-watt",
    "electric-volt",
    "speed-kilometer-per-hour",
    "speed-meter-per-second",
)

_LARGEST = 20  # quantities go from 2 to this
_DATES = 0.15  # share of the items that are dates
_FIRST_DAY, _DAYS = datetime.date(2000, 1, 1), 9000
_ITEM = re.compile(r"\d+月\d+日星期.|每\D+\d+[^\d每和]+|\d+[^\d每和]+")
_ENGLISH = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]")


class Pairs(NamedTuple):
    """Sentences and their translations.

    Parameters
    ----------
    sources : list of tuple of str
        What is to be translated, as symbols: words and numbers.
    targets : list of tuple of str
        A translation of each, as symbols.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs
    >>> Pairs([("2", "grams")], [("2", "克")]).targets[0]
    ('2', '克')
    """

    #: What is to be translated.
    sources: list[tuple[str, ...]]
    #: The translations.
    targets: list[tuple[str, ...]]


class SplitPairs(NamedTuple):
    """Pairs in three sets, as :func:`tatoeba_pairs` returns them.

    Parameters
    ----------
    train, valid, test : Pairs
        No source occurs in two of them.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs, SplitPairs
    >>> one = Pairs([("run", ".")], [("跑", "。")])
    >>> SplitPairs(one, one, one).test.sources
    [('run', '.')]
    """

    #: What to learn from.
    train: Pairs
    #: What the best epoch and the sizes are chosen by.
    valid: Pairs
    #: What to report.
    test: Pairs


def dated_lists(
    count: int,
    items: Sequence[int],
    *,
    seed: int | np.random.Generator,
    without: Sequence[tuple[str, ...]] = (),
) -> Pairs:
    """Lists of dates and quantities in English, and in Chinese.

    An English list such as "14 pounds, Wednesday, January 3 and 12 meters per second" is the
    Chinese "14磅、1月3日星期三和每秒12米": the weekday moves from the front of its date to the end,
    and "per second" from the end of its quantity to the front. The order of the items stays.
    Sentences are symbols; the commas, which carry nothing here, are left out.

    Parameters
    ----------
    count : int
        Number of pairs.
    items : sequence of int
        Possible lengths of a list, all equally probable.
    seed : int or np.random.Generator
        Decides what is drawn.
    without : sequence of tuple of str
        English lists that must not be drawn, such as the training set's.

    Returns
    -------
    Pairs
        No English list occurs twice. About one item in seven is a date (of the years 2000 to
        2024, without its year), the others are 2 to 20 of one of :data:`UNITS`.

    Raises
    ------
    ImportError
        If Babel is not installed.
    ValueError
        If ``items`` is empty, or there are not so many different lists.

    Notes
    -----
    Source: the Unicode Common Locale Data Repository, as Babel ships it (Unicode licence).

    Examples
    --------
    >>> from gru_lib.data.translation import dated_lists
    >>> pairs = dated_lists(2, [1, 3], seed=0)
    >>> len(pairs.sources) == len(pairs.targets) == 2
    True
    """
    count = require_positive_integer("count", count)
    lengths = [require_positive_integer("an entry of items", length) for length in items]
    if not lengths:
        raise ValueError("items is empty; expected at least one length")
    rng = require_generator(seed)
    drawn: dict[tuple[str, ...], tuple[str, ...]] = {}
    forbidden = set(without)
    for _ in range(20 * count + 1000):  # more than enough, unless nearly all was drawn
        if len(drawn) == count:
            break
        source, target = _join([_draw_item(rng) for _ in range(rng.choice(lengths))])
        if source not in forbidden:
            drawn[source] = target
    if len(drawn) < count:
        raise ValueError(
            f"count is {count}, but there are hardly more than {len(drawn)} different lists of "
            f"{lengths} items; expected fewer, or longer lists"
        )
    return Pairs(list(drawn), list(drawn.values()))


def split_items(target: Sequence[str]) -> list[str]:
    """The items of a Chinese list as :func:`dated_lists` writes it, or a translator tries to.

    Parameters
    ----------
    target : sequence of str
        Its symbols.

    Returns
    -------
    list of str
        What looks like a date or a quantity, in order; what does not is skipped.

    Examples
    --------
    >>> from gru_lib.data.translation import split_items
    >>> split_items("14 磅 1 月 3 日 星期三 和 每秒 12 米".split())
    ['14磅', '1月3日星期三', '每秒12米']
    """
    return _ITEM.findall("".join(target))


def tatoeba_pairs(*, longest: int = 20, seed: int = 0) -> SplitPairs:
    """English sentences and what people translated them to in Chinese.

    The file comes from the data folder or, once, from the network (:func:`gru_lib.data.registry.\
fetch`). English sentences are lower-case words and punctuation marks, Chinese ones are characters.
    All translations of one English sentence fall into the same set: 80 % of the sentences are for
    training, 10 % for validation and 10 % for the test.

    Parameters
    ----------
    longest : int, default 20
        Pairs with more symbols on either side are left out.
    seed : int
        Decides which sentences go where.

    Returns
    -------
    SplitPairs

    Raises
    ------
    OSError, ValueError
        If the file is neither there nor to be had; see :func:`gru_lib.data.registry.fetch`.

    Notes
    -----
    Source: the Tatoeba project (CC BY 2.0 FR). Traditional and simplified characters are mixed, as
    their authors wrote them. Many sentences are variants of one another ("Tom is here.", "Tom was
    here."), and such near neighbours may lie in different sets.

    Examples
    --------
    >>> from gru_lib.data.translation import tatoeba_pairs
    >>> pairs = tatoeba_pairs()  # doctest: +SKIP
    """
    longest = require_positive_integer("longest", longest)
    text = (fetch("cmn-eng") / "cmn.txt").read_text("utf-8")
    by_source: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for line in text.splitlines():
        english, chinese = line.split("\t")[:2]
        source = tuple(_ENGLISH.findall(english.lower().replace("’", "'")))
        target = tuple(chinese.replace(" ", ""))
        if 0 < len(source) <= longest and 0 < len(target) <= longest:
            by_source.setdefault(source, []).append(target)
    order = sorted(by_source)
    np.random.default_rng(seed).shuffle(order)
    tenth = len(order) // 10
    parts = (order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth])
    return SplitPairs(*(_pairs_of(part, by_source) for part in parts))


def shuffle_sources(pairs: Pairs, *, seed: int | np.random.Generator) -> Pairs:
    """The pairs with the symbols of each source in random order: a control without word order.

    Parameters
    ----------
    pairs : Pairs
        They are not changed.
    seed : int or np.random.Generator
        Decides the orders.

    Returns
    -------
    Pairs

    Raises
    ------
    TypeError, ValueError
        If ``seed`` is no seed.

    Examples
    --------
    >>> from gru_lib.data.translation import Pairs, shuffle_sources
    >>> shuffled = shuffle_sources(Pairs([("a", "b", "c")], [("x",)]), seed=1)
    >>> sorted(shuffled.sources[0]), shuffled.targets
    (['a', 'b', 'c'], [('x',)])
    """
    rng = require_generator(seed)
    sources = [tuple(source[i] for i in rng.permutation(len(source))) for source in pairs.sources]
    return Pairs(sources, pairs.targets)


def _pairs_of(sources: list, by_source: dict[tuple[str, ...], list[tuple[str, ...]]]) -> Pairs:
    rows = [(source, target) for source in map(tuple, sources) for target in by_source[source]]
    return Pairs([source for source, _ in rows], [target for _, target in rows])


def _draw_item(rng: np.random.Generator) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if rng.random() < _DATES:
        return _date(int(rng.integers(_DAYS)))
    return _quantity(int(rng.integers(2, _LARGEST + 1)), UNITS[rng.integers(len(UNITS))])


def _join(
    items: list[tuple[tuple[str, ...], tuple[str, ...]]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One list in both languages; "and" and 和 stand before the last of several items."""
    source, target = [], []
    for number, (english, chinese) in enumerate(items):
        if 0 < number == len(items) - 1:
            source.append("and")
            target.append("和")
        source += english
        target += chinese
    return tuple(source), tuple(target)


@cache
def _date(day: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A date in both languages: CLDR's full format, without the year."""
    format_date = _babel("dates").format_date
    date = _FIRST_DAY + datetime.timedelta(days=day)
    english = format_date(date, "EEEE, MMMM d", locale="en")
    chinese = format_date(date, "M月d日EEEE", locale="zh")
    return tuple(re.findall(r"\w+", english)), tuple(re.findall(r"\d+|[月日]|星期.", chinese))


@cache
def _quantity(number: int, unit: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A quantity in both languages, in CLDR's long format."""
    format_unit = _babel("units").format_unit
    english, chinese = (format_unit(number, unit, locale=language) for language in ("en", "zh"))
    return tuple(re.findall(r"\w+", english)), tuple(re.findall(r"\d+|[^\W\d]+", chinese))


def _babel(module: str):
    with needed_by("dated_lists", "Babel"):
        import babel.dates
        import babel.units
    return getattr(babel, module)
