"""The language reference, reading one's own text, and characters as numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_lib.data import characters
from gru_lib.data.characters import (
    CHARACTERS,
    Vocabulary,
    normalise_text,
    python_reference,
    read_text,
)

PARTS = ("train", "valid", "test")


@pytest.fixture(scope="module", params=[0, 1, 2])
def reference(request):
    return python_reference(seed=request.param)


def paragraphs(text):
    """The paragraphs with something in them, indentation apart."""
    return {" ".join(p.split()) for p in text.split("\n\n")} - {""}


# --- python_reference -----------------------------------------------------------------------


def test_the_text_is_large_and_in_the_fixed_characters(reference):
    sizes = [len(getattr(reference, part)) for part in PARTS]
    assert sum(sizes) > 300_000
    for part, size in zip(PARTS, sizes, strict=True):
        assert set(getattr(reference, part)) <= set(CHARACTERS)
        assert part == "train" or 0.08 < size / sum(sizes) < 0.12


def test_no_paragraph_and_no_topic_stands_on_two_sides(reference):
    for one, other in (("train", "valid"), ("train", "test"), ("valid", "test")):
        assert set(reference.topics[one]).isdisjoint(reference.topics[other])
        shared = paragraphs(getattr(reference, one)) & paragraphs(getattr(reference, other))
        assert not {p for p in shared if len(p) > 20}, (one, other)


def test_the_repetition_is_there_before_it_is_removed():
    from pydoc_data.topics import topics

    whole = paragraphs(normalise_text(topics["compound"]))
    excerpt = paragraphs(normalise_text(topics["while"]))
    assert excerpt < whole or len(excerpt & whole) > 0.8 * len(excerpt)


def test_held_out_texts_are_made_of_several_topics(reference):
    assert all(len(reference.topics[part]) >= 4 for part in PARTS)


def test_the_seed_decides_the_split():
    assert python_reference(seed=3) == python_reference(seed=3)
    assert python_reference(seed=3).test != python_reference(seed=4).test


def test_an_excerpt_goes_and_a_repeated_paragraph_stays_in_the_largest():
    long = "\n\n".join(f"paragraph {number}" for number in range(9))
    topics = {
        "long": long + "\n",
        "excerpt": "  paragraph 3\n\n  paragraph 4\n",
        "own": "paragraph 5\n\nsomething that is said nowhere else\n",
    }
    kept = characters._without_repetition(topics)
    assert kept == {"long": long + "\n", "own": "something that is said nowhere else\n"}


@pytest.mark.parametrize("share", [0, -0.1, 0.34, 1, float("nan")])
def test_a_share_out_of_range_is_named(share):
    with pytest.raises(ValueError, match=r"held_out_share is .*above 0, at most 1/3"):
        python_reference(held_out_share=share)


@pytest.mark.parametrize("share", [True, "0.1", None])
def test_a_share_that_is_no_number_is_named(share):
    with pytest.raises(TypeError, match=r"held_out_share is .*; expected a number"):
        python_reference(held_out_share=share)


# --- normalise_text -------------------------------------------------------------------------


@given(st.text())
def test_normalised_text_is_in_the_characters_and_stays_as_it_is(text):
    once = normalise_text(text)
    assert set(once) <= set(CHARACTERS)
    assert normalise_text(once) == once
    assert not once or once.endswith("\n")


@given(st.text(alphabet="abc ,.", min_size=1).filter(str.strip))
def test_plain_text_keeps_its_words(text):
    assert normalise_text(text).split() == text.split()


def test_each_rule_of_normalisation():
    assert normalise_text("a\r\nb\rc") == "a\nb\nc\n"
    assert normalise_text("‘a’ “b” c–d—e…\tf") == "'a' \"b\" c-d-e...    f\n"
    assert normalise_text("größe") == "gr??e\n"
    assert normalise_text("Title\n=====\n\ntext\n\n\n\n| x |\n|---|\n") == (
        "Title\n\ntext\n\n| x |\n"
    )
    assert normalise_text("") == normalise_text("\n \n") == ""


# --- read_text ------------------------------------------------------------------------------


def test_a_file_comes_back_as_it_is(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes("\ufeffÜber allen Gipfeln\r\nist Ruh\r\n".encode())
    assert read_text(path) == read_text(str(path)) == "Über allen Gipfeln\nist Ruh\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "poem.txt is empty; expected text"),
        (b"  \n\n ", "poem.txt holds nothing but blanks; expected text"),
        (b"abc\xff", "poem.txt is not UTF-8 from byte 3 on; save it"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, message):
    path = tmp_path / "poem.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_text(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"poem\.txt"):
        read_text(tmp_path / "poem.txt")


# --- Vocabulary -----------------------------------------------------------------------------


@given(st.text(min_size=1))
def test_codes_go_back_to_the_text_and_are_the_ranks_of_its_characters(text):
    vocabulary = Vocabulary(text)
    codes = vocabulary.encode(text)
    assert codes.dtype == np.int64 and codes.shape == (len(text),)
    assert vocabulary.decode(codes) == text
    assert vocabulary.characters == "".join(sorted(set(text)))
    assert codes.tolist() == [vocabulary.characters.index(c) for c in text]
    assert all(c in vocabulary for c in text)
    assert len(vocabulary) == len(set(text))


def test_nothing_is_nothing():
    vocabulary = Vocabulary("ab")
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.decode([]) == vocabulary.decode(np.zeros(0, np.int64)) == ""


def test_equal_characters_make_equal_vocabularies():
    assert Vocabulary("abba") == Vocabulary("ba") != Vocabulary("abc")
    assert len({Vocabulary("abba"), Vocabulary("ba")}) == 1
    assert Vocabulary("ab") != "ab"
    assert "ab" not in Vocabulary("ab")


@given(st.text(alphabet="abc", min_size=1), st.text(alphabet="abcdé", min_size=1))
def test_the_first_unseen_character_is_named_with_its_place(known, text):
    vocabulary = Vocabulary(known)
    unseen = [place for place, c in enumerate(text) if c not in known]
    if not unseen:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        return
    with pytest.raises(ValueError) as error:
        vocabulary.encode(text)
    assert f"text holds {text[unseen[0]]!r} at position {unseen[0]} " in str(error.value)
    assert "leave it out, or build the vocabulary" in str(error.value)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="text is empty; expected the text that the model"):
        Vocabulary("")
    with pytest.raises(TypeError, match="text is of type list; expected a string"):
        Vocabulary(["ab"])
    with pytest.raises(TypeError, match="text is of type NoneType; expected a string"):
        Vocabulary("ab").encode(None)
    with pytest.raises(TypeError, match="codes has dtype float64; expected integers"):
        Vocabulary("ab").decode([0.0])
    with pytest.raises(ValueError, match=r"codes has shape \(1, 1\); expected \(n,\)"):
        Vocabulary("ab").decode([[0]])


@pytest.mark.parametrize(("codes", "message"), [([0, 2], "2 at position 1"), ([-1], "-1 at")])
def test_a_code_out_of_range_is_named(codes, message):
    with pytest.raises(ValueError, match=f"codes holds {message}.*expected 0 to 1"):
        Vocabulary("ab").decode(codes)


def test_a_long_vocabulary_is_shown_short():
    assert repr(Vocabulary("abc")) == "Vocabulary of 3 characters: 'abc'"
    assert len(repr(Vocabulary(CHARACTERS))) < 60
