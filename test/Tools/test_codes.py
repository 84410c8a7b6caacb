"""Every error code in the sources stands in the catalogue, so that `manaslu-cc explain` knows it and the exit status is right (interfaces.md)."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
CATALOGUE = dict(re.findall(r'MANASLU_ERROR\("(MN-[A-Z0-9-]+)", (\d+)', (ROOT / "lib/Support/ErrorCodes.inc").read_text()))


def codes_used():
    for folder in ("lib", "dialects", "python/manaslu", "tools", "include"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".cpp", ".h", ".py", ".td") and path.is_file():
                for line in path.read_text().splitlines():
                    if line.lstrip().startswith(("//", "#", "///")) or path.name == "CommandTable.cpp":
                        continue
                    # Prose may mention families; a code that is used stands in a string.
                    for code in re.findall(r'"(MN-[A-Z]+-[A-Z0-9-]*[A-Z0-9])[":]', line):
                        yield code, path.relative_to(ROOT)


def test_every_code_is_in_the_catalogue():
    missing = {(code, str(path)) for code, path in codes_used() if code not in CATALOGUE}
    assert not missing


def test_every_code_of_the_catalogue_is_raised_somewhere():
    """`manaslu-cc explain` and docs/errors.md promise nothing that cannot happen."""
    sources = [path for folder in ("lib", "dialects", "python/manaslu", "tools", "include") for path in (ROOT / folder).rglob("*") if path.suffix in (".cpp", ".h", ".py", ".td")]
    text = "\n".join(path.read_text() for path in sources)
    assert [code for code in CATALOGUE if not re.search(re.escape(code) + r"(?![A-Z0-9-])", text)] == []


def test_exit_statuses_are_those_of_the_interface():
    assert set(CATALOGUE.values()) <= {"2", "3", "4", "5", "6", "70"}
