"""An agent's microphone, camera and pictures: looked at before a call, allowed, turned, made to float."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import DESK, PHONE
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, picture, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Axe = Callable[[Page], list[str]]
TWO_CAMERAS = "--use-fake-device-for-media-stream=device-count=2,fps=10"
WATCH = """() => {
  window.asked = [], window.opened = [];
  const { mediaDevices } = navigator, open = mediaDevices.getUserMedia.bind(mediaDevices);
  mediaDevices.getUserMedia = async (wish) => {
    const { facingMode, deviceId } = wish.video || {};
    asked.push({ audio: Boolean(wish.audio), video: Boolean(wish.video), facingMode, deviceId });
    if (window.refuses?.(wish)) throw new DOMException("busy", "NotReadableError");
    const stream = await open(wish);
    opened.push(...stream.getTracks());
    return stream;
  };
}"""
ALL_SHUT = "() => opened.length > 0 && opened.every(({ readyState }) => readyState === 'ended')"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    """One program and one browser with two cameras for all of them."""
    with call_centre(tmp_path_factory.mktemp("centre") / "vault", [TWO_CAMERAS]) as centre:
        yield centre


@pytest.fixture
def centre(running: CallCentre) -> Iterator[CallCentre]:
    """Nobody is there yet, and nobody stays."""
    running.faults.clear()
    yield running
    running.clear()
    assert running.faults == []


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [(DESK, "light", "en"), (PHONE, "dark", "fr")],
    ids=["desk-light-en", "phone-dark-fr"],
)
def test_devices_are_looked_at_before_a_call(
    centre: CallCentre, axe: Axe, size: dict[str, int], scheme: str, language: str
) -> None:
    """A picture that moves, a level, the choices; by keyboard alone, and every device shut behind it."""
    agent = centre.agent(size=size, language=language, color_scheme=scheme, reduced_motion="reduce")
    agent.evaluate(WATCH)
    agent.get_by_role(
        "button", name={"en": "Check devices", "fr": "Vérifier les appareils"}[language]
    ).focus()
    agent.keyboard.press("Enter")
    dialog = agent.get_by_role("dialog")
    agent.wait_for_function("() => document.querySelector('.check video')?.videoWidth > 0")
    agent.wait_for_function("() => document.querySelector('.check meter')?.value > 0")
    expect(dialog.locator("select")).to_have_count(3)
    assert axe(agent) == []
    assert not agent.evaluate("document.documentElement.scrollWidth > innerWidth")
    agent.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    agent.wait_for_function(ALL_SHUT)


def test_what_was_chosen_before_is_what_a_call_begins_with(centre: CallCentre) -> None:
    """A call that rings takes the check's place; the camera that was chosen there is the one that is sent."""
    agent = centre.agent()
    agent.evaluate(WATCH)
    agent.get_by_role("button", name="Check devices").click()
    camera = agent.get_by_role("dialog").get_by_label("Camera")
    camera.select_option(index=1)
    agent.wait_for_function("() => asked.length === 2")
    chosen = camera.input_value()
    centre.visitor()
    agent.locator(".ring").wait_for()
    expect(agent.get_by_role("dialog")).to_have_count(0)
    agent.wait_for_function(ALL_SHUT)
    take(agent)
    expect(agent.get_by_role("button", name="Check devices")).to_be_hidden()
    sent = agent.evaluate(
        "() => document.querySelector('.self video').srcObject.getVideoTracks()[0].getSettings()"
    )
    assert sent["deviceId"] == chosen


def test_a_device_that_is_there_no_longer_is_not_waited_for(centre: CallCentre) -> None:
    """What was chosen and unplugged gives way to what there is: the call begins all the same."""
    agent = centre.agent()
    agent.evaluate('() => sessionStorage.setItem(\'callvault.devices\', \'{"audio":"gone","video":"gone"}\')')
    centre.visitor()
    take(agent)
    expect(agent.locator(".call .self")).to_be_visible(timeout=WAIT_MS)


def test_a_refusal_is_told_with_this_browsers_own_steps(centre: CallCentre, axe: Axe) -> None:
    """Where to click, what to allow, what else may block: before a call and in one."""
    agent = centre.agent(devices=False)
    agent.get_by_role("button", name="Check devices").click()
    dialog = agent.get_by_role("dialog")
    expect(dialog).to_contain_text("The browser does not let this page use the microphone or the camera.")
    expect(dialog.get_by_role("listitem")).to_have_count(3)
    expect(dialog.get_by_role("listitem").first).to_contain_text("Click the icon to the left of the address")
    expect(dialog).to_contain_text("Check that the system allows this browser")
    assert axe(agent) == []
    agent.context.grant_permissions(["camera", "microphone"])
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog.locator("meter")).to_be_visible()
    dialog.get_by_role("button", name="Done").click()
    agent.context.clear_permissions()
    centre.visitor()
    agent.locator(".ring .primary").click()
    expect(agent.locator(".blocked")).to_contain_text("Click the icon to the left of the address")
    assert axe(agent) == []


def test_the_picture_floats_over_other_windows_and_comes_back(centre: CallCentre, axe: Axe) -> None:
    """One press puts the visitor's picture in a window of its own, another one back; so does the end."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    agent.get_by_role("button", name="Picture in a small window").click()
    agent.wait_for_function("() => document.pictureInPictureElement?.closest('.stage-main')")
    assert axe(agent) == []
    agent.get_by_role("button", name="Picture back in its place").click()
    agent.wait_for_function("() => !document.pictureInPictureElement")
    agent.get_by_role("button", name="Picture in a small window").press("Enter")
    agent.wait_for_function("() => document.pictureInPictureElement")
    agent.get_by_role("button", name="Hang up").click()
    agent.wait_for_function("() => !document.pictureInPictureElement")


def test_a_phones_camera_is_flipped_and_is_back_where_the_other_does_not_open(
    centre: CallCentre, axe: Axe
) -> None:
    """The one in use is shut first, as phones open one at a time; what does not open is said."""
    agent = centre.agent(size=PHONE, has_touch=True, is_mobile=True)
    agent.evaluate(WATCH)
    centre.visitor()
    take(agent)
    flip = agent.get_by_role("button", name="Flip the camera")
    flip.click()
    own = agent.locator(".call .self")
    expect(own).to_have_attribute("data-facing", "environment")
    expect(own).to_be_visible(timeout=WAIT_MS)
    assert [one.get("facingMode") for one in agent.evaluate("asked")] == [None, "environment"]
    assert axe(agent) == []
    agent.evaluate("() => { window.refuses = ({ video }) => video.facingMode === 'user' }")
    flip.click()
    expect(agent.locator(".call .trouble")).to_contain_text("Another program is using", timeout=WAIT_MS)
    expect(own).to_have_attribute("data-facing", "environment")
    expect(own).to_be_visible(timeout=WAIT_MS)
    assert (
        agent.evaluate(
            "() => opened.filter(({ kind, readyState }) => kind === 'video' && readyState === 'live').length"
        )
        == 1
    )


def test_a_desk_with_two_cameras_has_nothing_to_flip(centre: CallCentre) -> None:
    """There they are chosen by name."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    expect(agent.get_by_role("button", name="Picture in a small window")).to_be_visible()
    expect(agent.get_by_role("button", name="Flip the camera")).to_have_count(0)


def test_a_visitor_who_began_with_sound_alone_is_seen_and_kept_after_all(centre: CallCentre) -> None:
    """Nothing of a picture is kept before; from the press on the agent sees it, and it is kept."""
    agent = centre.agent()
    for is_seen in (False, True):
        visitor = centre.visitor(choice="")
        visitor.locator("call-button .switch input").uncheck()
        visitor.locator("button[value=accepted]").click()
        agent.locator(".ring .primary").click()
        expect(agent.locator(".stage-main")).to_contain_text("No picture", timeout=WAIT_MS)
        if is_seen:
            visitor.get_by_role("button", name="Turn the camera on").click()
            visitor.locator("call-button .share:visible .main").click()
            picture(agent)
        agent.wait_for_timeout(1500)
        agent.get_by_role("button", name="Hang up").click()
        expect(agent.locator(".kept .badge-ready")).to_have_count(2, timeout=WAIT_MS)
        said = "Video and sound" if is_seen else "Sound only"
        expect(agent.locator(".kept p").first).to_contain_text(f"{said} ·")
        agent.get_by_role("button", name="Close").click()
