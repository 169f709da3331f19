// The page around track.js: open a video or pictures, drag a box, follow it. Nothing is sent anywhere.
"use strict";
const at = id => document.getElementById(id);
const canvas = at("frame"), pen = canvas.getContext("2d", { willReadFrequently: true });
const COLORS = ["#009e73", "#f0e442", "#d55e00"];  // of the exits, as in the package
const page = { tracker: null, source: null, picture: null, box: null, results: [], running: false };

const tell = text => { at("message").textContent = text; };
const sleep = event => new Promise((done, failed) => {
  event.target.addEventListener(event.type, done, { once: true });
  event.target.addEventListener("error", () => failed(new Error("this file cannot be read here")), { once: true });
});

// Sources: `size`, and `read(n)` which draws frame n on the canvas, or says that there is none.
class Pictures {
  constructor(urls) { this.urls = urls; }

  async read(n) {
    if (n >= this.urls.length) return false;
    const picture = new Image();
    picture.src = this.urls[n];
    await picture.decode();
    show(picture, picture.naturalWidth, picture.naturalHeight);
    return true;
  }
}

class Video {
  static async open(url) {
    const source = new Video();
    const video = source.video = document.createElement("video");
    video.muted = true;
    video.src = url;
    await sleep({ target: video, type: "loadeddata" });
    source.step = await source.frameTime();
    return source;
  }

  // Seconds between two frames: the smallest step while a part of the video plays.
  async frameTime() {
    const times = [], video = this.video;
    await new Promise(done => {
      const note = (_, frame) => {
        times.push(frame.mediaTime);
        if (times.length < 20 && !video.ended) video.requestVideoFrameCallback(note);
        else done();
      };
      video.requestVideoFrameCallback(note);
      video.addEventListener("ended", done, { once: true });
      video.play();
    });
    video.pause();
    const steps = times.slice(1).map((time, i) => time - times[i]).filter(step => step > 0.001);
    return steps.length ? Math.min(...steps) : 1 / 25;
  }

  async read(n) {
    const video = this.video, time = (n + 0.5) * this.step;
    if (time >= video.duration) return false;
    if (n !== this.shown) await this.seek(time);
    this.shown = n;
    show(video, video.videoWidth, video.videoHeight, await filmPixels(video));
    return true;
  }

  // Go to a time, and wait until its frame is there: "seeked" can come while the frame before is still drawn.
  async seek(time) {
    const sought = sleep({ target: this.video, type: "seeked" });
    this.video.currentTime = time;
    await sought;
    for (let tries = 0; tries < 100 && !this.shows(time); tries++) await new Promise(done => setTimeout(done, 10));
  }

  // Whether the frame drawn began before this time, and lasts until then: a frame's time is its beginning, and `read`
  // looks for its middle. Where the browser does not say, it is believed.
  shows(time) {
    if (!window.VideoFrame) return true;
    const frame = new VideoFrame(this.video), shown = frame.timestamp / 1e6;
    frame.close();
    return shown <= time && time - shown < 1.25 * this.step;
  }
}

// Draw a frame and keep its pixels: those that are given, or what the canvas makes of it.
function show(picture, width, height, pixels = null) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  if (pixels) pen.putImageData(pixels, 0, 0);
  else pen.drawImage(picture, 0, 0);
  page.picture = pixels ?? pen.getImageData(0, 0, width, height);
}

function drawBox(box, color, label = "") {
  pen.putImageData(page.picture, 0, 0);
  pen.lineWidth = Math.max(1, canvas.height / 160);
  pen.strokeStyle = pen.fillStyle = color;
  pen.strokeRect(...box);
  pen.font = `${Math.max(11, canvas.height / 22)}px sans-serif`;
  pen.fillText(label, box[0], Math.max(box[1] - 4, 12));
}

// The strip below the frame: a bar per frame, as high as the score, in the colour of its exit.
function drawStrip() {
  const strip = at("strip"), brush = strip.getContext("2d"), wide = 4;
  const width = strip.width = strip.clientWidth, shown = page.results.slice(-Math.floor(width / wide));
  const most = Math.max(1, ...shown.map(result => result.score));
  shown.forEach((result, i) => {
    const height = strip.height * result.score / most;
    brush.fillStyle = COLORS[Math.min(result.exit, COLORS.length - 1)];
    brush.globalAlpha = result.ok ? 1 : 0.4;
    brush.fillRect(i * wide, strip.height - height, wide - 1, height);
  });
}

function report(result, rate) {
  const counts = COLORS.map((_, exit) => page.results.filter(one => one.exit === exit).length);
  at("score").textContent = result.score.toFixed(2) + (result.ok ? "" : " (not to be trusted)");
  at("exits").textContent = counts.map((count, exit) => `${exit}: ${count}`).join("  ");
  at("rate").textContent = rate.toFixed(1);
  at("number").textContent = page.results.length;
}

async function open(source) {
  stop();
  Object.assign(page, { source, box: null, results: [] });
  await source.read(0);
  invite();
}

// What can be done now: drag a box, or follow it. While the network is being opened a box may already be dragged.
function invite() {
  const small = page.box && (page.box[2] < 4 || page.box[3] < 4);
  at("start").disabled = !page.box || small || !page.tracker;
  if (small) tell("This box is too small: drag a larger one.");
  else if (!page.box) tell("Drag a box around what is to be followed.");
  else tell(page.tracker ? "Press Follow." : "Opening the network ...");
}

// Follow the box to the end, or until it is stopped. Frames per second: crop, network and box; not the decoding.
async function follow() {
  page.running = true;
  at("start").textContent = "Stop";
  await page.source.read(0);
  page.results = [];
  page.tracker.init(page.picture, page.box);
  let spent = 0;
  for (let n = 1; page.running && await page.source.read(n); n++) {
    const begun = performance.now();
    const result = await page.tracker.update(page.picture);
    spent += performance.now() - begun;
    page.results.push(result);
    drawBox(result.box, COLORS[Math.min(result.exit, 2)], result.score.toFixed(1) + (result.ok ? "" : " ?"));
    drawStrip();
    report(result, 1000 * n / spent);
    await new Promise(requestAnimationFrame);
  }
  stop();
  tell("Done. Follow runs it again; or drag another box, or open another video.");
}

function stop() {
  page.running = false;
  at("start").textContent = "Follow";
}

function failed(error) {
  stop();
  tell(`That did not work: ${error.message}. Try an MP4 (H.264), a WebM, or pictures.`);
}

// A box by dragging, in pixels of the frame.
const place = event => {
  const shown = canvas.getBoundingClientRect(), scale = canvas.width / shown.width;
  const clamp = (v, end) => Math.min(Math.max(v * scale, 0), end);
  return [clamp(event.clientX - shown.left, canvas.width), clamp(event.clientY - shown.top, canvas.height)];
};
let corner = null;
canvas.addEventListener("pointerdown", async event => {
  if (!page.source || page.running) return;
  canvas.setPointerCapture(event.pointerId);
  corner = place(event);
  await page.source.read(0);
});
canvas.addEventListener("pointermove", event => {
  if (!corner) return;
  const [x, y] = place(event);
  page.box = [Math.min(x, corner[0]), Math.min(y, corner[1]), Math.abs(x - corner[0]), Math.abs(y - corner[1])];
  drawBox(page.box, "#ffffff");
});
canvas.addEventListener("pointerup", () => {
  corner = null;
  if (page.source) invite();
});

at("start").addEventListener("click", () => page.running ? stop() : follow().catch(failed));
at("clip").addEventListener("click", () => open(new Pictures(CLIP)).catch(failed));
at("file").addEventListener("change", async event => {
  const files = Array.from(event.target.files).sort((a, b) => a.name < b.name ? -1 : 1);
  if (!files.length) return;
  const urls = files.map(file => URL.createObjectURL(file));
  const still = files[0].type.startsWith("image/");
  tell("Reading ...");
  try { await open(still ? new Pictures(urls) : await Video.open(urls[0])); } catch (error) { failed(error); }
});

(async () => {
  tell("Opening the network ...");
  ort.env.wasm.numThreads = 1;  // more need headers that a page from a disk has not
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([WASM_GLUE], { type: "text/javascript" })) };
  ort.env.wasm.wasmBinary = Uint8Array.from(atob(WASM), c => c.charCodeAt(0)).buffer;
  page.tracker = await Tracker.open(MODEL);
  if (page.source) invite();  // a file was opened meanwhile: it stays
  else await open(new Pictures(CLIP));
})().catch(failed);
