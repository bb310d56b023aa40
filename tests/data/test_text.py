"""Names of countries and languages, and characters as numbers."""

import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru_lib.data.text import (
    ALPHABET,
    LANGUAGES,
    _entries,
    encode_characters,
    language_names,
    shuffle_characters,
)

# --- language_names -------------------------------------------------------------------------


def labelled(data):
    """Both sides as sets of (text, locale code)."""
    train = {
        (text, data.languages[label])
        for text, label in zip(data.train_texts, data.train_labels, strict=True)
    }
    test = {
        (text, data.languages[label])
        for text, label in zip(data.test_texts, data.test_labels, strict=True)
    }
    return train, test


def unambiguous_entries(languages):
    """(key, text, language) of every name that occurs once, counted here a second time."""
    entries = [entry for language in languages for entry in _entries(language)]
    seen = Counter(text for _, text, _ in entries)
    return [entry for entry in entries if seen[entry[1]] == 1]


@pytest.fixture(scope="module", params=[0, 1, 2])
def names(request):
    return language_names(seed=request.param)


def test_every_text_is_over_the_alphabet_and_of_usable_length(names):
    for text in names.train_texts + names.test_texts:
        assert set(text) <= set(ALPHABET)
        assert 4 <= len(text) <= 30
        assert text == " ".join(text.split())


def test_labels_are_indices_one_a_text(names):
    assert names.languages == LANGUAGES
    for texts, labels in (
        (names.train_texts, names.train_labels),
        (names.test_texts, names.test_labels),
    ):
        assert labels.shape == (len(texts),)
        assert labels.dtype == np.int64
        # every class is present on both sides
        assert set(labels.tolist()) == set(range(len(LANGUAGES)))


def test_no_text_stands_on_both_sides_or_twice(names):
    every = names.train_texts + names.test_texts
    assert set(names.train_texts).isdisjoint(names.test_texts)
    assert len(every) == len(set(every))


def test_all_translations_of_one_entry_fall_on_one_side(names):
    key_of = {(text, language): key for key, text, language in unambiguous_entries(names.languages)}
    train, test = labelled(names)
    assert train | test == set(key_of)
    train_keys = {key_of[name] for name in train}
    test_keys = {key_of[name] for name in test}
    assert train_keys.isdisjoint(test_keys)
    assert len(test_keys) == round(0.2 * len(train_keys | test_keys))


def test_a_name_that_two_languages_spell_alike_is_dropped():
    train, test = labelled(language_names(("de", "sv")))
    german = {text for _, text, _ in _entries("de")}
    swedish = {text for _, text, _ in _entries("sv")}
    alike = german & swedish
    assert alike
    assert alike.isdisjoint(text for text, _ in train | test)


@pytest.mark.parametrize(
    ("name", "language"),
    [("schweden", "de"), ("szwecja", "pl"), ("osterreich", "de"), ("saudi arabien", "de")],
)
def test_known_names_lose_their_marks_and_capitals(name, language):
    train, test = labelled(language_names(("de", "pl")))
    assert (name, language) in train | test


def test_same_seed_same_split():
    one, other = language_names(seed=5), language_names(seed=5)
    assert one.train_texts == other.train_texts
    assert one.test_texts == other.test_texts
    np.testing.assert_array_equal(one.train_labels, other.train_labels)
    np.testing.assert_array_equal(one.test_labels, other.test_labels)


def test_another_seed_gives_another_split_of_the_same_names():
    one, other = labelled(language_names(seed=5)), labelled(language_names(seed=6))
    assert one[1] != other[1]
    assert one[0] | one[1] == other[0] | other[1]


@pytest.mark.parametrize("test_share", [0.01, 0.5, 0.9])
def test_test_share_is_the_share_of_entries(test_share):
    languages = ("de", "pl")
    key_of = {(text, language): key for key, text, language in unambiguous_entries(languages)}
    _, test = labelled(language_names(languages, test_share=test_share))
    keys = {key_of[name] for name in test}
    assert len(keys) == round(test_share * len(set(key_of.values())))


@pytest.mark.parametrize("unknown", ["xx-nonsense", "xx", "", "deutsch", None, 7])
def test_an_unknown_locale_is_named(unknown):
    with pytest.raises(ValueError, match=rf"languages holds {unknown!r}, which is no locale"):
        language_names(("de", unknown))


@pytest.mark.parametrize(
    "code",
    [
        *("zh", "ru", "ja", "ar", "hi"),
        # Greek, Khmer and Pashto: 1, 2 and 4 of their names happen to be in Latin script
        *("el", "km", "ps"),
    ],
)
def test_a_language_in_another_script_is_named(code):
    with pytest.raises(ValueError, match=f"languages holds '{code}', .*not written in Latin"):
        language_names(("de", code))


@pytest.mark.parametrize("languages", [(), ("de",), ("de", "de"), ("de", "pl", "de")])
def test_languages_must_be_two_or_more_and_different(languages):
    with pytest.raises(ValueError, match=r"^languages is .* expected two or more different"):
        language_names(languages)


@pytest.mark.parametrize("test_share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_test_share_out_of_range_is_named(test_share):
    with pytest.raises(ValueError, match=f"^test_share is {test_share}; expected a number"):
        language_names(("de", "pl"), test_share=test_share)


def test_missing_babel_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    with pytest.raises(ImportError, match=r"Babel.*pip install 'gru-lib\[data\]'"):
        language_names()


# --- encode_characters ----------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(ALPHABET, min_size=1, max_size=30), max_size=8))
def test_codes_can_be_read_back(texts):
    codes, lengths = encode_characters(texts)
    assert codes.dtype == lengths.dtype == np.int64
    assert codes.shape == (len(texts), max(map(len, texts), default=0))
    assert lengths.tolist() == [len(text) for text in texts]
    read = [
        "".join(ALPHABET[code - 1] for code in row[:length])
        for row, length in zip(codes.tolist(), lengths.tolist(), strict=True)
    ]
    assert read == texts
    for row, length in zip(codes, lengths, strict=True):
        assert (row[:length] > 0).all()
        assert (row[length:] == 0).all()


def test_every_character_has_its_own_code():
    codes, _ = encode_characters([ALPHABET])
    assert codes.tolist() == [list(range(1, 28))]


@pytest.mark.parametrize("bad", ["", "Schweden", "österreich", "a-b", "a\tb", "a1"])
def test_a_text_outside_the_alphabet_is_named(bad):
    with pytest.raises(ValueError, match=f"^texts holds {bad!r}; expected".replace("\\", r"\\")):
        encode_characters(["fine", bad])


def test_both_sides_of_the_split_get_some_and_labels_are_integers():
    for share in (0.0001, 0.9999):
        names = language_names(("de", "pl"), test_share=share)
        assert names.train_texts and names.test_texts
        assert names.train_labels.dtype == names.test_labels.dtype == np.int64


def test_shuffling_keeps_every_bag_and_draws_from_the_generator():
    texts = list(language_names().test_texts)
    shuffled = shuffle_characters(texts, np.random.default_rng(0))
    assert [sorted(text) for text in shuffled] == [sorted(text) for text in texts]
    assert sum(one != other for one, other in zip(texts, shuffled, strict=True)) > 0.95 * len(texts)
    assert shuffled == shuffle_characters(texts, np.random.default_rng(0))
    assert shuffled != shuffle_characters(texts, np.random.default_rng(1))
