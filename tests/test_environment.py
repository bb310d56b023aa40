"""tools/environment.py makes .venv, or says in one line why it cannot."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import environment
from tools.environment import SetupError

ROOT = Path(environment.ROOT)


@pytest.mark.parametrize("version", [(3, 6, 15), (3, 10, 13), (3, 14, 0), (4, 0, 0)])
def test_other_pythons_are_refused(version):
    with pytest.raises(SetupError, match=r"3\.11 to 3\.13.*make PYTHON=") as refusal:
        environment.check_python(version)
    assert f"{version[0]}.{version[1]};" in str(refusal.value)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 1), (3, 13, 9)])
def test_the_books_pythons_are_accepted(version):
    assert environment.check_python(version) is None


def test_an_old_python_can_parse_it():
    source = (ROOT / "tools" / "environment.py").read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 6)).body
    with pytest.raises(SyntaxError):
        ast.parse("if (size := 3): pass", feature_version=(3, 6))


def test_disk(monkeypatch):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: SimpleNamespace(free=2e9))
    assert environment.check_disk("book", 1.5) is None
    with pytest.raises(SetupError, match=r"needs 9 GB and 2\.0 GB are free in book"):
        environment.check_disk("book", 9.0)


CPU = ["install", "--index-url", environment.TORCH_CPU_INDEX]
PINNED = [
    ["install", "--requirement", "requirements.txt"],
    ["install", "--no-deps", "--no-build-isolation", "--editable", "."],
]
NEWEST = [["install", "--upgrade", "--editable", ".[book]"]]
FRAMEWORKS = [["install", "--requirement", "requirements-frameworks.txt"], PINNED[1]]
NEWEST_FRAMEWORKS = [["install", "--upgrade", "--editable", ".[frameworks]"]]


@pytest.mark.parametrize(
    ("torch", "versions", "steps"),
    [
        ("default", "pinned", PINNED),
        ("default", "newest", NEWEST),
        ("cpu", "pinned", [[*CPU, "torch==9.9"], *PINNED]),
        ("cpu", "newest", [[*CPU, "torch"], *NEWEST]),
    ],
)
def test_pip_steps(torch, versions, steps):
    assert environment.pip_steps(torch, versions, "torch==9.9") == steps


@pytest.mark.parametrize(
    ("torch", "versions", "steps"),
    [
        ("default", "pinned", FRAMEWORKS),
        ("default", "newest", NEWEST_FRAMEWORKS),
        ("cpu", "pinned", [[*CPU, "torch==9.9"], *FRAMEWORKS]),
        ("cpu", "newest", [[*CPU, "torch"], *NEWEST_FRAMEWORKS]),
    ],
)
def test_pip_steps_of_the_frameworks(torch, versions, steps):
    assert environment.pip_steps(torch, versions, "torch==9.9", "frameworks") == steps


@pytest.mark.parametrize("name", environment.ENVIRONMENTS)
def test_an_environment_has_pins_an_extra_and_a_folder_that_nobody_commits(name):
    folder, pins, _ = environment.ENVIRONMENTS[name]
    assert environment.read_torch_pin(environment.read(ROOT / pins))
    assert f"\n{name} = [\n" in environment.read(ROOT / "pyproject.toml")
    assert f"{folder}/" in environment.read(ROOT / ".gitignore").splitlines()
    assert f" {folder}," in environment.read(ROOT / "_config.yml")


def test_torch_pin():
    assert environment.read_torch_pin("numpy==1\ntorch==9.9 ; x\n") == "torch==9.9"
    assert environment.read_torch_pin((ROOT / "requirements.txt").read_text()).startswith("torch==")
    with pytest.raises(SetupError, match="does not pin torch"):
        environment.read_torch_pin("torchvision==1\n")


@pytest.mark.parametrize(("sign", "reason"), environment.REASONS)
def test_known_reasons(sign, reason):
    said = environment.explain(f"Collecting torch\nERROR: {sign} in the end\n", "a.log")
    assert said == f"{reason} (pip's own words: a.log)"


def test_a_missing_network_is_not_taken_for_a_missing_version():
    log = (
        "WARNING: Retrying after connection broken by 'NameResolutionError(\"Failed to resolve "
        "'pypi.org' ([Errno -2] Name or service not known)\")'\n"
        "ERROR: Could not find a version that satisfies the requirement torch==9.9\n"
        "ERROR: No matching distribution found for torch==9.9\n"
    )
    assert environment.explain(log, "a.log").startswith("there is no network")


def test_an_unknown_reason_is_quoted():
    log = "Collecting torch\nERROR: first\nERROR: the moon is full\nbye\n"
    assert environment.explain(log, "a.log") == "ERROR: the moon is full (more in a.log)"
    assert environment.explain("nothing", "a.log") == "no reason given (more in a.log)"


def fake_python(folder: Path, says: str, code: int) -> str:
    """A program that takes any arguments, says something and ends with a code."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_a_pip_that_fails(tmp_path):
    log = tmp_path / "install.log"
    log.write_text("Read timed out, but that was an earlier step\n", encoding="utf-8")
    python = fake_python(tmp_path, "ERROR: [Errno 28] No space left on device", 1)
    with pytest.raises(SetupError) as failure:
        environment.run_pip(python, ["install", "torch"], str(log))
    expected = f"installing failed: the disk is full (pip's own words: {log})"
    assert str(failure.value) == expected
    assert "Errno 28" in log.read_text(encoding="utf-8")


def test_a_pip_that_works(tmp_path):
    python = fake_python(tmp_path, "Successfully installed", 0)
    environment.run_pip(python, ["install"], str(tmp_path / "log"))
    assert (tmp_path / "log").read_text(encoding="utf-8") == "Successfully installed\n"


def an_old_python(monkeypatch, folder):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    return "3.10; name another one"


def a_full_disk(monkeypatch, folder):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    return "the disk is full"


def no_venv_module(monkeypatch, folder):
    says = "The virtual environment was not created because ensurepip is not available."
    monkeypatch.setattr(sys, "executable", fake_python(folder, says, 1))
    return "apt install python3-venv"


def a_venv_that_fails(monkeypatch, folder):
    says = "Traceback\n  File venv.py\nOSError: [Errno 28] No space left on device"
    monkeypatch.setattr(sys, "executable", fake_python(folder, says, 1))
    return "OSError: [Errno 28] No space left on device"


def a_pip_that_fails(monkeypatch, folder):
    def make_folder(path):
        (Path(path) / "bin").mkdir(parents=True)
        fake_python(Path(path) / "bin", "ERROR: ResolutionImpossible: see below", 1)

    monkeypatch.setattr(environment, "make_folder", make_folder)
    return "installing failed: the pinned versions contradict each other"


def a_missing_python(monkeypatch, folder):
    monkeypatch.setattr(sys, "executable", str(folder / "gone"))
    return "No such file or directory"


@pytest.mark.parametrize(
    "cause",
    [
        an_old_python,
        a_full_disk,
        no_venv_module,
        a_venv_that_fails,
        a_pip_that_fails,
        a_missing_python,
    ],
)
def test_each_failure_is_one_line(monkeypatch, tmp_path, capsys, cause):
    monkeypatch.setattr(environment.shutil, "disk_usage", lambda _: SimpleNamespace(free=1e12))
    expected = cause(monkeypatch, tmp_path)

    assert environment.main(["--folder", str(tmp_path / "env")]) == 1

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("what-is-a-gru: ")
    assert expected in lines[0]
    assert not (tmp_path / "env" / "installed").exists()


@pytest.fixture
def steps(monkeypatch):
    """Nothing is installed; the pip commands that would run are listed."""
    listed = []
    monkeypatch.setattr(environment, "check_disk", lambda *_: None)
    monkeypatch.setattr(environment, "make_folder", lambda _: None)
    monkeypatch.setattr(environment, "run_pip", lambda _, step, log: listed.append(step))
    return listed


def test_the_second_time_nothing_happens(steps, tmp_path):
    assert environment.make_environment(str(tmp_path), "default", "pinned")
    assert steps == PINNED
    assert not environment.make_environment(str(tmp_path), "default", "pinned")
    assert steps == PINNED
    assert environment.make_environment(str(tmp_path), "default", "newest")
    assert steps == PINNED + NEWEST


def test_a_choice_of_torch_holds_until_another_is_made(steps, tmp_path):
    pin = environment.read_torch_pin(environment.read(ROOT / "requirements.txt"))
    cpu = [*CPU, pin]
    assert environment.make_environment(str(tmp_path), "cpu", "pinned")
    assert steps == [cpu, *PINNED]
    assert not environment.make_environment(str(tmp_path), None, "pinned")
    assert environment.make_environment(str(tmp_path), "default", "pinned")
    assert steps == [cpu, *PINNED, *PINNED]
    assert not environment.make_environment(str(tmp_path), None, "pinned")


@pytest.mark.parametrize(
    ("arguments", "folder", "pins"),
    [
        ([], ".venv", "requirements.txt"),
        (["--environment", "book"], ".venv", "requirements.txt"),
        (["--environment", "frameworks"], ".venv-frameworks", "requirements-frameworks.txt"),
    ],
)
def test_each_environment_has_its_place_and_its_pins(
    steps, tmp_path, monkeypatch, arguments, folder, pins
):
    for name in ("requirements.txt", "requirements-frameworks.txt", "pyproject.toml"):
        (tmp_path / name).write_text(environment.read(ROOT / name), encoding="utf-8")
    (tmp_path / folder).mkdir()
    monkeypatch.setattr(environment, "ROOT", str(tmp_path))
    assert environment.main(arguments) == 0
    assert [step for step in steps if "--requirement" in step] == [
        ["install", "--requirement", pins]
    ]
    assert (tmp_path / folder / "installed").exists()


def test_the_larger_environment_needs_more_room(monkeypatch, tmp_path, capsys):
    needed = []
    monkeypatch.setattr(environment, "check_disk", lambda _, gb: needed.append(gb))
    monkeypatch.setattr(environment, "make_folder", lambda _: None)
    monkeypatch.setattr(environment, "run_pip", lambda *_: None)
    for name in environment.ENVIRONMENTS:
        (tmp_path / name).mkdir()
        assert environment.make_environment(str(tmp_path / name), "cpu", "pinned", name)
    assert needed[1] - needed[0] == pytest.approx(1.2)
    assert "about 3.3 GB" in capsys.readouterr().out


def test_settings_of_tools_install_nothing(steps, tmp_path, monkeypatch):
    assert environment.make_environment(str(tmp_path), None, "pinned")
    read = environment.read
    monkeypatch.setattr(environment, "read", lambda path: read(path).replace("100", "99"))
    assert "line-length = 99" in environment.read(ROOT / "pyproject.toml")
    assert not environment.make_environment(str(tmp_path), None, "pinned")
    monkeypatch.setattr(environment, "read", lambda path: read(path).replace("tqdm", "bars"))
    assert environment.make_environment(str(tmp_path), None, "pinned")
