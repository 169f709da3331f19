"""The widgets and the page of a run in a real browser: Chromium without a window, driven by playwright.

Skipped where there is no Chromium: `apt-get install chromium`, or FASTSEQTRACK_CHROMIUM=path of one (GitHub's
Ubuntu runners have Chrome). The tests of the widgets start a JupyterLab server, which takes minutes on a busy
machine: they run where FASTSEQTRACK_SLOW is set."""
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from fastseqtrack.tracking.base import GIVEN, TrackResult
from fastseqtrack.tracking.page import PageFile

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = os.environ.get("FASTSEQTRACK_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium, or "
                                                         "set FASTSEQTRACK_CHROMIUM to the path of one")
SIZE = dict(width=1100, height=1000)
slow = pytest.mark.skipif("FASTSEQTRACK_SLOW" not in os.environ, reason="takes minutes: FASTSEQTRACK_SLOW=1")
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
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -e .[dev]")
    with sync.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page(viewport=SIZE)
        page.set_default_timeout(180_000)
        sync.expect.set_options(timeout=180_000)
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


@pytest.fixture(scope="module")
def run_page(tmp_path_factory):
    "A page of ten frames, in which a box goes two pixels to the right per frame."
    path = tmp_path_factory.mktemp("page") / "run.html"
    with PageFile(path, "ten frames <b>of</b> a ramp", fps=20) as page:
        for number in range(10):
            result = TrackResult(np.array([20.0 + 2 * number, 30, 40, 25]), 5.0 + number, number != 3,
                                 number % 3 if number else GIVEN)
            page.write(np.full((120, 160, 3), 60 + 10 * number, np.uint8), result)
    return path


@pytest.fixture(scope="module")
def tau_run():
    "Nine frames of two exits at tau 5: the first exit scores 1 to 8 and is 0 to 7 px beside the last one."
    given = TrackResult(np.array([20.0, 30, 40, 25]), math.nan, True, GIVEN)
    frames = [(given, [])]
    for number in range(1, 9):
        early, late = (TrackResult(np.array([20.0 + shift, 30, 40, 25]), score, True, layer)
                       for shift, score, layer in ((number - 1, float(number), 0), (0, 9.0, 2)))
        frames.append((early if number > 5 else late, [early, late]))
    return frames


def write_notebook(path, sources):
    "A notebook of code cells."
    cells = [dict(cell_type="code", id=f"cell{number}", metadata={}, source=source.strip(), outputs=[],
                  execution_count=None) for number, source in enumerate(sources)]
    kernel = dict(name="python3", display_name="Python 3", language="python")
    notebook = dict(cells=cells, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)
    path.write_text(json.dumps(notebook))


def wait_for(address, log, seconds=180):
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
    "A notebook in JupyterLab, alone on the page, with its first cell chosen and a kernel that waits."
    page.goto(f"{lab}/doc/tree/{name}.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_role("button", name="Python 3 (ipykernel) | Idle").wait_for()  # keys before that are lost
    page.locator(".jp-Notebook .jp-InputArea-editor").first.click()


def drag(page, element, start, end):
    "Drag with the mouse between two points of an element, given in its pixels."
    corner = element.bounding_box()
    places = [(corner["x"] + x, corner["y"] + y) for x, y in (start, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=5)
    page.mouse.up()


@slow
def test_a_box_is_dragged_in_jupyterlab(browser, lab):
    from playwright.sync_api import expect

    open_notebook(browser, lab, "pick")
    browser.keyboard.press("Shift+Enter")
    picture = browser.locator(".jp-OutputArea-output svg[class*=svelte]").first
    picture.wait_for()
    keep_picture(browser, "pick_before")
    drag(browser, picture, (100, 60), (200, 140))
    keep_picture(browser, "pick_after")
    fields = browser.locator(".jp-OutputArea-output input[type=number]")
    expect(fields.nth(3)).not_to_have_value("0")  # the four numbers come one after the other
    numbers = [int(fields.nth(place).input_value()) for place in range(4)]
    assert np.abs(np.subtract(numbers, (100, 60, 100, 80))).max() <= 3
    browser.locator(".jp-Notebook .jp-InputArea-editor").nth(1).click()
    browser.keyboard.press("Shift+Enter")
    printed = browser.locator(".jp-OutputArea-output", has_text="the box is")
    assert printed.inner_text().strip() == f"the box is {tuple(map(float, numbers))}"


@slow
def test_a_run_is_explored_in_jupyterlab(browser, lab):
    from playwright.sync_api import expect

    open_notebook(browser, lab, "explore")
    browser.keyboard.press("Shift+Enter")
    output = browser.locator(".jp-OutputArea-output")
    line, pictures = output.locator(".widget-html-content"), output.locator("img")
    expect(line).to_contain_text("frame 0")
    browser.locator(".jp-OutputArea-output button").first.click()  # play
    expect(line).to_contain_text("frame 29")
    played = pictures.first.get_attribute("src")
    handle = output.locator(".noUi-handle").nth(1)  # tau
    handle.focus()
    before = line.inner_text()
    handle.press("Home")
    expect(line).to_contain_text("100% of the decoder saved")
    keep_picture(browser, "explore_tau_0")
    handle.press("End")
    expect(line).to_contain_text("0% of the decoder saved, boxes 0.0 px")
    assert line.inner_text() != before
    output.locator("input[type=checkbox]").check()
    expect(pictures.nth(4)).to_have_js_property("naturalWidth", 640)
    keep_picture(browser, "explore_attention")
    assert played and pictures.first.get_attribute("src") != played


def test_the_page_of_a_run_needs_no_server(browser, run_page):
    asked = []
    browser.on("request", lambda request: asked.append(request.url))
    browser.goto(run_page.as_uri())
    box, line = browser.locator("#box"), browser.locator("#line")
    assert "the box was given" in line.inner_text()
    start = [float(box.get_attribute(name)) for name in ("x", "y", "width", "height")]
    browser.locator("#frame").fill("8")
    assert "frame 8 of 9" in line.inner_text()
    assert float(box.get_attribute("x")) == start[0] + 16
    keep_picture(browser, "page")
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []


def test_another_tau_is_looked_up_on_the_page(browser, tau_run, tmp_path):
    from playwright.sync_api import expect

    with PageFile(tmp_path / "tau.html", "two exits", tau=5.0) as page:
        for result, exits in tau_run:
            page.write(np.full((120, 160, 3), 90, np.uint8), result, exits)
    browser.goto((tmp_path / "tau.html").as_uri())
    total, line, box = (browser.locator(name) for name in ("#sum", "#line", "#box"))
    # frames 6, 7 and 8 leave at exit 0, where they are 5, 6 and 7 px beside full depth
    expect(total).to_have_text("as it ran: 38% of the decoder saved, boxes 2.3 px from full depth in "
                               "the mean, 7.0 px at most")
    browser.locator("#frame").fill("8")
    assert "exit 0, score 8.00" in line.inner_text() and box.get_attribute("x") == "27"
    expect(browser.locator("#deep")).to_have_attribute("visibility", "visible")
    browser.locator("#tau").fill("8.5")
    expect(total).to_contain_text("tau 8.50: 0% of the decoder saved, boxes 0.0 px")
    assert "exit 2, score 9.00" in line.inner_text() and box.get_attribute("x") == "20"
    expect(browser.locator("#deep")).to_have_attribute("visibility", "hidden")
    expect(browser.locator("#keys")).to_have_text("exit 2: 8 frames")
    browser.locator("#tau").fill("0")
    expect(total).to_contain_text("100% of the decoder saved, boxes 3.5 px")
    keep_picture(browser, "page_tau")
    browser.locator("#own").click()
    expect(total).to_contain_text("as it ran: 38%")


def test_a_page_of_one_exit_has_no_tau(browser, run_page):
    browser.goto(run_page.as_uri())
    assert browser.locator("#frame").is_visible() and not browser.locator("#tau").is_visible()


def test_the_page_plays_and_its_bars_are_links(browser, run_page):
    from playwright.sync_api import expect

    browser.goto(run_page.as_uri())
    browser.locator("#play").click()
    expect(browser.locator("#line")).to_contain_text("frame 9 of 9")
    expect(browser.locator("#play")).to_have_text("play")
    plot = browser.locator("#plot").bounding_box()
    browser.mouse.click(plot["x"] + plot["width"] * 0.45, plot["y"] + plot["height"] * 0.9)
    expect(browser.locator("#line")).to_contain_text("frame 4 of 9")
    expect(browser.locator("#keys")).to_contain_text("exit 0: 3 frames")
    browser.set_viewport_size(dict(width=420, height=800))
    keep_picture(browser, "page_narrow")
    assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    browser.set_viewport_size(SIZE)
