"""What must hold for the files of the repository, whatever is in them."""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.links import ROOT, read_text, tracked_files

pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="needs a git clone: it asks git which files count"
)

MATHJAX = ROOT / "book" / "_static" / "vendor" / "mathjax" / "tex-svg.js"
AXE = ROOT / "tests" / "browser" / "vendor" / "axe.min.js"
LARGEST = 1_000_000
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:root|(?:home|Users)/[\w.-]+)/|\b[A-Z]:\\+Users\b")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff(command):
    folders = ["gru_lib", "tools", "tests", "book", "benchmarks", "conftest.py"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, *folders], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sha256_beside(file: Path) -> str:
    """The checksum that the README.md beside a vendored file gives."""
    text = (file.parent / "README.md").read_text(encoding="utf-8")
    return re.search(r"\b[0-9a-f]{64}\b", text)[0]


@pytest.mark.parametrize("file", [MATHJAX, AXE], ids=lambda file: file.name)
def test_vendored_files_are_what_was_released(file):
    assert hashlib.sha256(file.read_bytes()).hexdigest() == sha256_beside(file)


def test_a_changed_vendored_file_is_seen(tmp_path):
    (tmp_path / "README.md").write_text(f"sha256: {hashlib.sha256(b'old').hexdigest()}\n")
    (tmp_path / "file.js").write_bytes(b"new")
    assert sha256_beside(tmp_path / "file.js") == hashlib.sha256(b"old").hexdigest()
    assert sha256_beside(tmp_path / "file.js") != hashlib.sha256(b"new").hexdigest()


def machine_paths(files: list[Path]) -> list[str]:
    """Where these files hold a path that exists on one person's machine only."""
    found = []
    for file in files:
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            if match := MACHINE_PATH.search(line):
                found.append(f"{file.name}:{number}: {match[0]}")
    return found


def test_no_file_holds_a_path_of_a_machine():
    files = [path for path in tracked_files(ROOT) if "vendor" not in path.parts]
    assert machine_paths(files) == []


@pytest.mark.parametrize(
    "parts",
    [("", "home", "ann", "x"), ("", "root", "x"), ("", "Users", "ann", "x"), ("file://", "root/")],
)
def test_a_path_of_a_machine_is_seen(tmp_path, parts):
    file = tmp_path / "a.md"
    file.write_text("first line\nsee " + "/".join(parts) + "\n", encoding="utf-8")
    assert machine_paths([file])[0].startswith("a.md:2: /")


def test_windows_paths_are_seen_and_addresses_are_not(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("\\".join(["C:", "Users", "ann"]), encoding="utf-8")
    assert machine_paths([file]) == ["a.md:1: C:" + "\\Users"]
    file.write_text("https://example.org" + "/home/" + "ann/", encoding="utf-8")
    assert machine_paths([file]) == []


#: The language models that every chapter on fine-tuning starts from.
WEIGHTS = sorted((ROOT / "gru_lib/pretrained").glob("*.safetensors"))


def test_no_large_file():
    large = [path for path in tracked_files(ROOT) if path.stat().st_size > LARGEST]
    assert [path for path in large if path not in WEIGHTS] == [MATHJAX]


def test_the_weights_of_the_course_stay_small():
    assert {path.stem for path in WEIGHTS} == {"reference", "shuffled", "numpy-lora"}
    assert sum(path.stat().st_size for path in WEIGHTS) < 3_000_000


PINS = ("requirements.txt", "requirements-frameworks.txt")


def pinned_lines(file: str) -> dict[str, tuple[Requirement, str]]:
    """What a list of pins asks for, by name, and the comment on its line."""
    found = {}
    for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
        asked, _, comment = line.partition("#")
        if asked.strip():
            requirement = Requirement(asked.strip())
            found[canonicalize_name(requirement.name)] = (requirement, comment.strip())
    return found


def pins(file: str) -> dict[str, Requirement]:
    """What a list of pins asks for, by name."""
    return {name: requirement for name, (requirement, _) in pinned_lines(file).items()}


def direct_requirements() -> list[Requirement]:
    """What pyproject.toml names, the extras of gru-lib itself left out."""
    project = PROJECT["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    lists.append(PROJECT["build-system"]["requires"])
    requirements = [Requirement(line) for lines in lists for line in lines]
    return [requirement for requirement in requirements if requirement.name != project["name"]]


@pytest.mark.parametrize("file", PINS)
def test_every_pin_is_exact(file):
    for name, pin in pins(file).items():
        specifiers = list(pin.specifier)
        assert [s.operator for s in specifiers] == ["=="], name
        assert not specifiers[0].version.endswith(".*"), name


@pytest.mark.parametrize("requirement", direct_requirements(), ids=lambda r: r.name)
def test_every_pin_is_inside_the_range(requirement):
    name = canonicalize_name(requirement.name)
    found = [pins(file)[name] for file in PINS if name in pins(file)]
    assert found
    for pin in found:
        assert requirement.specifier.contains(next(iter(pin.specifier)).version)


@pytest.mark.parametrize("extra", ["book", "frameworks"])
def test_an_environment_pins_all_that_its_extra_names(extra):
    file = {"book": PINS[0], "frameworks": PINS[1]}[extra]
    assert direct_names(extra) <= set(pins(file))


def direct_names(extra: str) -> set[str]:
    """What an extra of pyproject.toml names, the extras that it includes as well."""
    names = set()
    for requirement in map(Requirement, PROJECT["project"]["optional-dependencies"][extra]):
        if requirement.name == PROJECT["project"]["name"]:
            names = names.union(*map(direct_names, requirement.extras))
        else:
            names.add(canonicalize_name(requirement.name))
    return names


def test_the_two_lists_pin_the_same_versions_or_say_why_not():
    book = pins(PINS[0])
    differing = {
        name: comment
        for name, (pin, comment) in pinned_lines(PINS[1]).items()
        if name in book and pin.specifier != book[name].specifier
    }
    for name, comment in differing.items():
        assert f"requirements.txt has {next(iter(book[name].specifier)).version};" in comment
    assert set(differing) <= {"h5py"}


def test_the_two_builds_of_tensorflow_are_one_version_and_never_both():
    found = pins(PINS[1])
    small, full = found["tensorflow-cpu"], found["tensorflow"]
    assert small.specifier == full.specifier
    for system, machine in [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64")]:
        here = {"sys_platform": system, "platform_machine": machine}
        assert small.marker.evaluate(here) is not full.marker.evaluate(here)


def documented_targets() -> set[str]:
    """The targets that the Makefile's first line and the book's pages tell readers to make."""
    header = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()[0]
    pages = [path for path in tracked_files(ROOT) if path.suffix == ".md"]
    in_pages = [re.findall(r"`make ([a-z]+)", read_text(page)) for page in pages]
    return set(re.findall(r"make ([a-z]+)", header)).union(*in_pages)


def test_the_header_names_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)[1].split()
    header = re.findall(r"make ([a-z]+)", makefile.splitlines()[0])
    assert {*header, "env"} == set(phony)


@pytest.mark.parametrize("target", sorted(documented_targets()))
def test_documented_targets_exist(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


PINNED_NBVAL = (ROOT / "tools" / "nbval-pinned.cfg").read_text(encoding="utf-8")
NEWEST_NBVAL = (ROOT / "tools" / "nbval-newest.cfg").read_text(encoding="utf-8")
FIGURE = '<?xml version="1.0"?>\n<svg>\n<path d="M 0.25 1"/>\n</svg>\n'
OUTPUT = "<f at 0x7f01ac9e> loss 0.1234\n" + FIGURE


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (PINNED_NBVAL, "<f at ADDRESS> loss 0.1234\n" + FIGURE),
        (NEWEST_NBVAL, "<f at ADDRESS> loss 0.1234\nFIGURE\n"),
    ],
    ids=["pinned", "newest"],
)
def test_what_nbval_does_not_compare(configuration, expected):
    text = OUTPUT
    for pattern, replacement in get_sanitize_patterns(configuration):
        text = re.sub(pattern, replacement, text)
    assert text == expected
