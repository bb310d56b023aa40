"""The language model of chapter 32, by keyboard, against PyTorch on the same eight-bit weights.

The weights of the oracle come straight from ``gru_lib.pretrained``, rounded here to eight bits, so
that a fault of the script that carries them to the page shows as well.
"""

import importlib.util
import json
from functools import cache
from pathlib import Path

import numpy as np
import page_checks
import pytest
import torch
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from gru_lib.finetuning import adapter_updates, merge_lora
from gru_lib.models import generate_text
from gru_lib.models.language_model import START
from gru_lib.numpy_gru import sigmoid
from gru_lib.pretrained import load_pretrained, load_pretrained_adapter
from gru_lib.quantisation import dequantise_rows, quantise_rows

PAGE = "notebooks/fine-tuning/32-shipping.html"
EXTENSION = Path(__file__).resolve().parents[2] / "book" / "_ext" / "language_model.py"
WEIGHTS = ("base", "numpy")
TOLERANCE = 1e-3
ALLOWED_BYTES = 400_000  # both files
LONGEST = 1000  # characters that the page keeps

PARAGRAPH = "Return an array of the given shape, filled with ones. The dtype is float64 unless "
PROMPTS = {
    "empty": "",
    "short": "a",
    "words": "The return value of ",
    "long": (PARAGRAPH * 4)[:300],
    "punctuation": "\"'`()[]{}<>!?.,;:-_=+*/\\|@#$%^&~",
    "digits": "3.14159 2718281828 0x1f 1e-3 1,000,000",
    "lines": "def f(x):\n    return x\n\n\nclass A:\n",
}

LOGITS = "return languageModelDemo.logits(arguments[0], arguments[1])"
LOAD = """
const done = arguments[arguments.length - 1];
languageModelDemo.load(arguments[0]).then(() => done(null), (error) => done(error.message));
"""
SET_PROMPT = """
arguments[0].value = arguments[1];
arguments[0].dispatchEvent(new Event("input"));
"""
STRIPS = """
return [...document.querySelectorAll(".lm-strip")].map((canvas) =>
  [...canvas.getContext("2d").getImageData(0, 0, canvas.width, 1).data]);
"""
COLUMN = """
const canvas = document.querySelector(".lm-picture");
const column = canvas.getContext("2d").getImageData(arguments[0], 0, 1, canvas.height);
return [...column.data];
"""
# The rest of the chapter is looked at in test_pages.py.
LEAVE_ALONE = """
for (const cell of document.querySelectorAll("div.cell")) cell.remove();
"""
TRACES = """
return [
  window.languageModelWeights === undefined,
  ![...document.scripts].some((script) => /language-model-(base|numpy)/.test(script.src)),
];
"""


# --- the oracle -----------------------------------------------------------------------------


def round_to_eight_bits(parameters):
    with torch.no_grad():
        for parameter in parameters:
            if parameter.ndim == 2:
                rows = quantise_rows(parameter.numpy())
                parameter.copy_(torch.from_numpy(dequantise_rows(rows)))


@cache
def oracle(name, eight_bits=True):
    """The base, or the base with its adapter merged, as PyTorch computes it."""
    torch.set_num_threads(1)
    model, vocabulary, _ = load_pretrained()
    if eight_bits:
        round_to_eight_bits(model.parameters())
    if name == "numpy":
        # the adapter knows its base by its numbers: it is put on the base as it was
        adapted = load_pretrained().model
        load_pretrained_adapter(adapted)
        updates = adapter_updates(adapted, "numpy")
        if eight_bits:
            for update in updates.values():
                round_to_eight_bits([update.A, update.B])
        with torch.no_grad():
            for target, update in updates.items():
                weight = model.get_parameter(target)
                weight += update.alpha / update.rank * (update.B @ update.A)
        if not eight_bits:
            merge_lora(adapted)  # the library's own way to the same weights
            for target in updates:
                merged = adapted.get_parameter(target).data
                torch.testing.assert_close(model.get_parameter(target).data, merged)
    return model, vocabulary


@torch.no_grad()
def logits_of(name, prompt, eight_bits=True):
    """Logits of the next character, shape (96,)."""
    model, vocabulary = oracle(name, eight_bits)
    codes = torch.tensor([[START, *vocabulary.encode(prompt).tolist()]])
    return model(codes)[0][0, -1].double().numpy()


def softmax(logits, temperature=1.0):
    exponentials = np.exp((logits - logits.max()) / temperature)
    return exponentials / exponentials.sum()


@torch.no_grad()
def layers_of(name, prompt):
    """z, r and h of every layer after the last character, from its formulas."""
    model, vocabulary = oracle(name)
    gru = model.recurrent
    codes = torch.tensor([START, *vocabulary.encode(prompt).tolist()])
    inputs, found = model.embedding(codes).numpy().astype(float), []
    for layer in range(2):
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w, u, b, c = (getattr(gru, f"{kind}_l{layer}").numpy().astype(float) for kind in kinds)
        h, states = np.zeros(160), []
        for x in inputs:
            (ar, az, an), (br, bz, bn) = np.split(w @ x + b, 3), np.split(u @ h + c, 3)
            r, z = sigmoid(ar + br), sigmoid(az + bz)
            h = (1 - z) * np.tanh(an + r * bn) + z * h
            states.append(h)
        inputs = states
        found.append({"z": z, "r": r, "h": h})
    return found


# --- the page -------------------------------------------------------------------------------


class Demo:
    """What a reader sees and does."""

    def __init__(self, driver):
        self.driver = driver
        self.box = driver.find_element(By.CSS_SELECTOR, "[data-language-model]")

    def one(self, selector):
        return self.box.find_element(By.CSS_SELECTOR, selector)

    def button(self, text):
        found = self.box.find_elements(By.CSS_SELECTOR, "button")
        return next(button for button in found if button.text.startswith(text))

    def press(self, text):
        self.button(text).send_keys(Keys.SPACE)

    def wait(self, condition, seconds=20):
        WebDriverWait(self.driver, seconds, 0.05).until(lambda _: condition())

    def open(self, *names):
        """Load weights, and wait until the page computes with the base."""
        self.press("Load the model")
        self.wait(self.is_loaded)
        for name in names:
            assert self.driver.execute_async_script(LOAD, name) is None

    def is_loaded(self):
        return self.shares() != [""] * 11

    def choose(self, name):
        """Switch to some weights and wait until the probabilities are theirs."""
        before = self.call("probabilities")
        self.one(f"input[value={name}]").send_keys(Keys.SPACE)
        self.wait(lambda: self.call("probabilities") != before)

    def write_prompt(self, text):
        """Put a text into the prompt and wait until it is read: nothing is written."""
        self.driver.execute_script(SET_PROMPT, self.one("textarea"), text)
        self.press("Start again")

    def shares(self):
        return [span.text for span in self.box.find_elements(By.CSS_SELECTOR, ".lm-bars .lm-value")]

    def characters(self):
        return [span.text for span in self.box.find_elements(By.CSS_SELECTOR, ".lm-character")]

    def call(self, name):
        return self.driver.execute_script(f"return languageModelDemo.{name}()")

    def written(self):
        return self.call("text")["written"]

    def shown(self):
        return self.call("text")["shown"]

    def logits(self, prompt, name):
        return np.array(self.driver.execute_script(LOGITS, prompt, name))

    def keys(self, *keys):
        """To whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        return self.driver.switch_to.active_element

    def tab_to(self, is_there):
        """Press Tab until the focus is where it should be."""
        for _ in range(200):
            self.keys(Keys.TAB)
            if is_there(self.focused()):
                return
        pytest.fail("Tab does not lead there")


@pytest.fixture
def demo(driver, book):
    """Chapter 32, freshly opened."""
    page_checks.visit(driver, book / PAGE)
    return Demo(driver)


# --- the files ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scripts():
    spec = importlib.util.spec_from_file_location("language_model", EXTENSION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.scripts()


def test_the_weights_are_written_when_the_book_is_built(book, scripts):
    for name, script in scripts.items():
        assert (book / "_static" / name).read_bytes() == script.encode("ascii")


def test_the_weights_are_light_and_the_page_says_how_heavy(demo, book, scripts):
    sizes = {name: (book / "_static" / name).stat().st_size for name in scripts}
    print(sizes)
    assert sum(sizes.values()) <= ALLOWED_BYTES
    base, numpy = (round(size / 1000) for size in sizes.values())
    assert demo.button("Load").text == f"Load the model ({base} kB)"
    assert f"{numpy} kB more" in demo.one(".lm-choice").text
    # what all pages share is not counted for a page; the weights are this page's alone
    assert page_checks.weight(book / PAGE) + sum(sizes.values()) < page_checks.MEGABYTE


def asked_for(log, name):
    """Does the browser's log tell of a request for a file of weights?"""
    file = f"language-model-{name}.js"
    sent = [entry["message"] for entry in log if "requestWillBeSent" in entry["message"]]
    return any(file in message for message in sent)


def test_nothing_is_loaded_before_it_is_asked_for(demo):
    demo.one("textarea").click()
    assert demo.driver.execute_script(TRACES) == [True, True]
    log = demo.driver.get_log("performance")
    assert not asked_for(log, "base") and not asked_for(log, "numpy")
    assert "No weights are loaded" in demo.one(".lm-text").text
    demo.open()
    log = demo.driver.get_log("performance")
    assert asked_for(log, "base") and not asked_for(log, "numpy")
    assert not demo.button("").text.startswith("Load")
    assert demo.focused().text == "Write"


# --- the arithmetic -------------------------------------------------------------------------


@pytest.mark.parametrize("name", WEIGHTS)
def test_logits_are_pytorch_s(demo, name):
    demo.open(name)
    worst = worst_float = 0.0
    for prompt in PROMPTS.values():
        found = demo.logits(prompt, name)
        worst = max(worst, np.abs(found - logits_of(name, prompt)).max())
        off = np.abs(found - logits_of(name, prompt, eight_bits=False)).max()
        worst_float = max(worst_float, off)
    print(f"{name}: off by {worst:.1e}; by {worst_float:.2f} from the weights in float32")
    assert worst < TOLERANCE
    assert worst_float < 1.0


def test_fine_tuning_changes_the_logits(demo):
    demo.open("numpy")
    for prompt in PROMPTS.values():
        assert np.abs(demo.logits(prompt, "base") - demo.logits(prompt, "numpy")).max() > 0.5


@pytest.mark.parametrize("name", WEIGHTS)
def test_gates_and_states_are_a_gru_s(demo, name):
    demo.open()
    if name == "numpy":
        demo.choose("numpy")
    demo.write_prompt(PROMPTS["words"])
    for found, wanted in zip(demo.call("layers"), layers_of(name, PROMPTS["words"]), strict=True):
        for gate in "zrh":
            assert np.abs(np.array(found[gate]) - wanted[gate]).max() < 1e-4


@pytest.mark.parametrize("layer", [0, 1])
def test_the_strips_show_gates_and_states(demo, layer):
    demo.open()
    demo.one(f"input[name=lm-layer][value='{layer}']").send_keys(Keys.SPACE)
    found = demo.call("layers")[layer]
    strips = [np.array(data).reshape(-1, 4) for data in demo.driver.execute_script(STRIPS)]
    for gate, pixels in zip("zrh", strips, strict=True):
        assert np.abs(pixels[:, 3] / 255 - np.abs(found[gate])).max() < 0.005
    state = np.array(found["h"])
    colours = {sign: {tuple(strips[2][i, :3]) for i in some} for sign, some in _signs(state)}
    assert len(colours["+"] & colours["-"]) == 0
    # the newest column of the picture, after a new line and the characters of the prompt
    for gate in "rhz":
        demo.one(f"input[name=lm-picture][value={gate}]").send_keys(Keys.SPACE)
        column = demo.driver.execute_script(COLUMN, len(demo.shown()))
        assert np.abs(np.array(column)[3::4] / 255 - np.abs(found[gate])).max() < 0.005
        assert not any(demo.driver.execute_script(COLUMN, len(demo.shown()) + 1))


def _signs(state):
    """Units whose state is well above 0, and well below: their colours are not rounded away."""
    return [("+", np.flatnonzero(state > 0.3)), ("-", np.flatnonzero(state < -0.3))]


@pytest.mark.parametrize("name", WEIGHTS)
def test_without_temperature_the_text_is_pytorch_s(demo, name):
    demo.open()
    if name == "numpy":
        demo.choose("numpy")
    demo.write_prompt("The value of ")
    demo.one("input[type=range]").send_keys(Keys.HOME)
    assert demo.shares()[0].split() == ["100.0", "%"]
    model, vocabulary = oracle(name)
    wanted = generate_text(model, vocabulary, "The value of ", 60, temperature=0)
    demo.press("Write")
    demo.wait(lambda: demo.written() >= 60)
    demo.press("Stop")
    assert demo.shown()[: len("The value of ") + 60] == f"The value of {wanted}"


def test_probabilities_are_the_softmax_at_the_temperature(demo):
    demo.open()
    demo.write_prompt("The ")
    slider = demo.one("input[type=range]")
    logits = logits_of("base", "The ")
    likeliest = np.sort(softmax(logits))[::-1]
    for _ in range(4):
        temperature = float(slider.get_attribute("value"))
        wanted = softmax(logits, temperature)
        assert np.abs(np.array(demo.call("probabilities")) - wanted).max() < 1e-4
        shares = [float(text.split()[0]) for text in demo.shares()]
        assert sum(shares) == pytest.approx(100, abs=0.6)
        assert np.abs(np.array(shares[:10]) - 100 * np.sort(wanted)[::-1][:10]).max() < 0.06
        slider.send_keys(*[Keys.ARROW_RIGHT] * 5)
    assert softmax(logits, 1.3).max() < likeliest[0]  # more heat, less sure


def test_a_text_longer_than_what_is_kept_goes_on_from_its_state(demo):
    demo.open()
    prompt = (PARAGRAPH * 20)[:LONGEST]
    demo.write_prompt(prompt)
    demo.one("input[type=range]").send_keys(Keys.HOME)
    new = ""
    for _ in range(8):
        demo.press("One character")
        new += demo.shown()[-1]
    assert demo.shown() == (prompt + new)[8:]
    assert demo.one(".lm-text").text.startswith("…")
    slider = demo.one("input[type=range]")
    slider.send_keys(*[Keys.ARROW_RIGHT] * 20)
    temperature = float(slider.get_attribute("value"))
    wanted = softmax(logits_of("base", prompt + new), temperature)
    assert np.abs(np.array(demo.call("probabilities")) - wanted).max() < 1e-4


# --- what a reader does ---------------------------------------------------------------------


def test_it_can_be_driven_by_keyboard_alone(demo):
    demo.tab_to(lambda element: element.tag_name == "textarea")
    ActionChains(demo.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).perform()
    demo.keys("The array ")
    demo.wait(lambda: demo.is_loaded() and demo.shown() == "The array ")
    first = demo.call("probabilities")

    demo.tab_to(lambda element: element.get_attribute("value") == "base")
    demo.keys(Keys.ARROW_RIGHT)
    demo.wait(lambda: demo.call("probabilities") != first)
    assert demo.shown() == "The array "  # the switch keeps the text
    temperature = float(demo.one("input[type=range]").get_attribute("value"))
    wanted = softmax(logits_of("numpy", "The array "), temperature)
    assert np.abs(np.array(demo.call("probabilities")) - wanted).max() < 1e-4

    demo.tab_to(lambda element: element.get_attribute("type") == "range")
    surest = max(demo.call("probabilities"))
    demo.keys(*[Keys.ARROW_RIGHT] * 6)
    assert max(demo.call("probabilities")) < surest
    demo.keys(*[Keys.ARROW_LEFT] * 12)
    assert max(demo.call("probabilities")) > surest

    demo.tab_to(lambda element: element.text == "Write")
    demo.keys(Keys.ENTER)
    demo.wait(lambda: demo.written() > 10)
    assert demo.focused().text == "Stop"
    demo.keys(Keys.SPACE)
    count = demo.written()
    assert not demo.call("running")
    assert len(demo.shown()) == len("The array ") + count

    demo.tab_to(lambda element: element.text == "One character")
    demo.keys(Keys.ENTER)
    demo.keys(Keys.SPACE)
    assert demo.written() == count + 2

    demo.tab_to(lambda element: element.text == "Start again")
    demo.keys(Keys.ENTER)
    assert demo.shown() == "The array "

    demo.tab_to(lambda element: element.get_attribute("max") == "160")
    demo.keys(*[Keys.ARROW_RIGHT] * 16)
    z, r, h = (layers_of("numpy", "The array ")[0][gate][16] for gate in "zrh")
    said = demo.focused().get_attribute("aria-valuetext")
    assert said == f"unit 17: z {z:.3f}, r {r:.3f}, h {h:.3f}".replace("-", "−")
    assert page_checks.console_problems(demo.driver) == []


def write_some(demo, count=25):
    for _ in range(count):
        demo.press("One character")
    return demo.shown()


def test_the_same_seed_writes_the_same_text_and_another_one_another(demo):
    demo.open()
    texts = [write_some(demo)]
    demo.press("Start again")
    assert demo.shown() == "The return value of "
    texts.append(write_some(demo))
    demo.one("input[type=number]").send_keys(Keys.ARROW_UP, Keys.TAB)
    demo.wait(lambda: demo.written() == 0)
    texts.append(write_some(demo))
    assert texts[0] == texts[1] != texts[2]


def test_a_new_prompt_begins_with_an_empty_state(demo):
    demo.open()
    write_some(demo, 5)
    for prompt in ("", "x = ", "The return value of "):
        demo.write_prompt(prompt)
        assert demo.shown() == prompt and demo.written() == 0
        temperature = float(demo.one("input[type=range]").get_attribute("value"))
        wanted = softmax(logits_of("base", prompt), temperature)
        assert np.abs(np.array(demo.call("probabilities")) - wanted).max() < 1e-4


def test_characters_that_the_model_does_not_know_are_named(demo):
    demo.open()
    demo.write_prompt("naïve – 雪\t😀 ok")
    assert demo.shown() == "na?ve - ?    ? ok"
    note = demo.one(".lm-note")
    for told in (
        "“ï” (U+00EF, read as “?”)",
        "“–” (U+2013, read as “-”)",
        "“雪” (U+96EA, read as “?”)",
        "(U+0009, read as “    ”)",
        "“😀” (U+1F600, read as “?”)",
    ):
        assert told in note.get_attribute("textContent")
    assert note.get_attribute("aria-live") == "polite"
    demo.write_prompt("plain")
    assert note.text == ""
    demo.write_prompt("b" * 1200)
    assert "Of the prompt's 1200 characters only the last 1000 are read." in note.text
    assert demo.shown() == "b" * LONGEST


def test_the_numbers_stand_beside_the_bars(demo):
    demo.open()
    demo.write_prompt("The return value")
    assert demo.characters()[0] == "␣ space"
    assert demo.characters()[-1] == "all others"
    demo.wait(lambda: "After “e”, the likeliest: a space " in demo.one(".lm-said").text)
    assert demo.one(".lm-said").get_attribute("aria-live") == "polite"
    mean = np.mean(layers_of("base", "The return value")[0]["z"])
    assert f"reading “e”: z {mean:.3f}" in demo.one(".lm-means").text


def test_writing_pauses_by_itself_and_less_motion_is_respected(demo):
    media = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    demo.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        demo.open()
        demo.press("Write")
        seen = set()

        def has_paused():
            running = demo.call("running")  # first: what is written then is all that comes
            seen.add(demo.written())
            return not running

        demo.wait(has_paused, 60)
    finally:
        demo.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert all(count % 20 == 0 for count in seen) and max(seen) == 300
    demo.wait(lambda: "A pause after 300 characters" in demo.one(".lm-said").text)
    heard = demo.one(".lm-heard").get_attribute("textContent")
    assert heard == f"Written: “{demo.shown()[-300:]}”."


# --- the page as a whole --------------------------------------------------------------------


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_loaded_page_is_a_page_like_all_others(demo, book, name):
    log = demo.driver.get_log("browser")  # the theme tells which theme it chose
    assert not any("language-model" in entry["message"] for entry in log)
    demo.open()
    if name == "numpy":
        demo.choose("numpy")
    demo.write_prompt("é " + "long" * 40)
    write_some(demo, 5)
    demo.driver.execute_script(LEAVE_ALONE)
    assert page_checks.overflow_problems(demo.driver) == []
    assert page_checks.access_problems(demo.driver) == []
    assert demo.driver.get_log("browser") == []
    assert page_checks.request_problems(demo.driver, book) == []


def test_the_dark_theme_has_colours_of_its_own(demo):
    demo.open()
    pixels = {}
    for theme in ("light", "dark"):
        demo.driver.execute_script(page_checks.SET_THEME, theme)
        demo.wait(lambda: json.dumps(demo.driver.execute_script(STRIPS)) not in pixels.values())
        pixels[theme] = json.dumps(demo.driver.execute_script(STRIPS))
    assert pixels["light"] != pixels["dark"]


def test_weights_that_do_not_come_are_told_and_can_be_asked_for_again(demo):
    # the log of requests has switched Network on; switching it off would end the log for all tests
    demo.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*language-model-base.js*"]})
    try:
        demo.press("Load the model")
        told = "The weights cannot be used: language-model-base.js did not load."
        demo.wait(lambda: demo.one(".lm-said").text == told)
    finally:
        demo.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    demo.press("Load the model")
    demo.wait(demo.is_loaded)


@pytest.mark.parametrize(
    ("name", "field", "told"),
    [
        ("base", "format", "is of format 0; this page reads format 1"),
        ("numpy", "base", "belongs to other base weights"),
    ],
)
def test_weights_of_another_build_are_refused(demo, name, field, told):
    spoil = """
    window.languageModelWeights = Object.defineProperty({}, arguments[0], {
      configurable: true,
      get() { return this.kept; },
      set(header) { this.kept = {...header, [arguments[1]]: 0}; },
    });
    """.replace("arguments[1]", json.dumps(field))
    demo.driver.execute_script(spoil, name)
    if name == "base":
        demo.press("Load the model")
    else:
        demo.open()
        demo.one("input[value=numpy]").send_keys(Keys.SPACE)
    demo.wait(lambda: told in demo.one(".lm-said").text)
    # what can compute goes on
    assert demo.one("input[value=base]").is_selected()
    demo.press("One character")
    demo.wait(lambda: name == "base" or demo.written() == 1)


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_controls_are_large_enough_to_hit_and_fit(demo, width):
    demo.open()
    page_checks.resize(demo.driver, (width, 900))
    box = demo.box.rect
    for target in demo.box.find_elements(By.CSS_SELECTOR, "button, .lm-controls label, textarea"):
        assert target.rect["height"] >= 24 or not target.is_displayed(), target.text
    for part in demo.box.find_elements(By.CSS_SELECTOR, "button, label, textarea, canvas, li"):
        assert part.rect["x"] + part.rect["width"] <= box["x"] + box["width"] + 1


def test_other_pages_are_left_alone(driver, book):
    page_checks.visit(driver, book / "book" / "references.html")
    assert driver.execute_script("return typeof languageModelDemo") == "undefined"
    assert driver.execute_script(TRACES) == [True, True]
