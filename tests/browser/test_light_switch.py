"""The live figure of the front page, by keyboard, against the same numbers in Python."""

import numpy as np
import page_checks
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from gru_lib.exercises.background.sequences import one_unit_gru, running_parity
from gru_lib.numpy_gru import gru_step

STEPS = 24


@pytest.fixture
def figure(driver, book):
    """The front page, freshly opened."""
    page_checks.visit(driver, book / "book" / "index.html")
    return Figure(driver)


class Figure:
    """What a reader sees and does."""

    def __init__(self, driver):
        self.driver = driver
        self.box = driver.find_element(By.ID, "light-switch")
        self.steps = self.all("button.ls-press")

    def all(self, selector):
        return self.box.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.all(selector)[0].text

    def button(self, name):
        return next(button for button in self.all("button") if button.text == name)

    def press_keys(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    @property
    def here(self):
        """The name of what has the focus."""
        return self.driver.switch_to.active_element.accessible_name

    @property
    def pressed(self):
        return [int(step.get_attribute("aria-pressed") == "true") for step in self.steps]

    def call(self, expression, *arguments):
        return self.driver.execute_script(f"return lightSwitch.{expression}", *arguments)


def window_answers(bits, width):
    return [sum(bits[max(0, t + 1 - width) : t + 1]) % 2 for t in range(len(bits))]


def counts_line(bits, width):
    light = running_parity(bits)
    right = sum(a == b for a, b in zip(window_answers(bits, width), light, strict=True))
    return (
        "GRU with one number of memory: 24 of 24 right. "
        f"Window of the last {width}: {right} of 24 right."
    )


def random_bits(rng, length):
    return rng.integers(0, 2, size=length).tolist()


def states_in_python(bits):
    states = [np.zeros(1)]
    for bit in bits:
        states.append(gru_step([bit], states[-1], **one_unit_gru()))
    return np.concatenate(states[1:])


def test_one_tab_stop_and_arrows(figure):
    figure.button("Clear").send_keys(Keys.TAB)
    assert figure.here == "Step 1"
    figure.press_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert figure.here == "Step 3"
    figure.press_keys(Keys.SHIFT + Keys.TAB)
    figure.press_keys(Keys.NULL, Keys.TAB)
    assert figure.here == "Step 3", "the strip is one tab stop and remembers its place"
    figure.press_keys(Keys.END, Keys.ARROW_RIGHT)
    assert figure.here == "Step 24"
    figure.press_keys(Keys.HOME, Keys.ARROW_LEFT)
    assert figure.here == "Step 1"


@pytest.mark.parametrize("key", [Keys.SPACE, Keys.ENTER])
def test_key_toggles_a_step(figure, key):
    before = figure.pressed
    figure.button("Clear").send_keys(Keys.TAB)
    figure.press_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, key)
    after = [*before[:2], 1 - before[2], *before[3:]]
    assert figure.pressed == after
    assert figure.call("bits()") == after
    assert figure.text(".ls-counts") == counts_line(after, 6)


def test_slider_by_arrow_keys(figure):
    slider = figure.all("input[type=range]")[0]
    assert slider.accessible_name == "The window sees the last"
    slider.send_keys(Keys.HOME)
    for width in range(1, 13):
        assert figure.text(".ls-counts") == counts_line(figure.pressed, width)
        slider.send_keys(Keys.ARROW_RIGHT)
    assert figure.text(".ls-shown") == "12 bits"


def test_clear_and_random(figure):
    figure.button("Clear").send_keys(Keys.ENTER)
    assert figure.pressed == [0] * STEPS
    assert figure.text(".ls-counts") == counts_line([0] * STEPS, 6)
    drawn = []
    for _ in range(3):
        figure.button("Press at random").send_keys(Keys.ENTER)
        drawn.append(figure.pressed)
        assert figure.text(".ls-counts") == counts_line(figure.pressed, 6)
    assert len({tuple(bits) for bits in drawn}) > 1


def test_counts_are_spoken(figure):
    assert figure.all(".ls-counts")[0].get_attribute("aria-live") == "polite"


def test_rows_show_the_answers(figure):
    rng = np.random.default_rng(1)
    for _ in range(3):
        bits = random_bits(rng, STEPS)
        figure.call("setBits(arguments[0])", bits)
        light = running_parity(bits)
        window = window_answers(bits, 6)
        lamps = [
            int("ls-on" in lamp.get_attribute("class")) for lamp in figure.all(".ls-step .ls-lamp")
        ]
        assert lamps[0::3] == light
        assert lamps[1::3] == light
        assert lamps[2::3] == window
        marks = [mark.text for mark in figure.all(".ls-step .ls-answer b")]
        assert marks[0::2] == ["✓"] * STEPS
        assert marks[1::2] == ["✓" if a == b else "✗" for a, b in zip(window, light, strict=True)]
        bars = [float(bar.get_attribute("height")) for bar in figure.all(".ls-h")]
        assert np.allclose(bars, states_in_python(bits), rtol=0, atol=1e-12)


def test_numbers_of_the_step_in_focus(figure):
    figure.call("setBits(arguments[0])", [0, 1] + [0] * 22)
    hint = figure.text(".ls-numbers")
    figure.button("Clear").send_keys(Keys.TAB)
    figure.press_keys(Keys.ARROW_RIGHT)
    assert figure.text(".ls-numbers") == (
        "Step 2, pressed: light on. h = 0.995, z = 0.000, r = 1.000, n = 0.995: "
        "GRU says on, right. Window says on, right."
    )
    assert figure.steps[1].get_attribute("aria-describedby") == "ls-numbers"
    figure.press_keys(Keys.TAB)
    assert figure.text(".ls-numbers") == hint


def test_weights_are_those_of_the_exercise(figure):
    assert figure.call("weights") == one_unit_gru()


def test_states_equal_those_of_gru_lib(figure):
    rng = np.random.default_rng(2)
    for length in rng.integers(1, 200, size=20).tolist():
        bits = random_bits(rng, length)
        steps = figure.call("run(arguments[0])", bits)
        states = np.array([step["h"] for step in steps])
        assert np.allclose(states, states_in_python(bits), rtol=0, atol=1e-12)
        z, n = (np.array([step[name] for step in steps]) for name in "zn")
        before = np.concatenate([[0.0], states[:-1]])
        assert np.allclose((1 - z) * n + z * before, states, rtol=0, atol=1e-12)


def test_gru_is_right_on_500_bits(figure):
    bits = random_bits(np.random.default_rng(3), 500)
    says = [int(step["h"] > 0.5) for step in figure.call("run(arguments[0])", bits)]
    assert says == running_parity(bits)


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_steps_are_large_enough_to_hit(figure, width):
    page_checks.resize(figure.driver, (width, 900))
    first, second = (step.rect for step in figure.steps[:2])
    assert second["x"] - first["x"] >= 24
    assert first["height"] >= 24


def test_other_pages_are_left_alone(driver, book):
    page_checks.visit(driver, book / "book" / "references.html")
    assert driver.execute_script("return typeof lightSwitch") == "undefined"
