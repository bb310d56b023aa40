"""The table of an application: what it takes, what it says, and that it can be stored."""

import copy
import json
import re
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gru_lib.scoreboard import KINDS, MEDIA_TYPE, Score, Scoreboard


def board(better="higher", *, stored=False, **rows):
    """A scoreboard with one row a kind; scores are accuracies, or errors if lower is better."""
    made = Scoreboard("parity", "random bits", "accuracy", better, stored=stored)
    given = {
        "trivial": [0.5],
        "non_recurrent": [0.6, 0.6, 0.6],
        "rival": [0.9, 0.9, 0.9],
        "gru": [0.9, 0.9, 0.9],
        "control": [0.5, 0.5, 0.5],
        **rows,
    }
    for kind, scores in zip(KINDS, given.values(), strict=True):
        if scores:
            scores = scores if better == "higher" else [1 - score for score in scores]
            made.add("GRU" if kind == "GRU" else f"a {kind}", kind, scores, 12)
    return made


# --- the verdict ----------------------------------------------------------------------------

CASES = {
    "ahead, level": (
        {},
        "GRU ahead of every baseline, level with a recurrent rival; the control fails",
    ),
    "ahead of both": (
        {"gru": [0.95, 0.92, 0.91]},
        "GRU ahead of every baseline, ahead of a recurrent rival; the control fails",
    ),
    "one seed spoils it": (
        {"gru": [0.99, 0.99, 0.9]},
        "GRU ahead of every baseline, level with a recurrent rival; the control fails",
    ),
    "behind the rival": (
        {"gru": [0.8, 0.89, 0.7]},
        "GRU ahead of every baseline, behind a recurrent rival; the control fails",
    ),
    "level with a baseline": (
        {"gru": [0.8, 0.6, 0.7]},
        "GRU level with a non-recurrent, behind a recurrent rival; the control fails",
    ),
    "behind a baseline": (
        {"non_recurrent": [0.97, 0.96, 0.95]},
        "GRU behind a non-recurrent, level with a recurrent rival; the control fails",
    ),
    "behind the dull one": (
        {"trivial": [0.95]},
        "GRU behind a trivial, level with a recurrent rival; the control fails",
    ),
    "the better mean is not the harder one": (
        {"trivial": [0.7], "non_recurrent": [0.5, 0.9, 0.61], "gru": [0.8, 0.9, 0.85]},
        "GRU level with a non-recurrent, level with a recurrent rival; the control fails",
    ),
    "the control does as well": (
        {"control": [0.9, 0.5, 0.5]},
        "GRU ahead of every baseline, level with a recurrent rival; NOT FAILING: a control",
    ),
    "the control does better": (
        {"control": [0.95, 0.95, 0.95]},
        "GRU ahead of every baseline, level with a recurrent rival; NOT FAILING: a control",
    ),
}


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("case", CASES)
def test_verdicts(case, better):
    rows, said = CASES[case]
    assert board(better, **rows).verdict() == said


def test_one_of_two_controls_that_does_not_fail_is_enough():
    made = board()
    made.add("labels shuffled", "control", [0.4, 0.9, 0.4])
    assert made.verdict().endswith("NOT FAILING: labels shuffled")


def test_the_best_gru_is_taken_and_every_rival_looked_at():
    made = board(gru=[0.7, 0.7, 0.7])
    made.add("GRU, two layers", "GRU", [0.93, 0.93, 0.93])
    made.add("tanh", "recurrent rival", [0.2, 0.95, 0.2])
    assert made.verdict().startswith("GRU, two layers ahead of every baseline, level with tanh;")
    assert made.against("recurrent rival") == ("level", made.rows[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_no_verdict_without_a_row_of_each_kind(kind):
    made = board()
    made.rows = [row for row in made.rows if row.kind != kind]
    assert made.missing_kinds() == [kind]
    with pytest.raises(ValueError, match=f"there is no row of the kind '{kind}'"):
        made.verdict()
    assert repr(made).endswith(f"no verdict without {kind}")
    assert f"no verdict without {kind}." in made._repr_html_()
    with pytest.raises(ValueError, match=f"there is no row of the kind '{kind}'"):
        made.best(kind)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=4), st.lists(st.floats(-5, 5), min_size=1))
def test_ahead_is_the_other_ones_behind(first, second):
    made = board()
    one, other = Score("one", "GRU", tuple(first)), Score("other", "GRU", tuple(second))
    said = made.compare(one, other)
    assert (
        made.compare(other, one) == {"ahead": "behind", "behind": "ahead", "level": "level"}[said]
    )
    assert (said == "ahead") == all(a > b for a in first for b in second)
    for order in permutations(first) if len(first) < 4 else ():
        assert made.compare(Score("one", "GRU", order), other) == said


# --- what is shown --------------------------------------------------------------------------


def test_what_is_shown():
    made = board(gru=[0.91, 0.5, 0.8], control=[0.4, 0.3, 0.35])
    made.rows.reverse()  # rows are shown by kind
    assert repr(made) == (
        "parity, random bits\n"
        "                                    parameters  accuracy, higher is better (3 seeds)\n"
        "a trivial          trivial                  12  0.500\n"
        "a non-recurrent    non-recurrent            12  0.600 (0.600 to 0.600)\n"
        "a recurrent rival  recurrent rival          12  0.900 (0.900 to 0.900)\n"
        "GRU                GRU                      12  0.737 (0.500 to 0.910)\n"
        "a control          control                  12  0.350 (0.300 to 0.400)\n"
        "GRU level with a non-recurrent, level with a recurrent rival; the control fails"
    )
    shown = made._repr_mimebundle_()
    assert shown["text/plain"] == repr(made) and shown[MEDIA_TYPE] == made.to_dict()
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", shown["text/html"])
    assert cells[:4] == ["a trivial", "trivial", "12", "0.500"] and len(cells) == 20


def test_of_errors_the_largest_is_the_worst():
    made = Scoreboard("load", "hours", "error", "lower", digits=1)
    assert made.show_score(Score("GRU", "GRU", (3.0, 1.04, 2.0))) == "2.0 (3.0 to 1.0)"


def test_seeds_are_counted_where_there_are_some():
    made = board(control=[0.1] * 5)
    assert "(3 to 5 seeds)" in repr(made)
    made.rows = made.rows[:1]
    assert "seeds" not in repr(made)
    made.rows = []
    assert repr(made).startswith("parity, random bits\n")


def test_html_is_escaped():
    made = Scoreboard("<b>", "a & b", "x < y", "lower")
    made.add("<script>", "trivial", [1.0])
    shown = made._repr_html_()
    assert "<b>" not in shown and "<script>" not in shown and "a &amp; b" in shown


# --- what is stored -------------------------------------------------------------------------

LINES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8
).filter(str.strip)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def boards(draw):
    made = Scoreboard(
        draw(LINES),
        draw(LINES),
        draw(LINES),
        draw(st.sampled_from(["higher", "lower"])),
        digits=draw(st.integers(0, 6)),
        stored=draw(st.booleans()),
    )
    for name in draw(st.lists(LINES, unique=True, max_size=7)):
        scores = draw(st.lists(FLOATS, min_size=3, max_size=5))
        made.add(name, draw(st.sampled_from(KINDS)), scores, draw(st.none() | st.integers(0)))
    return made


@given(boards())
def test_what_a_notebook_stores_comes_back_exactly(made):
    stored = json.loads(json.dumps(made.to_dict()))
    again = Scoreboard.from_dict(stored)
    assert again.to_dict() == made.to_dict() and again.rows == made.rows
    assert repr(again) == repr(made) and again._repr_html_() == made._repr_html_()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("metric"), ValueError, r"stored has the keys \['better'.*; expected"),
        (lambda s: s["rows"][0].pop("kind"), ValueError, "row has the keys"),
        (lambda s: s["rows"].append("GRU"), TypeError, "row is 'GRU'; expected a dict"),
        (lambda s: s["rows"].append(s["rows"][0]), ValueError, "there is a row 'a trivial'"),
        (lambda s: s["rows"][0].update(scores=[float("nan")]), ValueError, "score 0 of 'a triv"),
        (lambda s: s.update(better="more"), ValueError, "better is 'more'"),
    ],
)
def test_what_is_no_scoreboard_is_refused(change, error, message):
    stored = copy.deepcopy(board().to_dict())
    change(stored)
    with pytest.raises(error, match=message):
        Scoreboard.from_dict(stored)
    with pytest.raises(TypeError, match="stored is None; expected a dict"):
        Scoreboard.from_dict(None)


# --- what it takes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([], ValueError, "'x' has 0 scores; a row of the kind 'GRU' needs 3, one a seed"),
        ([0.5], ValueError, "'x' has 1 score; "),
        ([0.5, float("nan"), 0.5], ValueError, "score 1 of 'x' is nan; expected a finite number"),
        ([0.5, 0.5, -float("inf")], ValueError, "score 2 of 'x' is -inf"),
        ([0.5, "0.5", 0.5], TypeError, "score 1 of 'x' is '0.5'; expected a number"),
        ([True, True, True], TypeError, "score 0 of 'x' is True"),
        ([[0.5], [0.5], [0.5]], TypeError, r"score 0 of 'x' is \[0.5\]"),
        (0.5, TypeError, "the scores of 'x' are 0.5; expected a list of numbers"),
        ("0.5", TypeError, "the scores of 'x' are '0.5'"),
        (None, TypeError, "the scores of 'x' are None"),
    ],
)
def test_scores_that_are_none(scores, error, message):
    made = board()
    with pytest.raises(error, match=message):
        made.add("x", "GRU", scores)
    assert len(made.rows) == len(KINDS)


@pytest.mark.parametrize("kind", ["trivial", "non-recurrent"])
def test_a_baseline_needs_one_score(kind):
    made = board()
    made.add("x", kind, [1])
    with pytest.raises(ValueError, match="needs 1"):
        made.add("y", kind, [])


def test_arrays_and_numbers_of_numpy_are_scores():
    made = board()
    made.add("x", "GRU", np.array([0.5, 0.25, 1.0], dtype=np.float32), np.int64(7))
    assert made.rows[-1] == Score("x", "GRU", (0.5, 0.25, 1.0), 7)
    assert json.loads(json.dumps(made.to_dict()))["rows"][-1]["parameters"] == 7


@pytest.mark.parametrize(
    ("name", "kind", "parameters", "error", "message"),
    [
        ("GRU", "GRU", None, ValueError, "there is a row 'GRU' already"),
        ("x", "gru", None, ValueError, "kind is 'gru'; expected one of 'trivial', 'non-recurrent'"),
        ("", "GRU", None, ValueError, "name is ''; expected words in one line"),
        ("a\nb", "GRU", None, ValueError, "expected words in one line"),
        (3, "GRU", None, TypeError, "name is 3; expected a string"),
        ("x", "GRU", 2.5, TypeError, "parameters is 2.5; expected a whole number"),
        ("x", "GRU", True, TypeError, "parameters is True"),
        ("x", "GRU", -1, ValueError, "parameters is -1; expected at least 0"),
    ],
)
def test_rows_that_are_none(name, kind, parameters, error, message):
    with pytest.raises(error, match=message):
        board().add(name, kind, [0.1, 0.2, 0.3], parameters)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("a", "b", "c", "more"), {}, ValueError, "better is 'more'; expected 'higher' or 'lower'"),
        ((None, "b", "c", "lower"), {}, TypeError, "task is None; expected a string"),
        (("a", " ", "c", "lower"), {}, ValueError, "data is ' '; expected words in one line"),
        (("a", "b", "c\nd", "lower"), {}, ValueError, "metric is"),
        (("a", "b", "c", "lower"), {"digits": 1.5}, TypeError, "digits is 1.5"),
        (("a", "b", "c", "lower"), {"digits": -1}, ValueError, "digits is -1"),
        (("a", "b", "c", "lower"), {"stored": 1}, TypeError, "stored is 1; expected True or"),
    ],
)
def test_boards_that_are_none(arguments, options, error, message):
    with pytest.raises(error, match=message):
        Scoreboard(*arguments, **options)
