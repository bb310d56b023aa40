"""gru_lib.data.docstrings and questions: what is read, what is left out, and the splits."""

import re

import numpy as np
import pytest

from gru_lib.data import docstrings
from gru_lib.data.characters import CHARACTERS
from gru_lib.data.docstrings import LIBRARIES, library_sentences, numpy_docstrings
from gru_lib.data.questions import TREC_CLASSES, trec_questions

PARTS = ("train", "valid", "test")


@pytest.fixture(scope="module")
def numpy_text():
    return numpy_docstrings()


@pytest.fixture(scope="module")
def sentences():
    return library_sentences()


def key(sentence):
    return re.sub(r"[\W\d_]+", " ", sentence).lower()


# --- a package made for the test ------------------------------------------------------------

SOURCE = '''"""A module."""
def shown():
    """Public one. And more."""
def _hidden():
    """Private one."""
class Shown:
    """A class."""
    def method(self):
        """A method."""
        raise RuntimeError("never run")
add_newdoc("a.b", "made_in_c", """
    What C does.
    """)
raise RuntimeError("never run")
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose files would raise if anything ran them."""
    for path in ("made/one.py", "made/tests/two.py", "made/test_three.py", "made/deep/four.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(SOURCE)
    (tmp_path / "made/__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    return "made"


def test_public_docstrings_are_read_and_nothing_runs(package):
    found = list(docstrings._docstrings(package))
    assert {module for module, _, _ in found} == {"made.one", "made.deep.four"}
    assert [pair[1:] for pair in found if pair[0] == "made.one"] == [
        ("", "A module."),
        ("shown", "Public one. And more."),
        ("Shown", "A class."),
        ("method", "A method."),
        ("made_in_c", "What C does."),
    ]


def test_no_more_source_is_read_than_asked_for(package):
    one = {module for module, _, _ in docstrings._docstrings(package, len(SOURCE) + 1)}
    assert len(one) == 1


def test_the_first_sentence_ends_where_it_ends():
    assert docstrings._first_sentence("Give it\n  back. Really.\n\nMore.") == "Give it back."
    assert docstrings._first_sentence("No full stop\n\nMore.") == "No full stop"


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(ImportError, match="no_such_package"):
        list(docstrings._docstrings("no_such_package"))


# --- NumPy ----------------------------------------------------------------------------------


def test_numpys_text_is_long_and_over_the_characters(numpy_text):
    assert len(numpy_text.train) > 700_000
    for part in PARTS:
        assert set(getattr(numpy_text, part)) <= set(CHARACTERS)
    for part in ("valid", "test"):
        assert (
            0.08 < len(getattr(numpy_text, part)) / sum(map(len, numpy_text[:3])) < 0.101
        )  # ends of lines


def test_no_paragraph_of_numpys_test_was_trained_on(numpy_text):
    def paragraphs(text):
        return {" ".join(p.split()) for p in text.split("\n\n") if len(p) > 40}

    assert len(paragraphs(numpy_text.test)) > 200
    assert paragraphs(numpy_text.test).isdisjoint(paragraphs(numpy_text.train))
    assert paragraphs(numpy_text.valid).isdisjoint(paragraphs(numpy_text.test))


def test_numpys_split_is_decided_by_its_seed(numpy_text):
    assert numpy_docstrings() == numpy_text
    assert numpy_docstrings(seed=1).topics["test"] != numpy_text.topics["test"]
    assert not any("distutils" in name for name in numpy_text.topics["train"])


# --- six libraries --------------------------------------------------------------------------


def test_classes_are_equally_often_in_every_part_and_prefix(sentences):
    assert [len(sentences[part].sentences) for part in PARTS] == [1500, 600, 1200]
    for part in PARTS:
        assert np.bincount(sentences[part].classes).tolist() == [
            len(sentences[part].sentences) // 6
        ] * len(LIBRARIES)
    for n in (6, 12, 60, 300):
        assert np.bincount(sentences["train"].classes[:n]).tolist() == [n // 6] * 6


def test_no_sentence_stands_twice(sentences):
    everything = [key(text) for part in PARTS for text in sentences[part].sentences]
    assert len(set(everything)) == len(everything)
    for part in PARTS:
        for text in sentences[part].sentences:
            assert 20 <= len(text) <= 120
            assert set(text) <= set(CHARACTERS) - {"\n"}


def test_a_module_is_in_one_part(sentences):
    part_of = {text: part for part in PARTS for text in sentences[part].sentences}
    for modules in docstrings._sentences().values():
        for texts in modules.values():
            assert len({part_of[text] for text in texts if text in part_of}) <= 1


def test_a_label_is_the_library(sentences):
    found = docstrings._sentences()
    for text, number in zip(*sentences["test"], strict=True):
        assert any(text in texts for texts in found[LIBRARIES[number]].values())


def test_other_seeds_draw_others(sentences):
    assert library_sentences(seed=1)["test"].sentences != sentences["test"].sentences
    again = library_sentences()
    assert again["train"].sentences == sentences["train"].sentences


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"train": 100}, ValueError, "train is 100; expected a positive multiple of 6"),
        ({"valid": 0}, ValueError, "valid is 0"),
        ({"test": 6.0}, TypeError, "test is 6.0; expected a whole number"),
        ({"train": 60_000}, ValueError, r"\w+ has \d+ sentences for train; 10000 were asked for"),
    ],
)
def test_sizes_that_cannot_be_are_named(sizes, error, message):
    with pytest.raises(error, match=message):
        library_sentences(**sizes)


# --- TREC -----------------------------------------------------------------------------------


def test_trec_questions(full_tier):
    parts = trec_questions()
    assert len(parts["test"].sentences) == 500
    assert len(parts["valid"].sentences) == 500
    assert 4800 < len(parts["train"].sentences) < 5452 - 500  # copies and test questions are gone
    texts = [set(parts[part].sentences) for part in PARTS]
    assert sum(map(len, texts)) == len(set.union(*texts))
    assert set(parts["test"].classes) == set(range(len(TREC_CLASSES)))
    index = parts["test"].sentences.index("Who developed the vaccination against polio ?")
    assert TREC_CLASSES[parts["test"].classes[index]] == "person"
