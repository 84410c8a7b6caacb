"""Holds docs/Numerics.md: "The sentences are numbered; code and tests cite them", and the table of errors against what the tests allow."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = (ROOT / "docs" / "Numerics.md").read_text()


def cited(text):
    """The numbers in "N5", "N5, N6 and N7", "N20 to N25"; a comment may go on over several lines."""
    numbers = set()
    for found in re.findall(r"\bN\d+(?:(?:, | and | to | )N\d+)*", re.sub(r"\s*\n\s*//+\s*", " ", text)):
        before = None
        for word, number in re.findall(r"(to )?N(\d+)", found):
            numbers |= set(range(before, int(number))) if word else set()
            before = int(number)
            numbers.add(before)
    return numbers


def sources(*folders):
    return "\n".join(path.read_text() for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.suffix in (".h", ".cpp", ".inc"))


def sentences(document=DOCUMENT):
    return {int(number) for number in re.findall(r"^- \*\*N(\d+)\*\* ", document, re.M)}


# What the compiler makes of operators is not the machine's: it is held by the tests of the compiler.
OPERATORS = sentences(re.search(r"^## Operators of a model\n(.*?)(?=^## |\Z)", DOCUMENT, re.M | re.S).group(1))


def test_every_sentence_is_cited_where_it_is_defined():
    assert sentences() - OPERATORS - cited(sources("lib/Numerics", "lib/Sim")) == set()


def test_every_sentence_is_in_the_name_of_a_test():
    names = re.findall(r'TEST_CASE\("([^"]*)"', sources("test/unit"))
    assert sentences() - OPERATORS - cited("\n".join(names)) == set()


def test_every_sentence_on_operators_is_cited_by_a_test_of_the_compiler():
    files = [*sorted((ROOT / "test" / "e2e").glob("*.py")), *sorted((ROOT / "test" / "Conversion").rglob("*.mlir")), *sorted((ROOT / "test" / "dialects").rglob("*.mlir"))]
    assert OPERATORS and OPERATORS - cited("\n".join(path.read_text() for path in files)) == set()


def test_tests_cite_only_sentences():
    """A range in a test's name may span a gap in the numbering; its ends may not."""
    names = "\n".join(re.findall(r'TEST_CASE\("([^"]*)"', sources("test/unit")))
    assert {int(number) for number in re.findall(r"\bN(\d+)\b", names)} - sentences() == set()


def test_documented_errors_are_those_that_the_tests_allow():
    allowed = dict(re.findall(r'\{"(\w+)", ([\d.]+)\}', (ROOT / "test" / "exhaustive" / "Unary.cpp").read_text()))
    documented = {}
    for names, error in re.findall(r"^\| ([a-z0-9_, ]+) \| ([\d.]+)[^|]* \|", DOCUMENT, re.M):
        documented.update({name: error for name in names.split(", ")})
    assert len(allowed) == 22
    assert {name: float(error) for name, error in documented.items()} == {name: float(error) for name, error in allowed.items()}
