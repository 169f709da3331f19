"""The program as a process: what a user's shell sees.

The commands' behaviour is tested in chapter `cli.common`."""

import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest

from fastseqtrack.data.images import VideoFile
from fastseqtrack.models.checkpoints import create_model, save_checkpoint

PROGRAM = [sys.executable, "-c", "from fastseqtrack.cli.main import main; main(prog_name='fastseqtrack')"]
RAMP = np.repeat(np.tile(np.linspace(40, 160, 128, dtype=np.uint8), (96, 1))[..., None], 3, axis=2)


def heed_interrupts():
    "A job started in the background inherits deaf ears for Ctrl-C."
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*words):
    return subprocess.Popen([*PROGRAM, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, preexec_fn=heed_interrupts)


def finish(*words):
    process = start(*words)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    save_checkpoint(create_model("fastseqtrack_drawn"), folder / "weights.safetensors")
    with VideoFile(folder / "long.mp4", fps=25) as film:
        for number in range(1500):
            film.write(np.roll(RAMP, number % 128, axis=1))
    return folder


@pytest.fixture
def options(media):
    return ["--box", "50,40,24,24", "--model", media / "weights.safetensors", "--device", "cpu"]


def box_lines(path):
    return [[float(value) for value in line.split(",")] for line in path.read_text().splitlines()]


def test_help_is_quick_and_teaches():
    before = os.times()
    code, out, err = finish("track", "--help")
    assert code == 0 and not err and "fastseqtrack track clip.mp4 --box" in out
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent < 1.5, "seconds of processor time: PyTorch must not be loaded for --help"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_valid_boxes(media, options, tmp_path, sign):
    boxes = tmp_path / "boxes.txt"
    process = start("track", media / "long.mp4", *options, "--out", boxes, "--video", tmp_path / "out.mp4")
    while process.poll() is None and not (boxes.is_file() and boxes.read_text().count("\n") >= 5):
        time.sleep(0.05)
    os.kill(process.pid, sign)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "Traceback" not in err
    rows = box_lines(boxes)
    assert 5 <= len(rows) < 1500 and all(len(row) == 4 for row in rows)
    assert (tmp_path / "out.mp4").exists() == (sign == signal.SIGINT), "a killed run leaves no broken video"


def test_a_film_that_is_cut_off_keeps_its_first_half(media, options, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (128, 96))
    for _ in range(30):
        writer.write(RAMP)
    writer.release()
    raw = (tmp_path / "film.avi").read_bytes()
    (tmp_path / "film.avi").write_bytes(raw[: len(raw) // 2])
    code, out, err = finish("track", tmp_path / "film.avi", *options, "--out", tmp_path / "boxes.txt")
    assert code == 1 and err.startswith("Error: ") and "cut off or damaged" in err and "fix: " in err
    assert "Traceback" not in err
    assert 5 < len(box_lines(tmp_path / "boxes.txt")) < 30


def test_frames_of_every_kind_in_one_folder(media, options, tmp_path):
    kinds = [RAMP, RAMP[..., 0], RAMP.astype(np.uint16) * 257, np.dstack([RAMP, RAMP[..., 0]]),
             RAMP[:80, :100]]
    for number, image in enumerate(kinds, 8):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), image)
    (tmp_path / "readme.txt").write_text("not a frame")
    code, out, err = finish("track", tmp_path, *options)
    assert code == 0 and len(out.splitlines()) == 5, err
    x, y, w, h = map(float, out.splitlines()[-1].split(","))
    assert x < 100 and y < 80, "the last frame is smaller, and its box is kept within it"


@pytest.mark.parametrize("content", [b"", b"hello\n" * 500, bytes(5000)])
def test_what_is_no_video(options, tmp_path, content):
    from click.testing import CliRunner

    from fastseqtrack.cli.main import main

    (tmp_path / "film.mp4").write_bytes(content)
    run = CliRunner().invoke(main,
        ["track", str(tmp_path / "film.mp4"), *map(str, options), "--out", str(tmp_path / "boxes.txt")])
    assert run.exit_code == 1 and "is not a video" in run.stderr and "fix: " in run.stderr
    assert not (tmp_path / "boxes.txt").exists(), "nothing is written before there is something to write"
