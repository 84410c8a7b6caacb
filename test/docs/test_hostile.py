"""docs/HostileInput.md: "Every attack below has tests, whose names end in its row"."""
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rows_with_tests():
    """Row -> folders of test/unit that have a test case which names it."""
    found = {}
    for path in sorted((ROOT / "test" / "unit").rglob("*.cpp")):
        for title in re.findall(r'TEST_CASE\("([^"]*)"', path.read_text()):
            named = re.search(r"\(rows? ([0-9, ]+)\)$", title)
            for row in named[1].split(",") if named else []:
                found.setdefault(int(row), set()).add(path.parent.name)
    return found


def test_every_row_has_tests_where_the_table_says():
    table = re.findall(r"^\| (\d+) \|.*\| ([A-Za-z, ]+) \|$", (ROOT / "docs" / "HostileInput.md").read_text(), re.MULTILINE)
    assert [int(row) for row, _ in table] == [*range(1, 25), 39, 40]
    found = rows_with_tests()
    missing = [f"row {row}: no test in test/unit/{folder}" for row, folders in table for folder in folders.split(", ") if folder not in found.get(int(row), ())]
    assert not missing, "\n".join(missing)
