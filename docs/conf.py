"""The site: chapters with their stored outputs, the API from the docstrings, the figures. See `make site`.

Sphinx with myst-nb and furo: notebooks as they are stored, and pages and a search
that work from a folder on disk."""
import json
import re
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

import fastseqtrack

project = "FastSeqTrack"
copyright = "2026 onwards, The FastSeqTrack companion authors. Apache-2.0"  # noqa: A001
release = fastseqtrack.__version__
extensions = ["myst_nb", "sphinx.ext.apidoc", "sphinx.ext.autodoc", "sphinx_design"]
exclude_patterns = ["README.md", "figures/records"]  # README.md is nbs/index.ipynb rendered again
nb_execution_mode = "off"  # the outputs are those that are stored
nb_ipywidgets_js = {}  # these scripts would come from the web
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type", "toc.not_included"]

html_theme = "furo"
html_title = "FastSeqTrack"
pygments_style, pygments_dark_style = "tango", "monokai"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_search_summary = False  # excerpts cannot be read from a folder on disk
html_math_renderer = "mathml"

apidoc_modules = [{
    "path": Path(fastseqtrack.__file__).parent,
    "destination": "api",
    "exclude_patterns": ["**/__main__.py", "**/_modidx.py"],
    "separate_modules": True,
    "module_first": True,
    "automodule_options": {"members", "show-inheritance"},
}]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
default_role = "code"  # docstrings put names in single backticks


def plain_docstring(app, what, name, obj, options, lines) -> None:
    "Docstrings are plain text with `names`: what reStructuredText would read as markup is escaped."
    for number, line in enumerate(lines):
        parts = re.split(r"(`[^`]*`)", line)  # every second one is a name
        parts[::2] = [re.sub(r"([*_|\\])", r"\\\1", part) for part in parts[::2]]
        lines[number] = "".join(parts)


def shown_cell(cell: dict) -> dict | None:
    "A cell as a reader needs it: its `#|` lines become tags, hidden code is left out."
    lines = "".join(cell["source"]).splitlines(keepends=True)
    names = [line[2:].split()[0] for line in lines if line.startswith("#|") and line[2:].strip()]
    if cell["cell_type"] != "code" or not names:
        return cell
    if "default_exp" in names or "hide" in names and not cell["outputs"]:
        return None
    tags = ["remove-input"] if "hide" in names else [name for name in names if name in ("export", "notest")]
    code = [line for line in lines if not line.startswith("#|")]
    return cell | {"source": code, "metadata": {"tags": tags}}


def shown_notebook(app, name: str, source: list[str]) -> None:
    "Prepare a chapter for reading."
    if Path(app.env.doc2path(name)).suffix != ".ipynb":
        return
    notebook = json.loads(source[0])
    notebook["cells"] = [shown for cell in notebook["cells"] if (shown := shown_cell(cell))]
    # a folder is no page: the first chapters stand for it
    source[0] = json.dumps(notebook).replace("](../nbs)", "](../book/first.md)")


def write_formula(self, node) -> None:
    "A formula as MathML, which browsers draw by themselves."
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    self.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def setup(app) -> None:
    "Connect the functions above."
    app.connect("autodoc-process-docstring", plain_docstring)
    app.connect("source-read", shown_notebook)
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
