"""Every setting, its default and the reason for it: the one list (docs/OPERATIONS.md repeats it).

Sources, the first that speaks wins: environment ``CALLVAULT_SECTION__KEY``, secret files
``<secrets dir>/SECTION__KEY``, ``callvault.toml``, the defaults below. Unknown names are refused.
"""

from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from vault.settings.evidence import EvidenceSettings
from vault.settings.keeping import (
    BackupSettings,
    DatabaseSettings,
    KeysSettings,
    LedgerSettings,
    StorageSettings,
)
from vault.settings.key_providers import AwsKmsSettings, OpenBaoSettings, Pkcs11Settings
from vault.settings.section import Addresses, Bytes, Seconds, Section, TurnUrls

USUAL_PORTS: Final = {"http": 80, "https": 443}


class ServerSettings(Section):
    """Where the program listens and how it is reached."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Loopback behind a proxy on the same machine."
    )
    port: int = Field(
        8080, ge=0, le=65_535, description="HTTP port: API, widget, console. 0 picks a free one."
    )
    public_url: str = Field(
        "",
        description="The https:// address people use; cookies and CORS rest on it. `serve` requires it.",
    )
    metrics_host: str = Field(
        "127.0.0.1", description="Address of the metrics listener; keep it off the internet."
    )
    metrics_port: int = Field(9464, ge=0, le=65_535, description="Port of /metrics. 0 picks a free one.")
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses or networks of the proxy whose X-Forwarded-For is believed. Empty: nobody's.",
    )
    drain_s: Seconds = Field(
        30, description="After SIGTERM, how long running calls may go on; then the next start waits for them."
    )
    header_timeout_s: Seconds = Field(
        10, description="A request's headers must be complete within this time."
    )
    body_timeout_s: Seconds = Field(30, description="A request's body must be complete within this time.")
    idle_timeout_s: Seconds = Field(
        60, description="A kept-alive connection without a request is closed after this."
    )
    max_connections: int = Field(2_000, ge=1, description="Open HTTP connections; more are refused at once.")

    @field_validator("public_url")
    @classmethod
    def _bare_origin(cls, value: str) -> str:
        if not value:
            return value
        said = ValueError("write scheme and host only, like https://calls.example.org")
        try:
            parts = urlsplit(value)
            host, port = parts.hostname, parts.port
        except ValueError as cause:  # its own words repeat the value
            raise said from cause
        beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme not in USUAL_PORTS or not host or beyond or not value.isascii():
            raise said
        # As browsers write it in Origin (RFC 6454, 6.2): any other spelling would match none of theirs.
        named = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{named}" + ("" if port in {None, USUAL_PORTS[parts.scheme]} else f":{port}")


class MediaSettings(Section):
    """WebRTC: addresses, deadlines and what a stranger may not exceed."""

    addresses: Addresses = Field(
        (),
        description="Local addresses ICE may use, IPv4 or IPv6. Empty: all of the machine but loopback.",
    )
    local_only: bool = Field(
        default=False, description="Hear media from this machine's own addresses only, as `dev` does."
    )
    announced_address: Addresses = Field(
        (),
        description="Public addresses behind 1:1 NAT, IPv4 or IPv6, told to callers in place of our own.",
    )
    port_first: int = Field(0, ge=0, le=65_535, description="First UDP port for media; 0: any free ports.")
    port_last: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Last UDP port for media; the same as the first: all legs share that one port.",
    )
    turn_urls: TurnUrls = Field(
        (),
        description="TURN servers for browsers, like turns:turn.example.org:443?transport=tcp. Empty: none.",
    )
    turn_secret: SecretStr | None = Field(
        None, description="Secret shared with the TURN server: coturn's `static-auth-secret`."
    )
    turn_lifetime_s: float = Field(
        3_600,
        ge=600,
        le=86_400,
        description="A TURN credential opens relays for this long; a relay that is open goes on.",
    )
    turn_only: bool = Field(
        default=False, description="Browsers use TURN alone, also where the direct way would do."
    )
    max_legs: int = Field(
        100,
        ge=2,
        le=10_000,
        description="Legs this process carries; each call has two of them kept, one for whoever answers.",
    )
    full_lag_s: Seconds = Field(
        0.25,
        description="No new call while the event loop wakes this late, smoothed over five seconds.",
    )
    full_cpu: float = Field(
        0.9,
        gt=0,
        le=10,
        description="No new call while the event loop uses this share of a core, smoothed likewise.",
    )
    max_feeds: int = Field(
        400,
        ge=1,
        le=40_000,
        description="Feeds this process sends: each is one participant who sees and hears one leg.",
    )
    setup_deadline_s: Seconds = Field(
        15, description="From the answer to the first media; then the leg ends."
    )
    stalled_after_s: Seconds = Field(5, description="No packet for this long: the leg counts as stalled.")
    dead_after_s: Seconds = Field(
        15, description="No packet and no consent (RFC 7675) for this long: the leg ends."
    )
    max_offer_bytes: Bytes = Field(64 * 1024, description="An SDP offer over this is refused unread.")
    max_call_s: Seconds = Field(
        4 * 3600, description="A call ends after this long; the recording is finished."
    )
    rejoin_s: Seconds = Field(
        45,
        description="Whoever lost the connection, or the vault by a restart, may come back for this long.",
    )
    take_deadline_s: Seconds = Field(
        20, description="Who took a call and is not heard in it by then gives it back: it rings again."
    )


class RecordingSettings(Section):
    """How a call is cut, sealed and finished."""

    fragment_s: Seconds = Field(1, description="Length of a fragment: what a crash may cost, at most twice.")
    spill_bytes: Bytes = Field(
        8 * 1024 * 1024,
        description="Sealed fragments a leg may hold while the store is slow; then the loss is declared.",
    )
    max_bytes: Bytes = Field(
        8 * 1024 * 1024 * 1024,
        description="A recording ends at this size, and says so; the call goes on. Four hours at 4 Mbit/s.",
    )
    pause_reminder_s: Seconds = Field(
        300, description="The agents of a call are reminded of a pause this often; it never ends by itself."
    )
    finish_workers: int = Field(2, ge=1, le=16, description="Recordings finished at the same time.")
    child_memory_bytes: Bytes = Field(
        512 * 1024 * 1024, description="Memory of the sandboxed child for poster and peaks."
    )
    child_cpu_s: Seconds = Field(
        60, description="CPU time of that child per hour of call, at least ten seconds."
    )


class ExportSettings(Section):
    """Files made of a call's recordings, beside the running calls and after them."""

    workers: int = Field(1, ge=1, le=4, description="Exports made at the same time; each takes one core.")
    child_memory_bytes: Bytes = Field(
        1024 * 1024 * 1024, description="Memory of the sandboxed child that decodes and composes."
    )
    child_cpu_s: Seconds = Field(
        7_200,
        description="CPU time of that child per hour of call, at least a minute.",
    )
    nice: int = Field(
        10, ge=0, le=19, description="How far that child stands back from the calls that run (nice(1))."
    )
    max_s: Seconds = Field(4 * 3_600, description="A longer call is not exported.")
    keep_days: int = Field(
        30,
        ge=1,
        le=3_650,
        description="An export is kept so long, and never longer than what it was made of.",
    )
    waiting_per_tenant: int = Field(
        20, ge=1, description="Exports of one company that may wait; further ones are refused for now."
    )


class LinkSettings(Section):
    """Playback links."""

    lifetime_s: Seconds = Field(
        300, le=3600, description="A link's life; the console renews it while the page is open."
    )
    recheck_s: Seconds = Field(1, le=3, description="How often a running playback asks whether it may go on.")


class SessionSettings(Section):
    """Browser sessions and the vault's own tokens."""

    idle_s: Seconds = Field(3_600, description="A browser session unused for this long is over.")
    absolute_s: Seconds = Field(12 * 3_600, description="A browser session is over after this, used or not.")
    login_link_s: Seconds = Field(600, description="A one-time sign-in link lives this long.")
    visitor_token_s: Seconds = Field(
        6 * 3_600, description="A visitor's token lives this long, and only for its call."
    )
    agent_token_s: Seconds = Field(
        3_600, description="A token made by `callvault agent token` lives this long by default."
    )
    key_file: Path = Field(
        Path("./keys/tokens.key"), description="Signing key of the vault's own tokens, mode 0600."
    )


class LimitSettings(Section):
    """What one caller may ask for."""

    json_bytes: Bytes = Field(64 * 1024, description="A JSON body over this is refused.")
    calls_per_minute: int = Field(
        30, ge=1, description="Calls one address may start in a minute, per button."
    )
    legs_per_button: int = Field(
        50,
        ge=2,
        description="Legs of one button's calls, two for each at least, past which no new one begins: "
        "it cannot take `media.max_legs` alone.",
    )
    legs_per_tenant: int = Field(
        80, ge=2, description="Legs of one tenant's calls, counted likewise, however many buttons it has."
    )
    legs_per_address: int = Field(
        20,
        ge=1,
        description="Visitors' legs of one address, from which no further call begins; an office or a mobile "
        "network is one address.",
    )
    event_sockets: int = Field(
        1_000,
        ge=1,
        description="Sockets that listen to events at once; keep it under `server.max_connections`.",
    )
    event_sockets_each: int = Field(
        8, ge=1, description="Of these, as many one person or visitor may have: tabs, a phone."
    )
    legs_per_call: int = Field(
        8, ge=2, description="Legs one call may have at once: its visitor, some agents, their screens."
    )
    feeds_per_leg: int = Field(
        8, ge=1, description="Feeds of one leg at once; each costs its bit rate again."
    )
    feeds_per_call: int = Field(24, ge=1, description="Feeds of one call at once.")
    feeds_per_address: int = Field(60, ge=1, description="Feeds that one address may watch at once.")
    requests_per_minute: int = Field(
        1_200, ge=1, description="API requests of one principal or address in a minute."
    )
    sign_in_per_minute: int = Field(
        20, ge=1, description="Refused credentials of one address in a minute, sign-ins among them."
    )
    evidence_per_minute: int = Field(
        6,
        ge=1,
        description="Evidence packs one company may have made in a minute; each counts entries.",
    )


class RetentionSettings(Section):
    """Defaults a button may shorten."""

    recording_days: int = Field(
        180, ge=1, le=3_650, description="How long a recording is kept when the button says nothing."
    )
    cooling_days: int = Field(
        30, ge=1, le=365, description="Before a shorter rule reaches what is kept already; to think again."
    )


class ExitSettings(Section):
    """A company that leaves: how long what it takes along lies ready before everything is erased."""

    grace_days: int = Field(30, ge=0, le=365, description="The least that a company may choose over HTTP.")


class MailSettings(Section):
    """The way out for notices by mail; without a host none are sent."""

    host: str = Field("", description="The mail server that takes them, like smtp.example.org.")
    port: int = Field(587, ge=1, le=65_535, description="465 with `implicit`.")
    tls: Literal["starttls", "implicit", "none"] = Field(
        "starttls", description="`none` only for a server on this machine."
    )
    username: str = Field("", description="Empty: without signing in.")
    password: SecretStr | None = Field(None, description="From a secret file or the environment.")
    sender: str = Field("callvault@localhost", description="The address that notices come from.")
    timeout_s: Seconds = Field(20, description="For one notice; then it is tried again.")

    @model_validator(mode="after")
    def _require_tls_outside(self) -> "MailSettings":
        if self.tls == "none" and self.host not in {"", "localhost", "127.0.0.1", "::1"}:
            raise ValueError("tls = none is for a server on this machine")
        return self


class LogSettings(Section):
    """Logging: JSON lines on standard output."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level written.")


class Settings(Section):
    """All of ``callvault.toml``."""

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    keys: KeysSettings = KeysSettings()
    awskms: AwsKmsSettings = AwsKmsSettings()
    openbao: OpenBaoSettings = OpenBaoSettings()
    pkcs11: Pkcs11Settings = Pkcs11Settings()
    backup: BackupSettings = BackupSettings()
    ledger: LedgerSettings = LedgerSettings()
    storage: StorageSettings = StorageSettings()
    media: MediaSettings = MediaSettings()
    recording: RecordingSettings = RecordingSettings()
    exports: ExportSettings = ExportSettings()
    links: LinkSettings = LinkSettings()
    sessions: SessionSettings = SessionSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    exit: ExitSettings = ExitSettings()
    mail: MailSettings = MailSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    log: LogSettings = LogSettings()

    @property
    def irrecoverable_days(self) -> int:
        """Days from an erasure until nobody can undo it, as receipts promise."""
        windows = [self.awskms.window_days] if self.keys.provider == "awskms" else [0]
        windows += [one.awskms.window_days for one in self.keys.holders if one.provider == "awskms"]
        return self.keys.irrecoverable_days(window_days=max(windows))
