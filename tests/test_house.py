"The house rules: the package is what the notebooks export, and the notebooks are a book that can be read."
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastseqtrack import book, packages

ROOT = Path(__file__).resolve().parent.parent
CHAPTERS = book.chapters(ROOT)
NOTEBOOKS = [*CHAPTERS, ROOT / "nbs" / "index.ipynb"]
MODULES = sorted(path for path in (ROOT / "fastseqtrack").rglob("*.py") if not path.name.startswith("_"))


def command(tool: str, *words, cwd) -> str:
    "Run a tool of this environment; fails the test with what it said."
    done = subprocess.run([Path(sys.executable).with_name(tool), *words], cwd=cwd, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python_files(folder) -> dict:
    "The package's modules as {name: bytes}."
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in Path(folder, "fastseqtrack").rglob("*.py")}


def test_package_is_what_the_notebooks_export(root, copy):
    for path in (copy / "fastseqtrack").rglob("*.py"):
        if path.name not in ("__init__.py", "__main__.py"):  # the two files kept by hand
            path.unlink()
    command("nbdev_export", cwd=copy)
    exported, committed = python_files(copy), python_files(root)
    assert sorted(exported) == sorted(committed)
    assert [name for name in committed if committed[name] != exported[name]] == []


def test_notebooks_are_clean(root, copy):
    command("nbdev_clean", cwd=copy)
    changed = [path.name for path in NOTEBOOKS
               if path.read_bytes() != (copy / "nbs" / path.name).read_bytes()]
    assert changed == []


def test_every_notebook_is_a_chapter_or_the_front_page(root):
    assert {path.name for path in (root / "nbs").rglob("*.ipynb")} == {path.name for path in NOTEBOOKS}


def test_chapters_import_only_earlier_ones():
    assert book.order_faults(CHAPTERS) == []


def test_modules_import_only_earlier_ones():
    modules = [module for path in CHAPTERS if (module := book.module_name(book.read_cells(path)))]
    graph = packages.import_graph()
    assert sorted(graph) == sorted(modules)
    for number, module in enumerate(modules):
        assert graph[module] <= set(modules[:number]), module


def test_packages_import_one_way():
    assert packages.arrow_faults(packages.import_graph()) == []


def test_map_of_the_packages_is_drawn_from_the_imports(root):
    assert (root / packages.MAP).read_text(encoding="utf-8") == packages.draw_map(packages.import_graph())


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_keeps_the_budgets(path):
    assert book.chapter_faults(path) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_module_keeps_the_budgets(path):
    assert book.module_faults(path) == []


def test_front_page_keeps_the_rules_of_cells():
    cells = book.read_cells(ROOT / "nbs" / "index.ipynb")
    assert [fault for cell in cells for fault in book.cell_faults(cell)] == []
    assert (ROOT / "nbs" / "index.ipynb").stat().st_size <= book.Rules.size


def test_readme_is_the_front_page(root):
    rendered = book.render_readme(root / "nbs" / "index.ipynb")
    assert (root / "README.md").read_text(encoding="utf-8") == rendered


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(root, page):
    text = (root / page).read_text(encoding="utf-8")
    targets = {target.split("#")[0] for target in re.findall(r'(?:\]\(|src="|href=")([^)"\s]+)', text)}
    local = {target for target in targets if target and ":" not in target}
    assert [target for target in sorted(local) if not (root / target).exists()] == []


def test_lint(root):
    command("ruff", "check", "--no-cache", "--output-format", "concise", "fastseqtrack", "nbs", "tests",
            "docs", "setup.py", cwd=root)


def test_top_level_holds_nothing_else(root):
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True).stdout.split("\n")
    if tracked == [""]:
        pytest.skip("not a git checkout")
    top = {path.split("/")[0] for path in tracked if path and not path.startswith(".")}
    folders = {"nbs", "fastseqtrack", "figures", "tests", "docs"}
    files = {"settings.ini", "environment.yml", "Makefile", "MANIFEST.in", "setup.py", "LICENSE", "NOTICE"}
    files |= {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff"}
    assert top <= folders | files


def test_manifest_lists_every_artefact(root):
    manifest = json.loads((root / "figures" / "manifest.json").read_text(encoding="utf-8"))
    listed = {file for entry in manifest.values() for file in entry["files"]}
    present = {path.name for path in (root / "figures").iterdir() if path.is_file()
               and path.name != "manifest.json"}
    assert present == listed


def test_manifest_tells_where_each_artefact_comes_from(root):
    manifest = json.loads((root / "figures" / "manifest.json").read_text(encoding="utf-8"))
    for name, entry in manifest.items():
        assert (root / "nbs" / f"{entry['chapter']}.ipynb").is_file(), name
        assert all(entry[key] for key in ("command", "device", "commit", "date")), name
        assert name == "gallery" or any(file.endswith(".csv")
                                        for file in entry["files"]), f"{name} has no data beside it"
