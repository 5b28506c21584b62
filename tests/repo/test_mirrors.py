"""Tests lie where their module lies, and say what they hold."""

import ast
import re
from pathlib import Path, PurePosixPath

from tests.repo import tree

# File names that need no test of their own, and why.
WITHOUT_BEHAVIOUR = {
    "__init__.py": "names what others define",
    "errors.py": "classes without behaviour; each is raised in the tests of the module that raises it",
}
# Modules that another module's test file holds: add a line here only where the two make one idea.
HELD_BY = {
    "vault/db/columns.py": "tests/vault/db/test_migrate.py",
    "vault/db/ledger_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/export_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/line_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/keeping_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/colleague_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/replica_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/visit_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/exit_tables.py": "tests/vault/db/test_migrate.py",
    "vault/db/key_tables.py": "tests/vault/db/test_migrate.py",
    "vault/settings/section.py": "tests/vault/settings/test_schema.py",
    "vault/settings/keeping.py": "tests/vault/settings/test_schema.py",
    # A turn is one idea: where epochs stand, whose keys move, how a record is opened.
    "vault/keys/epochs.py": "tests/vault/keys/test_turning.py",
    "vault/keys/probes.py": "tests/vault/keys/test_ending.py",
    "vault/keys/tenant_keys.py": "tests/vault/keys/test_store.py",
    "vault/keys/records.py": "tests/vault/keys/test_store.py",
    # Recovery is one idea: how long a provider is waited for, what is sealed meanwhile, when it is wrapped.
    "vault/keys/patience.py": "tests/vault/keys/test_recovering.py",
    "vault/keys/forgetting.py": "tests/vault/keys/test_forgotten.py",
    "vault/keys/moving.py": "tests/vault/keys/test_turning.py",
    "vault/keyservice/opening.py": "tests/vault/settings/test_key_providers.py",
    "vault/insight/key_metrics.py": "tests/vault/keys/test_holders.py",
    "vault/keys/recovery_keys.py": "tests/vault/keys/test_recovering.py",
    "vault/calls/indexing.py": "tests/vault/calls/test_away.py",
    "vault/ledger/epoch_ends.py": "tests/vault/rights/test_final_receipts.py",
    "vault/rights/exits_again.py": "tests/vault/leaving/test_restored.py",
    "vault/rights/replaying.py": "tests/vault/rights/test_fence.py",
    "vault/rights/placing.py": "tests/vault/rights/test_holds.py",
    "vault/rights/reaching.py": "tests/vault/rights/test_requests.py",
    # An exit is one journey: asked for, exported, waited for, erased, told.
    "vault/leaving/age.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/archive.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/exits.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/notices.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/records.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/room.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/tar.py": "tests/vault/leaving/test_leaver.py",
    "vault/leaving/addresses.py": "tests/vault/leaving/test_telling.py",
    "vault/rights/taken_along.py": "tests/vault/leaving/test_packing.py",
    "vault/rights/tenant_rows.py": "tests/vault/rights/test_emptying.py",
    "vault/ledger/continuing.py": "tests/vault/rights/test_fence.py",
    "vault/backups/dump.py": "tests/vault/backups/test_backups.py",
    "vault/backups/shelf.py": "tests/vault/backups/test_backups.py",
    "vault/backups/key.py": "tests/vault/backups/test_backups.py",
    "vault/drill/checks.py": "tests/vault/drill/test_drill.py",
    # Everything joined: it is started, asked whether it is ready, drained and stopped.
    "vault/app.py": "tests/vault/cli/test_serve.py",
    "vault/ground.py": "tests/vault/cli/test_serve.py",
    # Ringing is one idea: who is there, whose screen rings, what it shows, who is in the call then.
    "vault/calls/asks.py": "tests/vault/calls/test_asking.py",
    "vault/calls/colleagues.py": "tests/vault/calls/test_asking.py",
    "vault/calls/places.py": "tests/vault/calls/test_ringing.py",
    "vault/calls/turns.py": "tests/vault/calls/test_ringing.py",
    "vault/calls/cards.py": "tests/vault/calls/test_ringing.py",
    "vault/calls/participants.py": "tests/vault/calls/test_ringing.py",
    "vault/calls/presence.py": "tests/vault/calls/test_ringing.py",
    "vault/calls/rings.py": "tests/vault/calls/test_ringing.py",
    "vault/calls/room.py": "tests/vault/http/test_ringing.py",
    # A leg is one idea: how it is connected, carried, kept, told of and put on the floor beside the others.
    "vault/calls/carrying.py": "tests/vault/calls/test_legs.py",
    "vault/calls/connections.py": "tests/vault/calls/test_legs.py",
    "vault/calls/floor.py": "tests/vault/calls/test_feeds.py",
    "vault/calls/names.py": "tests/vault/calls/test_feeds.py",
    "vault/calls/recorder.py": "tests/vault/calls/test_legs.py",
    "vault/calls/stage.py": "tests/vault/calls/test_feeds.py",
    "vault/calls/tellings.py": "tests/vault/calls/test_feeds.py",
    # A link is good for one call; which one, its calls say.
    "vault/calls/invited.py": "tests/vault/calls/test_invitations.py",
    # Whether a message is kept is a question of the chat alone.
    "vault/calls/keeping.py": "tests/vault/calls/test_chat.py",
    "vault/calls/papers.py": "tests/vault/http/test_history.py",
    # One call, from what was written in it to what is found of it afterwards.
    "vault/http/chat.py": "tests/vault/http/test_history.py",
    "vault/http/notes.py": "tests/vault/http/test_history.py",
    # What is wrong with a store, and setting it right, is one idea.
    "vault/media/mending.py": "tests/vault/media/test_inventory.py",
    "vault/rights/belongings.py": "tests/vault/rights/test_erasure.py",
    # What stops a recording is one idea: for a while or for good, in memory and in rows, and its routes.
    "vault/calls/capturing.py": "tests/vault/calls/test_pauses.py",
    "vault/calls/control.py": "tests/vault/http/test_pauses.py",
    "vault/calls/pause_rows.py": "tests/vault/calls/test_pauses.py",
    "vault/calls/admission.py": "tests/vault/calls/test_pauses.py",
    "vault/calls/standing.py": "tests/vault/calls/test_withdrawals.py",
    "vault/calls/unrecorded.py": "tests/vault/calls/test_withdrawals.py",
    "vault/http/tenant.py": "tests/vault/http/test_withdrawals.py",
    # The visitor's own page is one idea: who comes back, what they are told, what they decide.
    "vault/identity/visits.py": "tests/vault/http/test_portal.py",
    "vault/rights/kept.py": "tests/vault/http/test_portal.py",
    "vault/rights/portal.py": "tests/vault/http/test_portal.py",
    # How long a thing is kept is one idea: the rules, what is due by them, what is told of one thing.
    "vault/media/retention.py": "tests/vault/rights/test_rules.py",
    "vault/http/retention_changes.py": "tests/vault/http/test_retention.py",
    "vault/rights/custody.py": "tests/vault/rights/test_rules.py",
    "vault/rights/due.py": "tests/vault/rights/test_keeper.py",
    "vault/rights/asked.py": "tests/vault/rights/test_requests.py",
    "vault/media/holding.py": "tests/vault/rights/test_holds.py",
    "vault/media/restricting.py": "tests/vault/rights/test_restrictions.py",
    "vault/rights/standing.py": "tests/vault/rights/test_rules.py",
    # A pack is one idea: what is asked of each part, and that the sum is true and of one company.
    "vault/evidence/erasures.py": "tests/vault/evidence/test_making.py",
    "vault/evidence/keeping.py": "tests/vault/evidence/test_making.py",
    "vault/evidence/keys.py": "tests/vault/evidence/test_making.py",
    "vault/evidence/places.py": "tests/vault/evidence/test_making.py",
    "vault/evidence/program.py": "tests/vault/evidence/test_making.py",
    # An export is one idea: asked for, queued, composed in a child, assembled as a recording is.
    "vault/media/assembling.py": "tests/vault/media/test_finish.py",
    "vault/media/channels.py": "tests/vault/media/test_exporting.py",
    "vault/media/exports.py": "tests/vault/media/test_exporter.py",
    "vault/media/whole_calls.py": "tests/vault/media/test_exporter.py",
    "vault/media/composing/canvas.py": "tests/vault/media/test_exporting.py",
    "vault/media/composing/child.py": "tests/vault/media/test_composing_child.py",
    "vault/media/composing/coding.py": "tests/vault/media/test_exporting.py",
    "vault/media/composing/inputs.py": "tests/vault/media/test_composing_child.py",
    "vault/media/composing/job.py": "tests/vault/media/test_composing_child.py",
    "vault/media/composing/layout.py": "tests/vault/media/test_exporting.py",
    "vault/media/composing/making.py": "tests/vault/media/test_exporting.py",
    "vault/media/composing/running.py": "tests/vault/media/test_exporter.py",
    "vault/media/composing/sound.py": "tests/vault/media/test_exporting.py",
    "vault/media/composing/stage.py": "tests/vault/media/test_exporting.py",
    "vault/media/composing/talk.py": "tests/vault/media/test_composing_child.py",
    # Where the sides of a call lie is told by its manifest.
    "vault/media/call_clock.py": "tests/vault/media/test_call_manifest.py",
    # A child's limits are shown from inside, its start and end from outside.
    "vault/media/confine.py": "tests/vault/media/test_derive_child.py",
    "vault/media/calls_filter.py": "tests/vault/media/test_derive_child.py",
    # The door is knocked on as a whole; its inner parts have no other way in.
    "vault/http/ask.py": "tests/vault/http/test_door.py",
    "vault/http/body.py": "tests/vault/http/test_door.py",
    "vault/http/cookies.py": "tests/vault/http/test_browser_rules.py",
    "vault/http/cors.py": "tests/vault/http/test_browser_rules.py",
    "vault/http/counter_store.py": "tests/vault/http/test_limits.py",
    "vault/http/cursors.py": "tests/vault/http/test_people.py",
    "vault/http/endpoint.py": "tests/vault/http/test_matrix.py",
    "vault/http/openapi.py": "tests/vault/http/test_routes.py",
    "vault/http/paging.py": "tests/vault/http/test_people.py",
    "vault/http/problem_rows.py": "tests/vault/http/test_routes.py",
    "vault/http/request_info.py": "tests/vault/http/test_door.py",
    "vault/http/security_headers.py": "tests/vault/http/test_door.py",
    "vault/http/server.py": "tests/vault/http/test_slow_connections.py",
    "vault/http/services.py": "tests/vault/http/test_door.py",
    "vault/http/sessions.py": "tests/vault/http/test_browser_rules.py",
    "vault/http/web_app.py": "tests/vault/http/test_door.py",
    "vault/insight/metrics.py": "tests/vault/http/test_health.py",
    # A token is accepted or refused by all of these together.
    "vault/identity/claims.py": "tests/vault/identity/test_own_tokens.py",
    "vault/identity/identity.py": "tests/vault/identity/test_own_tokens.py",
    "vault/identity/jws.py": "tests/vault/identity/test_own_tokens.py",
    "vault/identity/key_sets.py": "tests/vault/identity/test_foreign_tokens.py",
    "vault/identity/room.py": "tests/vault/identity/test_foreign_tokens.py",
    # An offer is read and answered; packets become frames; a peer is the sum of its parts.
    "webrtc/answer.py": "tests/webrtc/test_sdp.py",
    "webrtc/assembly.py": "tests/webrtc/test_vp8.py",
    "webrtc/codecs.py": "tests/webrtc/test_sdp.py",
    "webrtc/dtls.py": "tests/webrtc/test_peer.py",
    "webrtc/endpoint.py": "tests/webrtc/test_peer.py",
    "webrtc/frames.py": "tests/webrtc/test_fragments.py",
    "webrtc/h264_parameters.py": "tests/webrtc/test_h264.py",
    "webrtc/ice.py": "tests/webrtc/test_attacks.py",
    "webrtc/limits.py": "tests/webrtc/test_sdp.py",
    "webrtc/offer.py": "tests/webrtc/test_sdp.py",
    "webrtc/outgoing.py": "tests/webrtc/test_forward.py",
    "webrtc/outlet.py": "tests/webrtc/test_peer.py",
    "webrtc/receiver.py": "tests/webrtc/test_tap.py",
    "webrtc/sdp_lines.py": "tests/webrtc/test_sdp.py",
    "webrtc/stats.py": "tests/webrtc/test_peer.py",
    "webrtc/trickle.py": "tests/webrtc/test_peer.py",
}
MIGRATIONS = "vault/db/migrations/"  # run as a whole by tests/vault/db/test_migrate.py
WORDS = 3


def has_tests(path: str) -> bool:
    """Tell whether tests/<folder>/test_<module>*.py, or a folder of that name, exists."""
    module = PurePosixPath(path)
    folder = tree.ROOT / "tests" / Path(module.parent)
    return any(folder.glob(f"test_{module.stem}*.py")) or any(folder.glob(f"{module.stem}/test_*.py"))


def test_every_module_has_its_test_file() -> None:
    """A module without tests is found by its name, not by a coverage figure."""
    missing = [
        path
        for path in tree.sources()
        if path not in HELD_BY
        and PurePosixPath(path).name not in WITHOUT_BEHAVIOUR
        and not path.startswith(MIGRATIONS)
        and not has_tests(path)
    ]
    assert not missing, "\n".join(missing)


def test_every_exception_to_the_mirror_still_holds() -> None:
    """A line for a module or a test that is gone would hide the next one of its name."""
    gone = [pair for pair in HELD_BY.items() if not all((tree.ROOT / path).is_file() for path in pair)]
    assert gone == []


def test_every_test_has_a_sentence() -> None:
    """A test states its rule: a docstring, and a name of at least three words."""
    mute = [
        f"{path}:{function.lineno} {function.name}"
        for path in tree.files(".py")
        if path.startswith("tests/") and PurePosixPath(path).name.startswith("test_")
        for function in tree.functions(path)
        if function.name.startswith("test_")
        and (not ast.get_docstring(function) or len(re.findall(r"[^_]+", function.name)) <= WORDS)
    ]
    assert not mute, "\n".join(mute)
