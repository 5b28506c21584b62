"""A call at the agent's console, through the real program: it rings, is taken, seen, heard, and kept."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import DESK, PHONE
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, picture, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Axe = Callable[[Page], list[str]]
SOUND = """async () => {
  const video = document.querySelector(".stage-main video");
  const context = new AudioContext();
  const analyser = new AnalyserNode(context);
  context.createMediaStreamSource(video.srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  for (let tries = 0; tries < 100; tries++) {
    analyser.getFloatTimeDomainData(samples);
    if (samples.some((sample) => Math.abs(sample) > 0.01)) return true;
    await new Promise((later) => setTimeout(later, 50));
  }
  return false;
}"""

HEARD = """
window.heard = { notes: [] };
const start = AudioScheduledSourceNode.prototype.start;
AudioScheduledSourceNode.prototype.start = function (...when) {
  heard.notes.push([this.frequency?.value, this.context.state]);
  return start.apply(this, when);
};
window.WebSocket = class extends WebSocket {
  constructor(...all) {
    super(...all);
    this.addEventListener("message", ({ data }) => {
      const { type, at } = JSON.parse(data);
      if (type === "call.ringing") heard.toldMs ??= Date.parse(at);
    });
  }
};
new MutationObserver(() => {
  if (document.querySelector(".ring")) heard.shownMs ??= Date.now();
}).observe(document, { childList: true, subtree: true });
"""
AT_ONCE_MS = 1_000


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    """One program and one browser for all of them."""
    with call_centre(tmp_path_factory.mktemp("centre") / "vault") as centre:
        yield centre


@pytest.fixture
def centre(running: CallCentre) -> Iterator[CallCentre]:
    """Nobody is there yet, and nobody stays."""
    running.faults.clear()
    yield running
    running.clear()
    assert running.faults == []


def rung_at_once(centre: CallCentre, agent: Page) -> Page:
    """A visitor whose ring is on the screen within a second of being told; a busy machine may try again."""
    for _ in range(3):
        agent.evaluate("heard = { notes: [] }")
        visitor = centre.visitor()
        agent.locator(".ring").wait_for()
        agent.wait_for_function("() => heard.notes.length >= 2")
        assert agent.evaluate("heard.notes.slice(0, 2)") == [[880, "running"], [660, "running"]]
        if agent.evaluate("heard.shownMs - heard.toldMs") < AT_ONCE_MS:
            return visitor
        visitor.close()
        expect(agent.locator(".ring")).to_have_count(0, timeout=WAIT_MS)
    pytest.fail("no ring of three was on the screen within a second")


def test_a_call_is_taken_seen_heard_and_both_sides_are_kept(centre: CallCentre) -> None:
    """The whole way: ring and tone, take, pictures both ways, sound, hang up, what was kept, its sides."""
    agent = centre.agent()
    agent.add_init_script(HEARD)
    agent.reload()
    agent.locator("#presence:not([disabled])").wait_for()
    agent.mouse.click(3, 3)  # a browser lets a page sound once its person touched it
    visitor = rung_at_once(centre, agent)
    card = agent.locator(".ring")
    expect(card).to_contain_text("Incoming call")
    expect(card).to_contain_text("Agreed to be recorded")
    expect(card).to_contain_text("Video call")
    expect(agent.locator("#rung")).to_contain_text("F8 goes to it")
    agent.wait_for_function("() => document.title.startsWith('Incoming call')")
    take(agent)
    tones = agent.evaluate("heard.notes.length")
    assert agent.evaluate(SOUND)
    expect(agent.locator(".call-sub")).to_contain_text("Connected")
    expect(agent.locator(".call-side")).to_contain_text("Both sides are recorded: the visitor agreed.")
    assert not agent.title().startswith("Incoming call")
    visitor.wait_for_timeout(1500)
    agent.get_by_role("button", name="Hang up").click()
    assert agent.evaluate("heard.notes.length") == tones  # what is taken rings no more
    expect(agent.locator(".kept .badge-ready")).to_have_count(2, timeout=WAIT_MS)
    expect(agent.locator(".kept a")).to_have_text(["Visitor", "Agent"])
    agent.locator(".kept a").first.click()
    agent.locator(".sides a").click()
    expect(agent.locator(".sides [aria-current]")).to_have_text("Agent")


def test_mute_and_camera_say_what_they_did_and_the_light_goes_out(centre: CallCentre) -> None:
    """Muting silences the track; camera off ends it, and on brings another one."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    agent.get_by_role("button", name="Mute", exact=True).click()
    expect(agent.locator(".call-sub")).to_contain_text("you are muted")
    agent.get_by_role("button", name="Unmute").click()
    agent.get_by_role("button", name="Camera off").click()
    expect(agent.locator(".self")).to_be_hidden()
    agent.get_by_role("button", name="Camera on").click()
    expect(agent.locator(".self")).to_be_visible()
    agent.get_by_role("button", name="Microphone and camera").click()
    expect(agent.get_by_role("dialog").get_by_label("Microphone", exact=True)).to_be_focused()
    agent.keyboard.press("Escape")
    expect(agent.get_by_role("dialog")).to_have_count(0)


def test_whoever_speaks_while_muted_is_told(centre: CallCentre) -> None:
    """The hint comes with speech, and one press of it turns the microphone on."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    agent.get_by_role("button", name="Mute", exact=True).click()
    agent.evaluate("() => { AnalyserNode.prototype.getFloatTimeDomainData = (all) => void all.fill(0.3) }")
    hint = agent.locator(".note-warn", has_text="nobody hears you")
    expect(hint).to_be_visible()
    expect(agent.locator(".stage-main [data-speaks=true]")).to_be_visible()
    hint.get_by_role("button", name="Unmute").click()
    expect(hint).to_be_hidden()


def test_a_call_behind_other_windows_is_notified_without_the_visitors_name(centre: CallCentre) -> None:
    """Whoever asked for it gets a notification: it names the button alone, and goes with the ring."""
    agent = centre.agent()
    agent.evaluate(
        """() => {
          window.noted = [];
          Document.prototype.hasFocus = () => false;
          Notification = class extends EventTarget {
            static permission = "granted";
            constructor(title, { body }) { super(); this.text = `${title}: ${body}`; noted.push(this); }
            close() { this.closed = true; }
          };
        }"""
    )
    visitor = centre.visitor()
    agent.locator(".ring").wait_for()
    button = agent.locator(".ring .facts dd").first.inner_text()
    assert agent.evaluate("noted.map(({ text }) => text)") == [f"Incoming call: {button}"]
    visitor.close()
    agent.wait_for_function("() => noted[0].closed", timeout=WAIT_MS)


def test_the_keyboard_is_enough_to_take_a_call_and_to_hang_up(centre: CallCentre) -> None:
    """F8 goes to the card from anywhere; Enter takes; Tab reaches what can be done."""
    agent = centre.agent()
    centre.visitor()
    agent.locator(".ring").wait_for()
    agent.keyboard.press("F8")
    expect(agent.get_by_role("button", name="Take the call")).to_be_focused()
    agent.keyboard.press("Enter")
    picture(agent)
    expect(agent.locator("#call-title")).to_be_focused()
    for _ in range(12):
        agent.keyboard.press("Tab")
        if agent.evaluate("document.activeElement.textContent") == "Hang up":
            break
    agent.keyboard.press("Enter")
    expect(agent.locator("#call-title")).to_have_text("Call ended: A visitor")
    expect(agent.locator("#call-title")).to_be_focused()


def test_one_takes_it_and_the_other_reads_who(centre: CallCentre) -> None:
    """Both ring; the card of the slower one goes, and says by whom."""
    first = centre.agent()
    second = centre.agent(name="Noé Garnier")
    centre.visitor()
    first.locator(".ring").wait_for()
    second.locator(".ring").wait_for()
    take(second)
    expect(first.locator(".notices")).to_contain_text("Noé Garnier took the call")
    expect(first.locator(".ring")).to_have_count(0)
    assert not first.title().startswith("Incoming call")


def test_a_visitor_who_gives_up_stops_the_ringing(centre: CallCentre) -> None:
    """The card goes, with a sentence."""
    agent = centre.agent()
    visitor = centre.visitor()
    agent.locator(".ring").wait_for()
    visitor.close()
    expect(agent.locator(".notices")).to_contain_text("hung up before anyone answered", timeout=WAIT_MS)
    expect(agent.locator(".ring")).to_have_count(0)


def test_a_declined_call_is_gone_and_stays_gone(centre: CallCentre) -> None:
    """Also on the next page."""
    agent = centre.agent()
    centre.visitor()
    agent.locator(".ring").wait_for()
    agent.get_by_role("button", name="Decline").click()
    expect(agent.locator(".ring")).to_have_count(0)
    agent.reload()
    agent.locator("#presence:not([disabled])").wait_for()
    expect(agent.locator(".ring")).to_have_count(0)


def test_a_visitor_who_refused_is_marked_as_not_recorded(centre: CallCentre) -> None:
    """On the card, in the call and after it."""
    agent = centre.agent()
    centre.visitor(choice="refused")
    expect(agent.locator(".ring")).to_contain_text("Not recorded")
    take(agent)
    expect(agent.locator(".call-sub")).to_contain_text("Not recorded")
    expect(agent.locator(".call-side")).to_contain_text("Nothing is recorded: the visitor refused.")
    agent.get_by_role("button", name="Hang up").click()
    expect(agent.locator(".call-end")).to_contain_text("Nothing: this call was not recorded.")


def test_a_call_can_be_taken_without_recording(centre: CallCentre) -> None:
    """The visitor agreed, the agent promised: nothing is kept, and both pages say so."""
    agent = centre.agent()
    visitor = centre.visitor()
    agent.get_by_role("button", name="Take it without recording").click()
    picture(agent)
    expect(agent.locator(".call-sub")).to_contain_text("Not recorded")
    expect(agent.get_by_role("button", name="Pause recording")).to_have_count(0)
    told = visitor.locator("call-button").get_by_text("Not recorded", exact=True)
    expect(told.first).to_be_visible(timeout=WAIT_MS)
    agent.get_by_role("button", name="Hang up").click()
    expect(agent.locator(".call-end")).to_contain_text("Nothing: this call was not recorded.")


def test_a_visitor_who_hangs_up_ends_the_call_here_too(centre: CallCentre) -> None:
    """The devices are given back, and the page says who ended it."""
    agent = centre.agent()
    visitor = centre.visitor()
    take(agent)
    visitor.locator(".hang-up").click()
    expect(agent.locator(".call-end")).to_contain_text("The visitor hung up.", timeout=WAIT_MS)


def test_the_call_goes_on_while_the_page_behind_it_is_read(centre: CallCentre) -> None:
    """Back shows the list with a way to the call; the way leads to the same pictures."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    agent.go_back()
    expect(agent.get_by_role("heading", name="Recordings", exact=True)).to_be_visible()
    agent.get_by_role("button", name="Back to the call").click()
    picture(agent)
    expect(agent.locator(".strip")).to_be_hidden()


def test_without_a_microphone_it_says_why_and_what_to_do(centre: CallCentre) -> None:
    """A browser that refuses the devices is explained; the call can be hung up."""
    agent = centre.agent(devices=False)
    centre.visitor()
    agent.locator(".ring .primary").click()
    expect(agent.locator(".blocked")).to_contain_text("The browser does not let this page use")
    agent.get_by_role("button", name="Hang up").click()
    expect(agent.locator(".call-end")).to_be_visible()


def test_a_lost_connection_is_said_and_found_again(centre: CallCentre) -> None:
    """Nobody waits in front of a silent screen: the line tells, and goes when events come again."""
    agent = centre.agent()
    agent.context.set_offline(True)
    expect(agent.locator(".desk [role=status]")).to_contain_text("Connection lost, trying again")
    expect(agent.locator("#presence")).to_be_disabled()
    agent.context.set_offline(False)
    expect(agent.locator(".desk [role=status]")).to_be_hidden()
    centre.visitor()
    expect(agent.locator(".ring")).to_have_count(1)


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [(DESK, "light", "fr"), (PHONE, "dark", "en")],
    ids=["desk-light-fr", "phone-dark-en"],
)
def test_no_moment_of_a_call_has_an_axe_violation(
    centre: CallCentre, axe: Axe, size: dict[str, int], scheme: str, language: str
) -> None:
    """Ringing, talking, behind another page, choosing devices, ended: WCAG 2.2 AA and nothing spills over."""
    agent = centre.agent(size=size, language=language, color_scheme=scheme, reduced_motion="reduce")
    centre.visitor()
    agent.locator(".ring").wait_for()

    def judged() -> tuple[list[str], bool]:
        return axe(agent), bool(agent.evaluate("document.documentElement.scrollWidth > innerWidth"))

    assert judged() == ([], False)
    take(agent)
    assert judged() == ([], False)
    agent.go_back()
    agent.locator("#list:not([aria-busy])").wait_for()
    assert judged() == ([], False)
    agent.locator(".strip .primary").click()
    agent.locator(".controls .control").last.click()
    agent.get_by_role("dialog").wait_for()
    assert judged() == ([], False)
    agent.keyboard.press("Escape")
    agent.locator(".controls .danger").click()
    agent.locator(".kept").first.wait_for()
    assert judged() == ([], False)
