"""Writes the weights that the language model of chapter 32 loads, into the built ``_static``.

They are made from the files in ``gru_lib/pretrained`` at every build: nothing is committed twice.
"""

from pathlib import Path

from gru_lib.page_weights import adapter_script, model_script

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "gru_lib" / "pretrained" / "reference.safetensors"
ADAPTER = ROOT / "gru_lib" / "pretrained" / "numpy-lora.safetensors"


def scripts() -> dict[str, str]:
    """Names of the files and what stands in them."""
    return {
        "language-model-base.js": model_script(BASE),
        "language-model-numpy.js": adapter_script(ADAPTER, BASE),
    }


def write_scripts(app, exception):
    """Write them last: Sphinx fills the folder while it builds."""
    if exception or app.builder.format != "html":
        return
    for name, script in scripts().items():
        (Path(app.outdir) / "_static" / name).write_text(script, encoding="ascii", newline="\n")


def setup(app):
    app.connect("build-finished", write_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
