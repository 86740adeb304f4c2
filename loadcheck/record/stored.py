"""The shapes of summary.json and findings.json, by which others read a stored run."""

from typing import Any

from typing_extensions import TypedDict

Percentiles = dict[str, float | None]
"""Milliseconds by `p50`, `p90`, `p95`, `p99`, `p999` and `max`; None without a sample."""


class StoredIdentity(TypedDict):
    """An identity: the name of its claim mix, what people call it (`keeper#17`), and its claims; never its token."""

    identity: str
    label: str
    claims: dict[str, Any]


class StoredCounts(TypedDict):
    """Exchanges by verdict; `sent` is the sum of the others."""

    sent: int
    ok: int
    violation: int
    unknown: int


class StoredCell(StoredCounts):
    """The exchanges of one request by the identities of one claim mix."""

    request: str
    identity: str


class StoredTimed(StoredCounts):
    """Exchanges by verdict, and how long they took."""

    latency_ms: Percentiles
    service_ms: Percentiles


class StoredPhase(StoredTimed):
    """One phase of the load; not started, `started_s` is None."""

    name: str
    measure: bool
    started_s: float | None
    duration_s: float
    missed: int
    throughput_rps: float | None


class StoredThreshold(TypedDict):
    """A threshold in the unit of the scenario (seconds for latencies) beside what was measured.

    `window_s` is the length of the windows in which it must hold, None where it is over the whole run; `at_s` when the
    worst of them ended.
    """

    name: str
    limit: float
    value: float | None
    held: bool | None
    window_s: float | None
    at_s: float | None


class StoredDrift(TypedDict):
    """How many expected answers of a request were found changed during the run, and when the first and the last.

    Those that depend on drawn variables are left out.
    """

    request: str
    changed: int
    first_s: float
    last_s: float


class StoredFault(TypedDict):
    """What a fault did: how often it happened, and how often a right answer came within the grace after its end.

    `recovery_max_s` is the longest that took, None where it was not measured; `failed` tells why it could not be made,
    `failures` times.
    """

    do: str
    times: int
    over: int
    recovered: int
    recovery_max_s: float | None
    failures: int
    failed: str


class StoredKept(TypedDict):
    """What the history holds: `lines`, and how many right answers it has `left_out` for lack of room.

    `share` is the share of identities whose right answers it kept at the end.
    """

    lines: int
    left_out: int
    share: float


class StoredWrites(TypedDict):
    """What came of a run's writes: how they ended, and how the tables stood at the last audit.

    `accounted` of the acknowledged ones are there, or were replaced or deleted by a later one; 0 where the last audit
    failed. `rows` were held against the writes, `wrong` of all audits were not as they should be, and `undecided` more
    were not found, which only writes whose answers were lost can have removed. `doubts`, `drift`, `left` and `notes`
    are sentences: what could not be audited, what somebody else may have changed, what could not be cleaned up, and
    what losses may come from.
    """

    acknowledged: int
    accounted: int
    refused: int
    unknown: int
    audits: int
    rows: int
    undecided: int
    wrong: int
    doubts: list[str]
    drift: list[str]
    left: list[str]
    notes: list[str]


class FindingHead(TypedDict):
    """A finding as summary.json lists it."""

    id: str
    symptom: str
    cause: str
    count: int
    request: str
    victim: StoredIdentity
    source: StoredIdentity | None
    first_s: float


class StoredEvidence(TypedDict):
    """Rows as JSON text, a handful a list, and how many there were."""

    expected: list[str]
    received: list[str]
    wrong: list[str]
    missing: list[str]
    expected_count: int
    received_count: int


class StoredMessage(TypedDict):
    """What to send to see a finding again, the token left out; a header whose value is secret has None.

    `token` is the command that prints a token like the one sent, as its arguments; None where none was sent.
    """

    method: str
    url: str
    headers: dict[str, str | None]
    body: str | None
    token: list[str] | None


class StoredPlace(TypedDict):
    """Where something stands in a scenario: the file as the user named it, and the line from 1."""

    file: str
    line: int


class StoredReproduction(TypedDict):
    """The fewest exchanges found that show a finding again, and the files, in the run folder, that send them.

    `fresh`: whether each replay began on fresh backends. `told`: in words, such as `keeper#1 list, then no-claim list`.
    """

    exchanges: int
    concurrency: int
    repeat: int
    fresh: bool
    told: str
    scenario: str
    script: str


class StoredFinding(FindingHead):
    """A finding with its evidence, as findings.json holds it."""

    victims: int
    reason: str
    reasoning: list[str]
    place: StoredPlace
    seq: int
    phase: str
    status: int | None
    lost: str | None
    code: str
    vars: dict[str, Any]
    evidence: StoredEvidence
    reproduce: StoredMessage
    reproduction: StoredReproduction | None
    unreproduced: str


class StoredPair(TypedDict):
    """How often a backend was handed from an identity of one claim mix to one of another."""

    source: str
    victim: str
    handoffs: int


class StoredShape(TypedDict):
    """How one request reached the backends.

    `telling` is whether its answers tell whose they are. `repeats` is the most often that one backend ran it, `planned`
    the number of backends that ran it six times or more. `exposed` are right answers from a backend which an identity
    with another right answer had just before; `leak_rate_upper_95` is the rate of leaks among them that is ruled out
    with 95 % confidence, None without any or after a violation.
    """

    telling: bool
    repeats: int
    backends: int
    planned: int
    exposed: int
    leak_rate_upper_95: float | None


class StoredSpan(TypedDict):
    """What a phase reached; `repeats` and `exposed` are those of the request that has the fewest."""

    name: str
    backends: int
    handoffs: int
    distinct_handoffs: int
    repeats: int | None
    exposed: int | None
    requests: dict[str, StoredShape]


class StoredReach(TypedDict):
    """The details of a run's coverage: handoffs by claim mixes, requests, phases; empty where nothing is known."""

    pairs: list[StoredPair]
    requests: dict[str, StoredShape]
    phases: list[StoredSpan]


class StoredCoverage(StoredReach):
    """What a run reached; None is what could not be seen."""

    identities: int
    backends: int | None
    handoffs: int | None
    distinct_handoffs: int | None
    repeats: int | None
    exposed: int | None


class StoredCanary(TypedDict):
    """Right answers judged by another identity's truth on purpose, and how many of them the judge flagged."""

    planted: int
    caught: int


class StoredCanaries(TypedDict):
    """The canaries of a run, in all and with each request; None where there could be none."""

    planted: int | None
    caught: int | None
    requests: dict[str, StoredCanary]


class StoredAlike(TypedDict):
    """Identities of two claim mixes, or twice of the same, that a request cannot tell apart: they expect the same.

    `share` is that of all pairs of such identities; `request` is None where no request tells any two of them apart.
    """

    request: str | None
    claim_mixes: list[str]
    share: float
    why: str


class Summary(TypedDict):
    """summary.json. Figures that this version does not measure are None."""

    loadcheck: str
    schema: int
    scenario: str
    seed: int
    started: str
    duration_s: float
    verdict: str
    exit_code: int
    reasons: list[str]
    exchanges: StoredCounts
    warm_up: StoredCounts
    findings: list[FindingHead]
    faults: list[StoredFault]
    writes: StoredWrites | None
    blind_spots: list[str]
    alike: list[StoredAlike]
    drift: list[StoredDrift]
    coverage: StoredCoverage
    canaries: StoredCanaries
    leak_rate_upper_95: float | None
    latency_ms: Percentiles
    service_ms: Percentiles
    throughput_rps: float | None
    requests: dict[str, StoredTimed]
    claim_mixes: dict[str, StoredCounts]
    pairs: list[StoredCell]
    statuses: dict[str, int]
    unknowns: dict[str, int]
    phases: list[StoredPhase]
    thresholds: list[StoredThreshold]
    stopped: str
    history: StoredKept | None
    generator: dict[str, float | None]
