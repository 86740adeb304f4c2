"""The settings that a scenario gives to PostgREST, which passes over those that it does not know."""

from typing import Final

from loadcheck.scenario.document import Document
from loadcheck.scenario.problems import Problems, nearest
from loadcheck.scenario.stack import Stack

_POSTGREST: Final = frozenset(
    {
        "admin-server-port",
        "db-aggregates-enabled",
        "db-anon-role",
        "db-channel",
        "db-channel-enabled",
        "db-config",
        "db-extra-search-path",
        "db-hoisted-tx-settings",
        "db-max-rows",
        "db-plan-enabled",
        "db-pool",
        "db-pool-acquisition-timeout",
        "db-pool-automatic-recovery",
        "db-pool-max-idletime",
        "db-pool-max-lifetime",
        "db-pre-config",
        "db-pre-request",
        "db-prepared-statements",
        "db-root-spec",
        "db-schemas",
        "db-tx-end",
        "db-uri",
        "jwt-aud",
        "jwt-cache-max-lifetime",
        "jwt-role-claim-key",
        "jwt-secret",
        "jwt-secret-is-base64",
        "log-level",
        "openapi-mode",
        "openapi-security-active",
        "openapi-server-proxy-uri",
        "server-cors-allowed-origins",
        "server-host",
        "server-port",
        "server-timing-enabled",
        "server-trace-header",
        "server-unix-socket",
        "server-unix-socket-mode",
    }
)
"""What PostgREST 12 knows."""
_OTHERS: Final = frozenset(
    {
        "admin-server-host",
        "client-error-verbosity",
        "db-pool-timeout",
        "db-schema",
        "jwt-cache-max-entries",
        "log-query",
        "max-rows",
        "pre-request",
        "role-claim-key",
        "root-spec",
        "secret-is-base64",
    }
)
"""Its older names, and what newer ones know that looks like a mistyped one."""
_FREE: Final = "app.settings."
_LIKENESS: Final = 0.8  # one less alike may be a setting of a newer PostgREST


def check_settings(stack: Stack, document: Document, problems: Problems) -> None:
    """Find mistyped settings of PostgREST; what is like none that is known may be a newer one's."""
    for name in stack.postgrest:
        if name in _POSTGREST or name in _OTHERS or name.startswith(_FREE):
            continue
        if near := nearest(name, sorted(_POSTGREST), _LIKENESS):
            place = document.key_place(("stack", "postgrest", name))
            message = f"PostgREST has no setting `{name}`, and would pass over it"
            problems.add(place, message, f"did you mean `{near}`?")
