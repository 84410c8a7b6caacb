"""The command line tools of the build, as tests run them."""

import os
import subprocess
from pathlib import Path

BIN = Path(os.environ.get("MANASLU_BUILD", Path(__file__).resolve().parents[2] / "build" / "release")) / "bin"


def command(tool, *words, status=0):
    """Runs a tool; its exit status must be `status`."""
    done = subprocess.run([BIN / tool, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    return done
