"""Runs the three test suites (Catch2, lit, pytest) of a built checkout and adds up their results; test/run is the command."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("MANASLU_BUILD", ROOT / "build" / "release")).resolve()
LLVM = "/usr/lib/llvm-22/bin"


@dataclass
class Tally:
    """What one suite found; `failures` names the failed tests, or what kept the suite from running."""
    passed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)


def start(command, environment):
    """Run a suite with its output shown as it comes; returns its exit status (negative: the signal)."""
    sys.stdout.flush()
    return subprocess.run([str(word) for word in command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL).returncode


def unit(options, environment, folder):
    """Catch2: one program over the rooms without MLIR."""
    program, result = BUILD / "bin" / "manaslu-unit-tests", folder / "unit.xml"
    if not program.exists():
        return Tally(failures=[f"{program} was not built"])
    wanted = "*" + re.sub(r"([\\,\[\]\"*~])", r"\\\1", options.filter) + "*" if options.filter else ""
    tests = wanted + ("~[slow]" if options.quick else "")
    status = start([program, *([tests] if tests else []), "-r", "xml", "-o", result], environment)
    tally = Tally()
    try:
        cases = list(ElementTree.parse(result).iter("TestCase"))
    except (OSError, ElementTree.ParseError):
        return Tally(failures=[f"the program ended with status {status} and left no readable result"])
    for case in cases:
        if case.find("OverallResult").get("success") == "true":
            tally.passed += 1
            continue
        tally.failures.append(case.get("name"))
        for part in case.iter():
            if part.tag in ("Expression", "Failure", "Exception", "FatalErrorCondition"):
                print(f"{part.get('filename')}:{part.get('line')}: {case.get('name')}: {' '.join(''.join(part.itertext()).split())}")
    if status and not tally.failures:
        tally.failures.append(f"the program ended with status {status}")
    return tally


def lit(options, environment, folder):
    """lit: passes and tools, from text to text."""
    result = folder / "lit.json"
    command = [sys.executable, "-c", "import lit.main; lit.main.main()", "-sv" if sys.stdout.isatty() else "-qv", "--allow-empty-runs", "-o", result, "--param", f"build={BUILD}"]
    status = start(command + (["--filter", re.escape(options.filter)] if options.filter else []) + [ROOT / "test"], environment)
    if not result.exists():
        return Tally() if status == 0 else Tally(failures=[f"lit ended with status {status} and left no result"])
    tally = Tally()
    for test in json.loads(result.read_text())["tests"]:
        if test["code"] in ("PASS", "XFAIL", "FLAKYPASS"):
            tally.passed += 1
        elif test["code"] in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
            tally.skipped += test["code"] != "EXCLUDED"
        else:
            tally.failures.append(f"{test['name']} ({test['code']})")
    return tally


def python(options, environment, folder):
    """pytest: the front end, real models end to end, the documents' examples."""
    if not any((ROOT / "test").rglob("test_*.py")):
        return Tally()
    result = folder / "pytest.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={result}", f"--rootdir={ROOT}", "test"]
    command += ["-k", " and ".join(options.filter.split())] if options.filter else []
    status = start(command + (["-m", "not slow"] if options.quick else []), environment)
    if status == 5:  # no test matched the filter
        return Tally()
    try:
        cases = list(ElementTree.parse(result).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return Tally(failures=[f"pytest ended with status {status} and left no readable result"])
    tally = Tally()
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            tally.failures.append(f"{case.get('classname')}.{case.get('name')}")
        elif case.find("skipped") is not None:
            tally.skipped += 1
        else:
            tally.passed += 1
    if status and not tally.failures:
        tally.failures.append(f"pytest ended with status {status}")
    return tally


def main():
    suites = {"unit": unit, "lit": lit, "python": python}
    parser = argparse.ArgumentParser(prog="test/run", description="Sets the checkout up and runs every test.")
    parser.add_argument("--filter", metavar="TEXT", default="", help="only tests whose name contains TEXT")
    parser.add_argument("--quick", action="store_true", help="leave out tests that are marked slow")
    parser.add_argument("--suite", choices=suites, action="append", help="only this suite (may be repeated)")
    options = parser.parse_args()
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), str(BUILD / "bin"), LLVM, os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "MANASLU_BUILD": str(BUILD), "MANASLU_QUICK": "1" if options.quick else ""}
    passed, failures, lines = 0, [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.suite or suites:
            begun = time.monotonic()
            tally = suites[name](options, environment, Path(folder))
            passed += tally.passed
            failures += [f"{name}: {failure}" for failure in tally.failures]
            lines.append(f"{name}: {tally.passed} passed, {len(tally.failures)} failed, {tally.skipped} skipped in {time.monotonic() - begun:.0f} s")
    print("\n".join(["", *(f"FAILED {failure}" for failure in failures), *lines]))
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
