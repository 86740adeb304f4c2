"""What PostgreSQL's catalogue holds about row security and whom it binds, as far as the API's roles can reach it."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# Settings that PostgREST sets for every request (https://docs.postgrest.org/en/v12/references/transactions.html), and
# the role that it runs as.
_READS_SETTING: Final = re.compile(r"current_setting\s*\(\s*'([^']+)'", re.IGNORECASE)
_SET_EVERY_TIME: Final = ("request.", "role", "search_path")


@dataclass(frozen=True, slots=True)
class Role:
    """A role that requests run as.

    Attributes:
        name: As PostgreSQL has it.
        superuser: Whether nothing binds it.
        bypass: Whether it has BYPASSRLS.
    """

    name: str
    superuser: bool
    bypass: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that binds the API's roles.

    Attributes:
        name: Its own.
        permissive: Whether it lets rows through beside others, rather than narrowing what they let through.
        command: `r` for reading, `a` for adding, `w` for changing, `d` for deleting, `*` for all of them.
        using: Which rows may be seen or touched, as SQL; empty where it does not say.
        check: Which rows may be written, as SQL; empty where it does not say.
        calls: The functions that it calls, with their arguments' types.
    """

    name: str
    permissive: bool
    command: str
    using: str
    check: str
    calls: tuple[str, ...]

    @property
    def text(self) -> str:
        """All that it says."""
        return f"{self.using} {self.check}"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view or a materialized view.

    Attributes:
        name: As SQL names it.
        path: As a request names it.
        kind: `r` or `p` for a table, `v` for a view, `m` for a materialized view, `f` for a foreign table.
        exposed: Whether PostgREST serves its schema.
        owner: Whose it is.
        owner_free: Whether its owner is a superuser or has BYPASSRLS.
        owned: Whether a role of the API owns it, by membership perhaps.
        secured: Whether row security is enabled.
        forced: Whether row security binds its owner, too.
        invoker: Whether a view reads with its caller's rights.
        granted: What the API's roles may do with it: SELECT, INSERT, UPDATE, DELETE.
        reads: The relations that a view reads, by name.
        parents: The tables that its foreign keys point to, by name.
        policies: Those that bind the API's roles.
    """

    name: str
    path: str
    kind: str
    exposed: bool
    owner: str
    owner_free: bool
    owned: bool
    secured: bool
    forced: bool
    invoker: bool
    granted: tuple[str, ...]
    reads: tuple[str, ...]
    parents: tuple[str, ...]
    policies: tuple[Policy, ...]

    @property
    def is_table(self) -> bool:
        """Whether policies can be made for it."""
        return self.kind in {"r", "p"}

    @property
    def bound(self) -> bool:
        """Whether row security binds the API's roles on it."""
        return self.secured and (self.forced or not self.owned)


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Attributes:
        name: With its arguments' types.
        path: As a request names it, after `rpc/`.
        exposed: Whether PostgREST serves its schema and a role of the API may call it.
        volatility: `i` for IMMUTABLE, `s` for STABLE, `v` for VOLATILE.
        definer: Whether it runs with its owner's rights.
        owner: Whose it is.
        source: Its definition.
    """

    name: str
    path: str
    exposed: bool
    volatility: str
    definer: bool
    owner: str
    source: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that is looked at in one database.

    Attributes:
        version: PostgreSQL's.
        ahead: By how many seconds PostgreSQL's clock is ahead of ours.
        oracle: The role that read all this.
        hidden: Tables whose rows row security hides from that role.
        asked: The roles that the scenario's identities ask for.
        roles: Those of them that there are.
        relations: Outside PostgreSQL's own schemas.
        functions: The same, without those of extensions.
        settings: PostgREST's in-database configuration, by name without `pgrst.`.
    """

    version: str
    ahead: float
    oracle: str
    hidden: tuple[str, ...]
    asked: tuple[str, ...]
    roles: tuple[Role, ...]
    relations: tuple[Relation, ...]
    functions: tuple[Function, ...]
    settings: dict[str, str]

    @property
    def reachable(self) -> Iterator[Relation]:
        """The relations that PostgREST serves to the API's roles."""
        return (one for one in self.relations if one.exposed and one.granted)

    def policies(self) -> Iterator[tuple[Relation, Policy]]:
        """Yield every policy that binds the API's roles, with its table."""
        return ((one, policy) for one in self.relations for policy in one.policies)

    def unbound(self, view: Relation) -> list[str]:
        """Return the tables under row security that a view reads past their policies, as its owner."""
        return sorted(
            one.name
            for one in self._beneath(view.reads)
            if one.secured and (view.owner_free or (one.owner == view.owner and not one.forced))
        )

    def _beneath(self, names: Collection[str]) -> list[Relation]:
        """Return the tables that these relations read in the end."""
        found: dict[str, Relation] = {}
        open_ones = list(names)
        known = {one.name: one for one in self.relations}
        while open_ones:
            one = known.get(open_ones.pop())
            if one is not None and one.name not in found:
                found[one.name] = one
                open_ones += one.reads
        return [one for one in found.values() if one.is_table]


def settings_read(sql: str) -> list[str]:
    """Return the names of the settings that SQL reads."""
    return sorted(set(_READS_SETTING.findall(sql)))


def own_settings(names: Sequence[str]) -> list[str]:
    """Return those settings that PostgREST does not set anew for every request."""
    return [name for name in names if not name.startswith(_SET_EVERY_TIME)]
