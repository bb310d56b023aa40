"""Every exercise keeps its promises, and ``check`` survives whatever a learner hands in."""

import collections
import itertools
import math
import operator
import signal
import threading
import time

import numpy as np
import pytest

from gru_lib.exercises import (
    check,
    checker,
    desk,
    find_exercise,
    hint,
    progress,
    registry,
    solution,
)
from gru_lib.exercises.checker import call_answer, grade

EXERCISES = list(registry().values())
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.wrong_answers]
SEEDS = range(25)

every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
every_mistake = pytest.mark.parametrize(
    ("exercise", "mistake"), MISTAKES, ids=[f"{e.name}: {m.name}" for e, m in MISTAKES]
)


@pytest.fixture(autouse=True)
def fresh_desk(monkeypatch):
    """No exercise solved, no hint given, the cases fixed."""
    monkeypatch.setattr(desk, "_solved", set())
    monkeypatch.setattr(desk, "_hints_given", {})
    monkeypatch.setenv("GRU_CHECK_SEED", "0")


def judge(exercise, answer, seed=0):
    return grade(exercise, answer, np.random.default_rng(seed))


def checked(capsys, name, answer):
    """What check prints."""
    capsys.readouterr()
    assert check(name, answer) is None
    return capsys.readouterr().out


def unfolded(text):
    """What check says, on one line."""
    return " ".join(text.split())


def assert_not_yet(text, name):
    assert text.startswith(f"✗ {name}: not yet.\n")
    assert f"hint({name!r})" in text
    assert "Traceback" not in text
    assert name not in desk._solved


# --- what every exercise holds --------------------------------------------------------------


def test_there_are_exercises_and_their_names_are_unique():
    names = [exercise.name for exercise in EXERCISES]
    assert names
    assert list(registry()) == names
    modules = [desk.module_of(part) for part in desk.PARTS]
    assert sum(len(module.EXERCISES) for module in modules) == len(set(names))


@every_exercise
def test_an_exercise_is_complete(exercise):
    part, slug = exercise.name.split("/")
    assert part in desk.PARTS
    assert slug and slug == slug.lower() and " " not in slug
    assert exercise.chapter
    assert exercise.task.endswith(".") and len(exercise.task.split()) > 3
    assert exercise.hints and all(exercise.hints)
    assert len(set(exercise.hints)) == len(exercise.hints)

    names = [mistake.name for mistake in exercise.wrong_answers]
    messages = [mistake.message for mistake in exercise.wrong_answers]
    assert len(names) >= 3
    assert all(names) and len(set(names)) == len(names)
    assert all(messages) and len(set(messages)) == len(messages)
    assert exercise.broken is None or exercise.broken in names


@every_exercise
def test_cases_are_fresh_for_every_seed_and_fixed_by_it(exercise):
    def drawn(seed):
        return repr(exercise.cases(np.random.default_rng(seed)))

    assert drawn(0) == drawn(0)
    assert drawn(0) != drawn(1)


# --- right, wrong and missing answers -------------------------------------------------------


@every_exercise
def test_the_reference_passes(exercise):
    for seed in SEEDS:
        report = judge(exercise, exercise.reference, seed)
        assert report.passed, f"seed {seed}: {report.message}"
        assert report.message == ""


def test_the_parity_references_are_the_running_exclusive_or():
    # an answer is compared with the reference, so the reference needs another judge
    bits = np.random.default_rng(0).integers(0, 2, size=300).tolist()
    expected = list(itertools.accumulate(bits, operator.xor))
    assert find_exercise("background/running-parity").reference(bits) == expected
    one_unit = find_exercise("background/one-unit-gru")
    assert one_unit.run(one_unit.reference, (bits,)) == expected


@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("position", [1, 2, 3, 4, 6])
def test_the_window_reference_is_the_best_by_counting(width, position):
    # for every content of the window: the answer that is right more often
    odd_and_even = collections.defaultdict(lambda: [0, 0])
    for bits in itertools.product((0, 1), repeat=position):
        odd_and_even[bits[-width:]][sum(bits) % 2] += 1
    right = sum(max(counts) for counts in odd_and_even.values())
    reference = find_exercise("background/best-window-accuracy").reference
    assert reference(width, position) == right / 2**position


@every_mistake
def test_a_wrong_answer_fails_with_its_own_message(exercise, mistake):
    others = [other.message for other in exercise.wrong_answers if other is not mistake]
    for seed in SEEDS:
        report = judge(exercise, mistake.answer, seed)
        assert not report.passed, f"seed {seed}"
        assert mistake.message in report.message, f"seed {seed}: {report.message}"
        for other in others:
            assert other not in report.message, f"seed {seed}: {report.message}"


@every_mistake
def test_the_same_seed_gives_the_same_report(exercise, mistake):
    assert judge(exercise, mistake.answer, 3) == judge(exercise, mistake.answer, 3)


@every_exercise
def test_a_stub_is_told_to_write_its_code(exercise, capsys):
    for seed in SEEDS:
        report = judge(exercise, lambda *arguments: ..., seed)
        assert not report.passed
        assert "still returns `...`" in report.message
    text = checked(capsys, exercise.name, lambda *arguments: ...)
    assert_not_yet(text, exercise.name)
    assert "still returns" in text


@every_exercise
def test_a_missing_return_is_named(exercise):
    report = judge(exercise, lambda *arguments: None)
    assert not report.passed
    assert "returned None" in report.message


def test_an_answer_may_come_as_list_tuple_or_array_of_bits_or_booleans():
    exercise = find_exercise("background/running-parity")
    for make in (
        list,
        tuple,
        np.array,
        lambda odd: np.array(odd, dtype=bool),
        lambda odd: np.array(odd, dtype=np.float32),
        lambda odd: [one + 1e-12 for one in odd],
    ):
        assert judge(exercise, lambda bits, make=make: make(exercise.reference(bits))).passed
    off_by_a_little = judge(exercise, lambda bits: [one + 1e-6 for one in exercise.reference(bits)])
    assert not off_by_a_little.passed


def test_the_report_says_with_what_it_was_called_and_where_the_difference_is():
    exercise = find_exercise("background/running-parity")
    report = judge(exercise, lambda bits: [0] * len(bits))
    assert report.message == (
        "Called with [1, 1, 1, 0, 1]. It returned [0, 0, 0, 0, 0]; expected [1, 0, 1, 1, 0]. "
        "The first difference is at index 0."
    )


# --- hostile answers ------------------------------------------------------------------------


class Odd(BaseException):
    """What no ``except Exception`` catches."""


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("no message either")


def explode(*arguments, **keywords):
    raise RuntimeError("this object does not want to be looked at")


def exploding(*methods):
    """An object whose named special methods raise."""
    return type("Exploding", (), dict.fromkeys(methods, explode))()


SPECIAL = (
    "__array__",
    "__array_interface__",
    "__bool__",
    "__eq__",
    "__float__",
    "__format__",
    "__getattr__",
    "__getitem__",
    "__hash__",
    "__index__",
    "__iter__",
    "__len__",
    "__ne__",
    "__repr__",
    "__str__",
)


def containing_itself():
    nest = [1]
    nest.append(nest)
    return nest


# name: what makes the value, anew for every call (a generator can be read only once)
VALUES = {
    "None": lambda: None,
    "NaN": lambda: float("nan"),
    "array of NaN": lambda: np.full(5, np.nan),
    "infinity": lambda: -math.inf,
    "array with infinity": lambda: np.array([1.0, np.inf]),
    "wrong shape": lambda: np.zeros((2, 3, 4)),
    "empty": lambda: [],
    "zero rows": lambda: np.zeros((0, 5)),
    "ragged list": lambda: [[1], [1, 2], 3],
    "list that contains itself": containing_itself,
    "string": lambda: "text",
    "lone surrogate": lambda: "\ud800",
    "empty string": lambda: "",
    "bytes": lambda: b"bytes",
    "list of strings": lambda: ["1", "0"],
    "list of None": lambda: [None] * 5,
    "list of stubs": lambda: [...] * 5,
    "object array": lambda: np.array([object(), None], dtype=object),
    "complex": lambda: 1j,
    "array of complex": lambda: np.array([1j, 2]),
    "huge integer": lambda: 10**400,
    "integer too long to print": lambda: 10**5000,
    "list of huge integers": lambda: [10**400] * 5,
    "generator": lambda: (bit for bit in (1, 0)),
    "endless generator": lambda: iter(int, 1),
    "dict": lambda: {"weight_ih": 1},
    "dict with odd keys": lambda: {None: 1, 2: 3},
    "set": lambda: {1, 2},
    "function": lambda: len,
    "module": lambda: math,
    "class": lambda: int,
    "date": lambda: np.array(["2024-01-01"], dtype="datetime64[D]"),
    "structured array": lambda: np.zeros(5, dtype=[("a", int)]),
    "masked array": lambda: np.ma.masked_all(5),
    "memory view": lambda: memoryview(b"abc"),
    "exception": lambda: ValueError("returned, not raised"),
    "NotImplemented": lambda: NotImplemented,
    **{f"raising {name}": lambda name=name: exploding(name) for name in SPECIAL},
    "raising everything": lambda: exploding(*SPECIAL),
    "list of raising": lambda: [exploding(*SPECIAL)] * 5,
}


def with_inside(exercise, make):
    """An answer that looks right from outside and holds a hostile value inside."""

    def answer(*arguments):
        right = exercise.reference(*arguments)
        if isinstance(right, dict):
            return dict.fromkeys(right, make())
        if isinstance(right, list):
            return [make(), *right[1:]]
        return make()

    return answer


@pytest.mark.filterwarnings("ignore:Casting complex values to real")
@every_exercise
@pytest.mark.parametrize("value", VALUES)
def test_check_survives_a_hostile_result(exercise, value, capsys):
    make = VALUES[value]
    assert_not_yet(checked(capsys, exercise.name, lambda *arguments: make()), exercise.name)
    assert_not_yet(checked(capsys, exercise.name, with_inside(exercise, make)), exercise.name)


NOT_CALLABLE = {
    "None": None,
    "number": 3,
    "text": "text",
    "list": [1, 0, 1],
    "module": math,
    "stub": ...,
    "array": np.arange(1000),
    "raising everything": exploding(*SPECIAL),
}


@every_exercise
@pytest.mark.parametrize("value", NOT_CALLABLE)
def test_check_asks_for_the_function_itself(exercise, value, capsys):
    text = checked(capsys, exercise.name, NOT_CALLABLE[value])
    assert_not_yet(text, exercise.name)
    assert "check needs the function itself" in text


@every_exercise
def test_a_result_in_place_of_the_function_is_named(exercise, capsys):
    case = exercise.cases(np.random.default_rng(0))[0]
    result = exercise.run(exercise.reference, case)
    assert "without brackets" in " ".join(checked(capsys, exercise.name, result).split())


def recurse(*arguments):
    return recurse(*arguments)


RAISED = {
    "Exception": Exception("bad luck"),
    "without a message": ValueError(),
    "very long message": ValueError("long " * 10_000),
    "message of many lines": ValueError("one\ntwo\n\nthree"),
    "SystemExit": SystemExit(1),
    "GeneratorExit": GeneratorExit(),
    "BaseException": Odd("odd"),
    "StopIteration": StopIteration(3),
    "exception without words": UnprintableError(),
    "group": ExceptionGroup("two", [ValueError("a"), TypeError("b")]),
    "MemoryError": MemoryError(),
    "AssertionError": AssertionError(),
    "AnswerError": checker.AnswerError("not my size"),
}


@every_exercise
@pytest.mark.parametrize("raised", RAISED)
def test_check_survives_an_exception(exercise, raised, capsys):
    def answer(*arguments):
        raise RAISED[raised]

    text = checked(capsys, exercise.name, answer)
    assert_not_yet(text, exercise.name)
    assert len(text) < 600
    if raised != "AnswerError":
        assert f"It stopped with {type(RAISED[raised]).__name__}" in unfolded(text)


class TakesAnything:
    def __init__(self, *arguments):
        pass


class Nameless:
    """A callable without a __name__ that returns itself."""

    def __call__(self, *arguments):
        return self


class NumberedName(Nameless):
    """The same with a name that is no string."""

    __name__ = 5


ANSWERS = {
    "endless recursion": recurse,
    "too many arguments wanted": lambda a, b, c, d, e, f: 0,
    "keyword wanted": lambda *arguments, needed: 0,
    "class": TakesAnything,
    "built-in class": dict,
    "exception class": ValueError,
    "built-in function": len,
    "callable object": Nameless(),
    "numpy function": np.cumsum,
    "generator function": lambda *arguments: (yield 1),
}


@every_exercise
@pytest.mark.parametrize("answer", ANSWERS)
def test_check_survives_a_strange_callable(exercise, answer, capsys):
    assert_not_yet(checked(capsys, exercise.name, ANSWERS[answer]), exercise.name)


def test_a_coroutine_function_is_told_what_it_returned(capsys):
    async def answer(bits):
        return bits

    with pytest.warns(RuntimeWarning, match="never awaited"):
        text = checked(capsys, "background/running-parity", answer)
    assert_not_yet(text, "background/running-parity")
    assert "coroutine" in text


@every_exercise
def test_a_wrong_number_of_parameters_is_named(exercise, capsys):
    takes_nothing = not exercise.reference.__code__.co_argcount
    wrong = (lambda one: one) if takes_nothing else (lambda: 0)
    text = checked(capsys, exercise.name, wrong)
    assert_not_yet(text, exercise.name)
    assert "It stopped with TypeError" in unfolded(text)


@every_exercise
def test_ctrl_c_passes_through(exercise):
    def answer(*arguments):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(exercise.name, answer)
    assert exercise.name not in desk._solved


# --- known faults: delete the mark with the fault -------------------------------------------


def leave(*arguments):
    raise SystemExit("from a place where nobody expects it")


class LeavesOnEq:
    __eq__ = leave
    __hash__ = None


class SpeechlessError(Exception):
    __str__ = leave


class Classless:
    @property
    def __class__(self):
        raise RuntimeError("no class")


def raise_speechless(bits):
    raise SpeechlessError


def raise_surrogate(bits):
    raise ValueError("\ud800")


def change_to_leaving(bits):
    right = find_exercise("background/running-parity").reference(bits)
    bits[0] = LeavesOnEq()
    return right


LEAVES_ON_REPR = type("LeavesOnRepr", (), {"__repr__": leave})()
FAR_FETCHED = {
    "not callable, repr leaves": LEAVES_ON_REPR,
    "repr leaves": lambda bits: LEAVES_ON_REPR,
    "class raises": lambda bits: Classless(),
    "name is no string": lambda bits: NumberedName(),
    "message leaves": raise_speechless,
    "message cannot be encoded": raise_surrogate,
    "comparison of the changed argument leaves": change_to_leaving,
}


@pytest.mark.parametrize("answer", FAR_FETCHED)
def test_check_survives_the_far_fetched(answer, capsys):
    name = "background/running-parity"
    escaped, text = None, ""
    try:
        text = checked(capsys, name, FAR_FETCHED[answer])
    except BaseException as error:  # with its traceback, pytest would print the object and leave
        escaped = type(error).__name__
    assert escaped is None
    assert_not_yet(text, name)


@pytest.mark.parametrize("desk_function", [lambda name: check(name, len), hint, solution])
def test_a_name_that_cannot_be_hashed_is_answered(desk_function, capsys):
    desk_function(["background/running-parity"])
    assert "There is no exercise" in capsys.readouterr().out


def test_a_seed_that_is_no_number_does_not_end_in_a_traceback(capsys, monkeypatch):
    monkeypatch.setenv("GRU_CHECK_SEED", "random")
    text = checked(capsys, "background/running-parity", lambda bits: ...)
    assert "background/running-parity" in text


# --- changed arguments ----------------------------------------------------------------------

CHANGES = {
    "append": lambda taken: taken.append(1),
    "clear": lambda taken: taken.clear(),
    "pop": lambda taken: taken.pop(),
    "other value": lambda taken: taken.__setitem__(0, 7),
    "value that cannot be compared": lambda taken: taken.__setitem__(0, exploding(*SPECIAL)),
    "array in place of a number": lambda taken: taken.__setitem__(0, np.arange(3)),
}
TAKES_A_LIST = [
    exercise
    for exercise in EXERCISES
    if exercise.run is call_answer
    and any(isinstance(one, list) for one in exercise.cases(np.random.default_rng(0))[0])
]


def test_some_exercises_take_a_list():
    assert TAKES_A_LIST


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("exercise", TAKES_A_LIST, ids=lambda e: e.name)
def test_a_right_result_does_not_excuse_a_changed_argument(exercise, change, capsys):
    def answer(*arguments):
        right = exercise.reference(*arguments)
        for argument in arguments:
            if isinstance(argument, list):
                CHANGES[change](argument)
        return right

    text = checked(capsys, exercise.name, answer)
    assert_not_yet(text, exercise.name)
    assert "It changed its argument" in text


# --- endless loops --------------------------------------------------------------------------


# They end in the end, so that a time limit that does not work fails the tests, not hangs them.
PATIENCE_S = 1.5


def loop(*arguments):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        pass


def loop_inside_try(*arguments):
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:  # noqa: SIM105 - as learners write it
            sum(range(1000))
        except Exception:
            pass


def sleep(*arguments):
    time.sleep(PATIENCE_S)


@every_exercise
@pytest.mark.parametrize("answer", [loop, loop_inside_try, sleep], ids=lambda f: f.__name__)
def test_an_endless_loop_is_stopped_and_named(exercise, answer, capsys, monkeypatch):
    monkeypatch.setattr(checker, "TIME_LIMIT_S", 0.2)
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return answer(*arguments)

    text = checked(capsys, exercise.name, counted)
    assert_not_yet(text, exercise.name)
    assert "It had not come back after 0.2 seconds. An endless loop?" in text
    assert len(calls) == 1, "one wait is enough"


def test_the_alarm_is_put_back(monkeypatch, capsys):
    monkeypatch.setattr(checker, "TIME_LIMIT_S", 0.2)

    def mine(signum, frame):
        raise AssertionError("nothing rings here")

    before = signal.signal(signal.SIGALRM, mine)
    try:
        for answer in (loop, recurse, find_exercise("background/running-parity").reference):
            check("background/running-parity", answer)
            assert signal.getsignal(signal.SIGALRM) is mine
            assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert "✓ background/running-parity: solved." in capsys.readouterr().out


@every_exercise
def test_grading_works_outside_the_main_thread(exercise):
    reports = []
    answers = (exercise.reference, lambda *arguments: ...)
    thread = threading.Thread(
        target=lambda: reports.extend(judge(exercise, answer) for answer in answers)
    )
    thread.start()
    thread.join(30)
    assert [report.passed for report in reports] == [True, False]


# --- the desk -------------------------------------------------------------------------------


@every_exercise
def test_check_says_solved(exercise, capsys):
    assert checked(capsys, exercise.name, exercise.reference) == f"✓ {exercise.name}: solved.\n"


@pytest.mark.parametrize("desk_function", [lambda name: check(name, len), hint, solution])
def test_a_misspelt_name_is_answered_with_near_ones(desk_function, capsys):
    desk_function("background/runing-parity")
    text = capsys.readouterr().out
    assert text.startswith("There is no exercise 'background/runing-parity'. Did you mean ")
    assert "'background/running-parity'" in text


@pytest.mark.parametrize("hopeless", ["###", "", None, 5])
@pytest.mark.parametrize("desk_function", [lambda name: check(name, len), hint, solution])
def test_a_hopeless_name_is_answered_with_all_names(desk_function, hopeless, capsys):
    desk_function(hopeless)
    text = capsys.readouterr().out
    assert text.startswith(f"There is no exercise {hopeless!r}. There are: ")
    for name in registry():
        assert name in text


def test_find_exercise_finds_or_names_what_is_near():
    for name, exercise in registry().items():
        assert find_exercise(name) is exercise
    with pytest.raises(KeyError, match=r"Did you mean .*'background/running-parity'"):
        find_exercise("background/runing-parity")
    with pytest.raises(KeyError, match=r"There are: .*'background/running-parity'"):
        find_exercise("###")


@every_exercise
def test_hints_go_on_and_then_repeat_the_last(exercise, capsys):
    count = len(exercise.hints)
    for number, words in enumerate([*exercise.hints, exercise.hints[-1], exercise.hints[-1]], 1):
        hint(exercise.name)
        expected = f"Hint {min(number, count)} of {count}: {words}"
        lines = capsys.readouterr().out.splitlines()
        assert " ".join(lines) == expected
        assert max(map(len, lines)) <= 80


def test_hints_are_counted_for_each_exercise_alone(capsys):
    first, second = EXERCISES[:2]
    hint(first.name)
    hint(first.name)
    capsys.readouterr()
    hint(second.name)
    assert capsys.readouterr().out.startswith("Hint 1 of ")


@every_exercise
def test_the_printed_solution_runs_and_passes(exercise, capsys):
    solution(exercise.name)
    source = capsys.readouterr().out
    name = exercise.reference.__name__
    assert source.startswith(f"def {name}(")
    namespace = {"np": np}
    exec(compile(source, "<solution>", "exec"), namespace)
    assert judge(exercise, namespace[name]).passed


def test_progress_counts_what_was_solved(capsys):
    chapter = EXERCISES[0].chapter
    mine = [exercise for exercise in EXERCISES if exercise.chapter == chapter]
    for done in range(len(mine) + 1):
        progress(chapter)
        text = capsys.readouterr().out
        assert text.startswith(f"{done} of {len(mine)} exercises solved.")
        still_open = [exercise.name.split("/")[1] for exercise in mine[done:]]
        tail = f" Still open: {', '.join(still_open)}." if still_open else " All done."
        assert text.endswith(tail + "\n")
        if done < len(mine):
            checked(capsys, mine[done].name, mine[done].reference)


def test_progress_lists_the_chapters_if_it_knows_none_of_that_name(capsys):
    progress("squences")
    text = capsys.readouterr().out
    assert text.startswith("No chapter 'squences' has exercises. There are: ")
    for exercise in EXERCISES:
        assert exercise.chapter in text


def test_a_failed_check_takes_nothing_back(capsys):
    exercise = EXERCISES[0]
    check(exercise.name, exercise.reference)
    check(exercise.name, lambda *arguments: ...)
    progress(exercise.chapter)
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 of ")


# --- the seed -------------------------------------------------------------------------------


def falls_with_the_position(width, position):
    """Wrong at a place that depends on the drawn width."""
    return position / width


def test_the_seed_of_the_environment_fixes_what_check_prints(capsys, monkeypatch):
    for seed in ("0", "7", "123"):
        monkeypatch.setenv("GRU_CHECK_SEED", seed)
        for exercise, mistake in MISTAKES:
            first = checked(capsys, exercise.name, mistake.answer)
            assert checked(capsys, exercise.name, mistake.answer) == first


def test_two_seeds_print_two_things(capsys, monkeypatch):
    texts = set()
    for seed in range(20):
        monkeypatch.setenv("GRU_CHECK_SEED", str(seed))
        texts.add(checked(capsys, "background/best-window-accuracy", falls_with_the_position))
    assert len(texts) > 1


@pytest.mark.parametrize("unset", ["deleted", "empty"])
def test_without_the_seed_the_cases_differ_from_run_to_run(unset, capsys, monkeypatch):
    if unset == "deleted":
        monkeypatch.delenv("GRU_CHECK_SEED")
    else:
        monkeypatch.setenv("GRU_CHECK_SEED", "")
    texts = set()
    for _ in range(20):
        texts.add(checked(capsys, "background/best-window-accuracy", falls_with_the_position))
        if len(texts) > 1:
            break
    assert len(texts) > 1
