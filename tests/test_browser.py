"""The widgets and the page of a run in a real browser: Chromium without a window, driven by playwright.

Skipped where there is no Chromium: `apt-get install chromium`, or FASTSEQTRACK_CHROMIUM=path of one."""
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("FASTSEQTRACK_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium, or "
                                                         "set FASTSEQTRACK_CHROMIUM to the path of one")
PICK = """
import numpy as np
from fastseqtrack.widgets import pick_box
frame = np.full((240, 320, 3), 90, np.uint8)
frame[60:140, 100:200] = 200, 60, 60
picker = pick_box(frame, drag=True)
picker
"""
EXPLORE = """
from fastseqtrack import Tracker
from fastseqtrack.data.synthetic import open_synthetic
from fastseqtrack.tracking.stored import record_run
from fastseqtrack.widgets import explore
moving, = open_synthetic("test", 1, length=30)
run = record_run(Tracker("fastseqtrack_drawn", "cpu", runtime="eager"), moving, moving.boxes[0])
explore(run)
"""


@pytest.fixture(scope="module")
def browser():
    "A page of Chromium, 1100 x 1000 pixels."
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[dev]")
    with sync.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport=dict(width=1100, height=1000))
        page.set_default_timeout(60_000)
        yield page
        chromium.close()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    "The address of a JupyterLab server over a folder with a notebook of two cells per widget."
    folder = tmp_path_factory.mktemp("lab")
    read = "print('the box is', picker.value)"
    write_notebook(folder / "pick.ipynb", [PICK, read])
    write_notebook(folder / "explore.ipynb", [EXPLORE])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR",
                                                            "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}", "--ServerApp.port_retries=0"]
    environment = os.environ | places | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status", folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def write_notebook(path, sources):
    "A notebook of code cells."
    cells = [dict(cell_type="code", id=f"cell{number}", metadata={}, source=source.strip(), outputs=[],
                  execution_count=None) for number, source in enumerate(sources)]
    kernel = dict(name="python3", display_name="Python 3", language="python")
    path.write_text(json.dumps(dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)))


def wait_for(address, log, seconds=60):
    "Until a server answers."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            return urllib.request.urlopen(address, timeout=5).read()
        except OSError:
            time.sleep(0.5)
    pytest.fail(log.read_text())


def keep_picture(page, name):
    "A screenshot, for people, where FASTSEQTRACK_SCREENSHOTS names a folder."
    folder = os.environ.get("FASTSEQTRACK_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder, f"{name}.png"))


def open_notebook(page, lab, name):
    "A notebook in JupyterLab, all cells run, alone on the page."
    page.goto(f"{lab}/doc/tree/{name}.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.locator("text=Python 3").first.wait_for()
    page.locator(".jp-Notebook .jp-InputArea-editor").first.click()


def drag(page, element, start, end):
    "Drag with the mouse between two points of an element, given in its pixels."
    corner = element.bounding_box()
    places = [(corner["x"] + x, corner["y"] + y) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()


def test_a_box_is_dragged_in_jupyterlab(browser, lab):
    open_notebook(browser, lab, "pick")
    browser.keyboard.press("Shift+Enter")
    picture = browser.locator(".jp-OutputArea-output svg[class*=svelte]").first
    picture.wait_for()
    keep_picture(browser, "pick_before")
    drag(browser, picture, (100, 60), (200, 140))
    keep_picture(browser, "pick_after")
    fields = browser.locator(".jp-OutputArea-output input[type=number]")
    numbers = [int(fields.nth(place).input_value()) for place in range(4)]
    assert abs(numbers[0] - 100) < 8 and abs(numbers[2] - 100) < 8 and abs(numbers[3] - 80) < 8
