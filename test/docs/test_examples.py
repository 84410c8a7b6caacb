"""Holds the promise of README.md: every Python block of the documents runs, every MLIR block of a README parses."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(os.environ.get("MANASLU_BUILD", ROOT / "build" / "release")) / "bin"
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("dialects/*/README.md"), *ROOT.glob("lib/*/README.md")])


def blocks(language):
    """(document and line as an identifier, text) of every fenced block of that language."""
    for document in DOCUMENTS:
        text = document.read_text()
        for found in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start()) + 1
            yield pytest.param(found[1], id=f"{document.relative_to(ROOT)}:{line}")


@pytest.mark.parametrize("text", list(blocks("python")))
def test_python_block_runs(text, tmp_path):
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_walk_through(tmp_path):
    """docs/precision.md, "MiniLM from start to end": the blocks marked `walk`, in one folder and in their order; each command of a shell block succeeds."""
    text = (ROOT / "docs/precision.md").read_text()
    environment = {**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"}
    for language, block in re.findall(r"^```(python|sh) walk\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        command = [sys.executable, "-c", block] if language == "python" else ["bash", "-e", "-c", block]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, block + done.stdout + done.stderr
    assert {"minilm.mnx", "front.json", "cosine.json", "fp8.mnx"} <= {file.name for file in tmp_path.iterdir()}


@pytest.mark.parametrize("text", list(blocks("mlir")))
def test_mlir_block_parses(text):
    done = subprocess.run([TOOLS / "manaslu-opt", "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_relative_links_lead_somewhere():
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"
