"""The live GRU of chapter 04, by keyboard, against `gru_lib.numpy_gru.gru_step`."""

import numpy as np
import page_checks
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from gru_lib.numpy_gru import gru_step, sigmoid

PAGE = "notebooks/background/04-gates.html"
CELLS = [(reset, update) for reset in ("after", "before") for update in ("keeps", "replaces")]
TOLERANCE = 1e-6

# What a reader's hand does: move every slider, then look at every bar.
MOVE = """
const sliders = [...document.querySelectorAll("#gru-explorer input[type=range]")];
sliders.forEach((slider, i) => {
  slider.value = arguments[0][i];
  slider.dispatchEvent(new Event("input"));
});
"""
LOOK = """
return [...document.querySelectorAll("#gru-explorer .ge-rows .ge-row:not(.ge-head)")].map((row) =>
  [...row.querySelectorAll("div")].map((part) => {
    const chart = part.querySelector("svg"), bar = part.querySelector("rect");
    const at = (name) => Number(bar.getAttribute(name));
    const sign = at("x") < 0 ? -1 : 1;
    const length = at("width") * Number(chart.dataset.limit);
    return [sign * length, part.querySelector("output").textContent];
  })
);
"""


@pytest.fixture
def figure(driver, book):
    """Chapter 04, freshly opened."""
    page_checks.visit(driver, book / PAGE)
    return Figure(driver)


class Figure:
    """What a reader sees and does."""

    def __init__(self, driver):
        self.driver = driver
        self.box = driver.find_element(By.ID, "gru-explorer")

    def all(self, selector):
        return self.box.find_elements(By.CSS_SELECTOR, selector)

    def button(self, text):
        return next(button for button in self.all("button") if button.text == text)

    def press(self, text, times=1):
        for _ in range(times):
            self.button(text).send_keys(Keys.SPACE)

    def choose(self, **choice):
        for value in choice.values():
            self.all(f"input[value={value}]")[0].send_keys(Keys.SPACE)

    def move(self, values):
        self.driver.execute_script(MOVE, values)

    def look(self):
        """Rows first, second, candidate, old and new state, each (2,); what their texts say."""
        rows = self.driver.execute_script(LOOK)
        shown = np.array([[bar for bar, _ in row] for row in rows])
        said = np.array([[float(text.replace("−", "-")) for _, text in row] for row in rows])
        return shown, said

    def sliders(self):
        return self.all("input[type=range]")

    def unfold(self):
        """Open the weights of all blocks; what is folded has no name and no size."""
        for fold in self.all("details > summary"):
            fold.send_keys(Keys.ENTER)

    def wait_for(self, words):
        """Until the sentence below the bars says so."""
        sentence = self.all(".ge-said")[0]
        WebDriverWait(self.driver, 5).until(lambda _: words in sentence.text)

    def call(self, name):
        return self.driver.execute_script(f"return gruExplorer.{name}()")


def random_values(rng):
    """One value for each slider, in their order on the page, on their steps."""
    x, states = rng.uniform(-2, 2), rng.uniform(-1, 1, 2)
    values = [x, *states]
    for block in range(3):
        for _ in range(2):
            values += [*rng.uniform(-4, 4, 3), rng.uniform(-4, 4)]
            if block == 2:
                values.append(rng.uniform(-4, 4))
    return [round(value, 2) for value in values]


def arrays_of(values):
    """x, h and PyTorch's four arrays, of the sliders' values."""
    x, h, rest = values[:1], values[1:3], values[3:]
    units = [[*rest[4 * i : 4 * i + 4], 0.0] for i in range(4)] + [rest[16:21], rest[21:26]]
    weight_ih = [[unit[0]] for unit in units]
    weight_hh = [unit[1:3] for unit in units]
    return x, h, weight_ih, weight_hh, [unit[3] for unit in units], [unit[4] for unit in units]


def gru_oracle(values, reset, update):
    """The new state; Chung's z is PyTorch's with every parameter of its rows negated."""
    x, h, *weights = arrays_of(values)
    weights = [np.array(weight, dtype=float) for weight in weights]
    if update == "replaces":
        for weight in weights:
            weight[2:4] *= -1
    return gru_step(x, h, *weights, reset_after=reset == "after")


def candidate_oracle(values, reset):
    """The candidate: what the new state is when nothing is kept."""
    x, h, weight_ih, weight_hh, bias_ih, bias_hh = map(np.array, arrays_of(values))
    bias_ih[2:4] = -1000.0
    return gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh, reset_after=reset == "after")


def gates_oracle(values):
    """First and second block, which the switches do not change."""
    x, h, weight_ih, weight_hh, bias_ih, bias_hh = map(np.array, arrays_of(values))
    sums = weight_ih @ x + bias_ih + weight_hh @ h + bias_hh
    return sigmoid(sums[:2]), sigmoid(sums[2:4]), np.tanh(sums[4:])


def article_oracle(values):
    first, second, candidate = gates_oracle(values)
    return first * np.array(values[1:3]) + second * candidate


@pytest.mark.parametrize(("reset", "update"), CELLS)
def test_what_is_shown_is_what_gru_lib_computes(figure, reset, update):
    figure.choose(reset=reset, update=update)
    rng = np.random.default_rng([CELLS.index((reset, update))])
    worst = 0.0
    for _ in range(60):
        values = random_values(rng)
        figure.move(values)
        shown, said = figure.look()
        r, z, _ = gates_oracle(values)
        n, new = candidate_oracle(values, reset), gru_oracle(values, reset, update)
        worst = max(worst, np.abs(shown - [r, z, n, values[1:3], new]).max())
        assert np.abs(said - shown).max() <= 0.0005 + 1e-12
    print(f"worst difference, reset {reset}, z {update}: {worst:.1e}")
    assert worst < TOLERANCE


def test_the_article_s_cell_is_the_article_s(figure):
    figure.choose(cell="article")
    rng = np.random.default_rng(7)
    for _ in range(60):
        values = random_values(rng)
        figure.move(values)
        shown, _ = figure.look()
        f, i, n = gates_oracle(values)
        expected = [f, i, n, values[1:3], article_oracle(values)]
        assert np.abs(shown - expected).max() < TOLERANCE
    assert "output gate" in figure.all(".ge-output")[0].text


@pytest.mark.parametrize(("cell", "letters"), [("gru", "rz"), ("article", "fi")])
def test_the_article_s_state_runs_away_and_a_gru_s_does_not(figure, cell, letters):
    figure.choose(cell=cell)
    for letter in letters:
        figure.press(f"{letter} → 1")
    largest = 0
    for _ in range(6):
        figure.press("Step 10 times")
        largest = max(largest, np.abs(figure.look()[0][4]).max())
    assert largest > 5 if cell == "article" else largest <= 1


@pytest.mark.parametrize(
    ("pushes", "expected"),
    [
        (["z → 1"], lambda h, blind, plain: h),
        (["r → 0", "z → 0"], lambda h, blind, plain: blind),
        (["r → 1", "z → 0"], lambda h, blind, plain: plain),
    ],
    ids=["copy", "forget", "tanh network"],
)
def test_pushed_gates_leave_something_simple(figure, pushes, expected):
    for push in pushes:
        figure.press(push)
    numbers = figure.call("numbers")
    h = np.array(numbers["h"])
    of_input = np.array(numbers["weight_ih"][4:]) * numbers["x"] + numbers["bias_ih"][4:]
    of_state = np.array(numbers["weight_hh"][4:]) @ h + numbers["bias_hh"][4:]
    wanted = expected(h, np.tanh(of_input), np.tanh(of_input + of_state))
    assert np.abs(figure.look()[0][4] - wanted).max() < TOLERANCE


def test_the_reset_placement_makes_a_difference(figure):
    after = figure.look()[0]
    figure.choose(reset="before")
    before = figure.look()[0]
    assert np.abs(after[:2] - before[:2]).max() == 0
    assert np.abs(after[4] - before[4]).max() > 0.02


def test_steps_draw_their_path(figure):
    path = [figure.look()[0][3]]
    for _ in range(4):
        path.append(figure.look()[0][4])
        figure.press("Step")
        assert np.abs(figure.look()[0][3] - path[-1]).max() < TOLERANCE
    lines = [line.get_attribute("points") for line in figure.all("polyline")]
    drawn = [[-float(point.split(",")[1]) for point in line.split()] for line in lines]
    assert np.abs(np.array(drawn).T - np.array(path)).max() < TOLERANCE
    assert "last 4 steps, from −1.0 to 1.0" in figure.all(".ge-trace .ge-note")[0].text


def test_the_path_keeps_forty_steps_and_rescales(figure):
    figure.choose(cell="article")
    figure.press("f → 1")
    figure.press("i → 1")
    figure.press("Step 10 times", times=5)
    trace = figure.call("trace")
    assert len(trace) == 41
    limit = float(figure.all(".ge-path")[0].get_attribute("data-limit"))
    assert limit == pytest.approx(max(1, np.abs(trace).max()))
    heights = [
        float(point.split(",")[1])
        for line in figure.all("polyline")
        for point in line.get_attribute("points").split()
    ]
    assert max(np.abs(heights)) == pytest.approx(1)
    assert f"{limit:.1f}" in figure.all(".ge-trace .ge-note")[0].text


def test_a_sentence_says_what_happens(figure):
    figure.press("z → 1")
    figure.wait_for("Unit 1 keeps 100 % of 0.500 and takes 0 % of")
    assert figure.all(".ge-said")[0].get_attribute("aria-live") == "polite"
    figure.choose(update="replaces")
    figure.wait_for("Unit 1 keeps 0 % of 0.500 and takes 100 % of")
    figure.choose(cell="article")
    figure.wait_for("and adds 100 % of")


def test_every_control_is_reached_by_tab_and_has_a_name(figure):
    figure.unfold()
    figure.all("input[value=gru]")[0].send_keys(Keys.NULL)
    names = [figure.driver.switch_to.active_element.accessible_name]
    for _ in range(80):
        figure.driver.switch_to.active_element.send_keys(Keys.TAB)
        here = figure.driver.switch_to.active_element
        if not figure.driver.execute_script(
            "return document.getElementById('gru-explorer').contains(arguments[0])", here
        ):
            break
        names.append(here.accessible_name)
    sliders = [slider.accessible_name for slider in figure.sliders()]
    assert len(sliders) == 29 == len(set(sliders))
    assert "Update gate z, unit 2, weight of h, unit 1" in sliders
    assert set(sliders) <= set(names)
    assert {"Step", "z → 1", "Random", "Start again", "State to 0", "keeps"} <= set(names)
    assert all(names)


def test_arrows_move_sliders_and_choices(figure):
    slider = figure.sliders()[0]
    slider.send_keys(Keys.ARROW_RIGHT)
    assert figure.call("numbers")["x"] == pytest.approx(1.01)
    slider.send_keys(Keys.HOME)
    assert figure.call("numbers")["x"] == -2
    figure.all("input[value=after]")[0].send_keys(Keys.ARROW_RIGHT)
    assert figure.call("choice")["reset"] == "before"


def test_names_follow_the_cell(figure):
    figure.unfold()
    figure.choose(cell="article")
    assert "Forget gate f, unit 1, bias" in [s.accessible_name for s in figure.sliders()]
    assert not figure.all("input[value=before]")[0].is_enabled()
    figure.choose(cell="gru")
    assert "Reset gate r, unit 1, bias" in [s.accessible_name for s in figure.sliders()]


def test_random_draws_anew_and_start_again_goes_back(figure):
    first = figure.call("numbers")
    figure.press("Random")
    assert figure.call("numbers")["weight_hh"] != first["weight_hh"]
    figure.press("State to 0")
    assert figure.call("numbers")["h"] == [0, 0]
    figure.press("Start again")
    assert figure.call("numbers") == first


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_controls_are_large_enough_to_hit_and_fit(figure, width):
    page_checks.resize(figure.driver, (width, 900))
    figure.unfold()
    for control in figure.all("button, summary, label"):
        assert control.rect["height"] >= 24, control.text
    box = figure.box.rect
    for part in figure.all("button, label, output, svg"):
        assert part.rect["x"] + part.rect["width"] <= box["x"] + box["width"] + 1


def test_other_pages_are_left_alone(driver, book):
    page_checks.visit(driver, book / "book" / "references.html")
    assert driver.execute_script("return typeof gruExplorer") == "undefined"
