"""What two people do in a call besides talking, and what becomes of it afterwards, step by step.

Each function does one thing through the pages or the API, and verifies it.
"""

import io
import wave
from typing import Any

import av
import numpy as np
from playwright.sync_api import Page, expect

from tests.end_to_end.fake_devices import AGENT, NEAR_HZ, VISITOR, Look
from tests.end_to_end.journey import WAIT_MS, require
from tests.end_to_end.two_browsers import COLOURS, Talk

NOTE = "Sends a picture of the boiler"
PLACES = (0.06, 0.44, 0.56, 0.94)  # across a picture of two: the halves of the one, and of the other


def write_to_each_other(talk: Talk) -> None:
    """The agent writes first; the visitor is told, reads it and answers."""
    field = talk.agent.get_by_label("Write a message")
    field.fill("Good morning")
    field.press("Enter")
    talk.visitor.get_by_role("button", name="Messages, 1 unread").click(timeout=WAIT_MS)
    chat = talk.visitor.locator("call-button .chat")
    expect(chat.locator(".message")).to_contain_text("Good morning", timeout=WAIT_MS)
    writing = talk.visitor.get_by_label("Write a message")
    writing.fill("My boiler leaks")
    writing.press("Enter")
    expect(talk.agent.locator(".message").last).to_contain_text("My boiler leaks", timeout=WAIT_MS)


def pause_and_resume(talk: Talk) -> None:
    """Card data: both read that nothing is kept, until the agent resumes."""
    talk.agent.get_by_role("button", name="Pause recording").click()
    badge = talk.visitor.locator("call-button").get_by_text("Recording paused", exact=True)
    expect(badge.first).to_be_visible(timeout=WAIT_MS)
    expect(talk.agent.locator(".call-sub .badge")).to_have_text("Recording paused", timeout=WAIT_MS)
    talk.agent.wait_for_timeout(1500)
    talk.agent.get_by_role("button", name="Resume recording").click()
    expect(talk.agent.locator(".call-sub .badge")).to_have_text("Recorded", timeout=WAIT_MS)
    talk.agent.wait_for_timeout(1500)


def note_it(talk: Talk) -> None:
    """How it went, and a note: kept while it is written."""
    talk.agent.get_by_label("How it went").select_option("resolved")
    talk.agent.get_by_label("Note", exact=True).fill(NOTE)
    expect(talk.agent.locator(".note-panel [role=status]")).to_have_text("Saved.", timeout=WAIT_MS)


def tell_one_story(talk: Talk) -> str:
    """The call's manifest: both sides on one clock, each with the pause as a gap, and what happened."""
    told = talk.api("GET", f"/v1/calls/{call_of(talk)}/manifest").json()
    gaps = [{gap["cause"] for gap in side["gaps"]} for side in told["recordings"]]
    require(
        f"both sides declare the pause: {gaps}", ok=len(gaps) == 2 and all("pause" in one for one in gaps)
    )
    types = {event["type"] for event in told["events"]}
    require(f"the events tell of it: {types}", ok={"consent_given", "paused", "resumed"} <= types)
    return f"{{'sides': {len(gaps)}, 'events': {len(told['events'])}}}"


def play_together(talk: Talk) -> str:
    """From the agent's page: the visitor alone before they joined, then both, decoded and in time."""
    told = talk.api("GET", f"/v1/calls/{call_of(talk)}/manifest").json()
    begins = {side["role"] == "visitor": side["offset_ms"] / 1000 for side in told["recordings"]}
    ends = [(side["offset_ms"] + side["duration_ms"]) / 1000 for side in told["recordings"]]
    answered = next(side["recording"] for side in told["recordings"] if side["role"] != "visitor")
    require(f"the agent joined later than the visitor: {begins}", ok=begins[False] > begins[True] + 0.4)
    page = talk.agent
    page.goto(f"{talk.program.base}/console/recordings/{answered}")
    page.get_by_label("Purpose").select_option("quality", timeout=WAIT_MS)
    page.get_by_role("button", name="Open the recording").click()
    page.get_by_role("button", name="Play the other side along").click(timeout=WAIT_MS)
    page.locator(".companion").wait_for(timeout=WAIT_MS)
    _go(page, begins[False] / 2, max(ends))
    _in_time(page, begins[False], at_s=begins[False] / 2)
    _shows(page, OTHERS, VISITOR)
    expect(page.locator(".screen .side-away")).to_have_text("Not there yet")
    both_s = (begins[False] + min(ends)) / 2
    _go(page, both_s, max(ends))
    _in_time(page, begins[False], at_s=both_s)
    _shows(page, OTHERS, VISITOR)
    _shows(page, OPENED, AGENT)
    page.get_by_role("button", name="Play", exact=True).click()
    apart_s = _in_time(page, begins[False], at_s=None)
    page.get_by_role("button", name="Close the access").click()
    return f"{{'apart_ms': {apart_s * 1000:.0f}}}"


OPENED = "() => document.querySelector('.screen video')"
OTHERS = "() => document.querySelector('.companion video')"
NEAR_S = 0.1


def _go(page: Page, at_s: float, whole_s: float) -> None:
    """Press the timeline of the call at a moment."""
    timeline = page.get_by_role("slider", name="Position in the call")
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": box["width"] * at_s / whole_s, "y": box["height"] / 2})


def _in_time(page: Page, later_s: float, *, at_s: float | None) -> float:
    """Wait until both sides are at a moment, or both run, as far apart as they were in the call."""
    found = page.wait_for_function(
        f"""([later, at, near]) => {{
  const [mine, theirs] = [({OPENED})(), ({OTHERS})()];
  if (mine.seeking || theirs.seeking || theirs.readyState < 2) return false;
  if (at === null && (mine.paused || theirs.paused)) return false;
  const apart = Math.abs(theirs.currentTime - mine.currentTime - later);
  const isThere = at === null || Math.abs(theirs.currentTime - at) < near;
  const isAway = at !== null && at < later && mine.currentTime === 0 && mine.paused;
  return isThere && (isAway || apart < near) && {{ apart }};
}}""",
        arg=[later_s, at_s, NEAR_S],
        timeout=WAIT_MS,
    )
    return float(found.evaluate("(told) => told.apart"))


def _shows(page: Page, element: str, look: Look) -> None:
    """Its decoded picture is this person's."""
    seen: Any = None
    for _ in range(20):
        seen = page.evaluate(f"({COLOURS})({element})")
        if seen and look.is_seen(*seen):
            return
        page.wait_for_timeout(100)
    require(f"the {look.name} is seen in their recording: {seen}", ok=False)


def export_the_sound(talk: Talk) -> str:
    """A WAV file of two channels: the visitor's tone on the left, the agent's on the right."""
    made = export(talk, "wav")
    with wave.open(io.BytesIO(made)) as file:
        rate_hz, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, channels)
    tones_hz = [tone_of(samples[:, side].astype(np.float64), rate_hz) for side in range(channels)]
    wanted_hz = [VISITOR.tone_hz, AGENT.tone_hz]
    near = [abs(heard - wanted) < NEAR_HZ for heard, wanted in zip(tones_hz, wanted_hz, strict=True)]
    require(f"each is on its side: {tones_hz}", ok=all(near))
    return f"{{'left_hz': {tones_hz[0]:.0f}, 'right_hz': {tones_hz[1]:.0f}}}"


def export_the_picture(talk: Talk) -> str:
    """An MP4 file with both side by side: decoded, the visitor is on the left and the agent on the right."""
    made = export(talk, "mp4")
    seen = []
    with av.open(io.BytesIO(made), "r") as container:
        for frame in container.decode(video=0):
            image = frame.to_ndarray(format="rgb24")
            middle = image[image.shape[0] // 2 - 8 : image.shape[0] // 2 + 8]
            seen.append([middle[:, int(place * image.shape[1])].mean(axis=0) for place in PLACES])
    require("it has frames", ok=bool(seen))
    shown = [tuple(each) for each in np.median(seen, axis=0)]  # the agent comes seconds after the visitor
    is_visitor = VISITOR.is_seen(*shown[:2])
    require(f"each is in a half of its own: {shown}", ok=is_visitor and AGENT.is_seen(*shown[2:]))
    return f"{{'frames': {len(seen)}}}"


def export(talk: Talk, format_: str) -> bytes:
    """Ask for an export, wait until it is made, and fetch it through a link."""
    asked = talk.api("POST", f"/v1/calls/{call_of(talk)}/exports", {"format": format_})
    require(f"an export is begun: {asked.status}", ok=asked.status == 202)
    one = asked.json()
    for _ in range(300):
        one = talk.api("GET", f"/v1/exports/{one['id']}").json()
        if one["state"] not in {"queued", "running"}:
            break
        talk.agent.wait_for_timeout(200)
    require(f"it is made: {one['state']}", ok=one["state"] == "ready")
    made = talk.api("POST", f"/v1/media/{one['id']}/links", {"purpose": "quality"}).json()
    return bytes(talk.api("GET", made["urls"]["media"]).body())


def erase_the_call(talk: Talk) -> None:
    """One request for all of it: recordings, exports, messages, note; the receipt is complete."""
    call_id = call_of(talk)
    asked = talk.api("POST", "/v1/deletion-requests", {"call_id": call_id, "reason": "visitor_request"})
    require(f"it is asked for: {asked.status}", ok=asked.status == 202)
    request: dict[str, Any] = asked.json()
    for _ in range(150):
        request = talk.api("GET", f"/v1/deletion-requests/{request['id']}").json()
        if request["state"] == "complete":
            break
        talk.agent.wait_for_timeout(200)
    kinds = sorted(item["kind"] for item in request["items"])
    require(f"it is complete, of everything: {kinds}", ok=request["state"] == "complete" and len(kinds) > 4)
    left = talk.api("GET", f"/v1/media?call_id={call_id}&state=ready").json()["items"]
    require(f"nothing of the call is left: {left}", ok=left == [])


def call_of(talk: Talk) -> str:
    """The id of the call that was talked."""
    items = talk.api("GET", "/v1/media?kind=recording").json()["items"]
    return str(items[0]["call_id"])


def tone_of(samples: "np.ndarray", rate_hz: int) -> float:
    """The strongest tone of a piece of sound, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * rate_hz / len(samples))
