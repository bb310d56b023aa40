"""Pairs of sentences: right, without repetition, and fairly split."""

import re

import numpy as np
import pytest
from babel.lists import format_list

from gru_lib.data.translation import (
    UNITS,
    Pairs,
    dated_lists,
    shuffle_sources,
    split_items,
    tatoeba_pairs,
)


@pytest.mark.parametrize("items", [[1], [2], [3], [8]])
def test_a_list_has_as_many_items_as_it_should(items):
    pairs = dated_lists(50, items, seed=0)
    for source, target in zip(*pairs, strict=True):
        found = split_items(target)
        assert len(found) == items[0]
        # the whole is what CLDR writes, less the marks between items
        assert "".join(target) == format_list(found, locale="zh").replace("、", "")
        assert source.count("and") == target.count("和") == (items[0] > 1)


def test_translations_are_right():
    months = "January February March April May June July August September October November December"
    days = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
    units = {
        "grams": "克",
        "pounds": "磅",
        "watts": "瓦特",
        "volts": "伏特",
        "kilometers per hour": "每小时{}公里",
        "meters per second": "每秒{}米",
    }
    assert len(units) == len(UNITS)
    date = re.compile(rf"({days.replace(' ', '|')}) ({months.replace(' ', '|')}) (\d+)")
    seen = set()
    for source, target in zip(*dated_lists(900, [1], seed=3), strict=True):
        english, chinese = " ".join(source), "".join(target)
        if found := date.fullmatch(english):
            weekday, month, day = found.groups()
            character = "一二三四五六日"[days.split().index(weekday)]
            expected = f"{months.split().index(month) + 1}月{day}日星期{character}"
            seen.add("date")
        else:
            number, unit = english.split(" ", 1)
            pattern = units[unit]
            expected = pattern.format(number) if "{}" in pattern else number + pattern
            seen.add(unit)
        assert chinese == expected
    assert seen == {"date", *units}


def test_the_weekday_is_the_calendars():
    pairs = dated_lists(300, [1], seed=0)
    days = {s[1:]: set() for s in pairs.sources if s[0].endswith("day")}
    for source in pairs.sources:
        if source[0].endswith("day"):
            days[source[1:]].add(source[0])
    assert max(map(len, days.values())) > 1  # a day of the year falls on several weekdays


def test_nothing_is_drawn_twice_or_from_what_is_known():
    train = dated_lists(400, [1, 2], seed=0)
    test = dated_lists(200, [1, 2], seed=1, without=train.sources)
    assert len(set(train.sources)) == 400
    assert not set(train.sources) & set(test.sources)
    assert set(train.sources) & set(dated_lists(400, [1, 2], seed=1).sources)


def test_the_same_seed_draws_the_same():
    assert dated_lists(20, [3], seed=5) == dated_lists(20, [3], seed=5)
    assert dated_lists(20, [3], seed=5) != dated_lists(20, [3], seed=6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dated_lists(0, [1], seed=0), "count is 0; expected at least 1"),
        (lambda: dated_lists(5, [], seed=0), "items is empty"),
        (lambda: dated_lists(5, [1, 0], seed=0), "an entry of items is 0; expected at least 1"),
        (lambda: dated_lists(5000, [1], seed=0), "count is 5000, but there are hardly more"),
        (lambda: dated_lists(5, [1], seed=-1), "rng is -1"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_shuffled_sources_keep_their_words_and_translations():
    pairs = dated_lists(50, [4], seed=0)
    shuffled = shuffle_sources(pairs, seed=0)
    assert shuffled.targets == pairs.targets
    assert list(map(sorted, shuffled.sources)) == list(map(sorted, pairs.sources))
    assert sum(map(tuple.__eq__, shuffled.sources, pairs.sources)) < 3


def test_items_of_a_bad_translation():
    assert split_items(["14", "磅", "磅", "月", "3", "日", "星期三"]) == ["14磅磅月", "3日星期三"]
    assert split_items([]) == []
    assert split_items(["和", "和"]) == []


def test_tatoeba_is_split_by_the_english_sentence(full_tier):
    parts = tatoeba_pairs()
    sizes = np.array([len(part.sources) for part in parts])
    sources = [set(part.sources) for part in parts]
    assert sizes.sum() == 19938
    assert not (sources[0] & sources[1] or sources[0] & sources[2] or sources[1] & sources[2])
    assert 0.79 < len(sources[0]) / sum(map(len, sources)) < 0.81
    every = [sentence for part in parts for side in part for sentence in side]
    assert max(map(len, every)) == 20 and min(map(len, every)) > 0
    assert all(isinstance(part, Pairs) and " " not in "".join(part.targets[0]) for part in parts)


def test_tatoeba_takes_fewer_of_shorter_sentences(full_tier):
    short = tatoeba_pairs(longest=6)
    assert max(map(len, short.train.sources + short.train.targets)) == 6
    assert len(short.train.sources) < len(tatoeba_pairs().train.sources) / 2
