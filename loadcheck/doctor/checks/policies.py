"""Policies: what they read, what they call, and what they let anybody write."""

import re
from collections.abc import Iterator
from typing import Final

from loadcheck.doctor.catalogue import Catalogue, Policy, own_settings, settings_read
from loadcheck.doctor.line import About, Line, ok, warning, wrong

_FOR_SESSION: Final = r"set_config\s*\(\s*'{name}'\s*,[^;]*,\s*(?:false|'f'|is_local\s*=>\s*false)\s*\)"
_SET: Final = r"\bset\s+(?:session\s+)?{name}\s*(?:=|to\b)"


def settings(catalogue: Catalogue) -> Iterator[Line]:
    """Tell which settings policies read, and which of those outlive their transaction."""
    for table, policy in catalogue.policies():
        read = settings_read(" ".join([policy.text, *_sources(catalogue, policy)]))
        if read:
            yield ok(About.ROW_SECURITY, f"policy {policy.name} of {table.name} reads {', '.join(read)}")
        for name in own_settings(read):
            yield from _set_for_session(catalogue, name)


def immutable(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of functions that promise never to change and read settings: a kept plan holds what they once returned."""
    for function in catalogue.functions:
        if function.volatility == "i" and settings_read(function.source):
            users = [policy.name for _, policy in catalogue.policies() if function.name in policy.calls]
            called = f", and policy {', '.join(users)} calls it" if users else ""
            yield wrong(
                About.ROW_SECURITY,
                f"function {function.name} is IMMUTABLE and reads settings{called}: plans keep what it returned to "
                "another caller",
                f"ALTER FUNCTION {function.name} STABLE;",
            )


def checks_nothing(catalogue: Catalogue) -> Iterator[Line]:
    """Tell of policies that let anybody write any row, where not everybody may read every row."""
    for table, policy in catalogue.policies():
        privilege = {"a": "INSERT", "w": "UPDATE", "*": "INSERT"}.get(policy.command, "")
        written = policy.check or (policy.using if policy.command in {"w", "*"} else "")
        everybody_reads = any(one.using == "true" for one in table.policies if one.command in {"r", "*"})
        if written == "true" and privilege in table.granted and not everybody_reads:
            yield warning(
                About.ROW_SECURITY,
                f"policy {policy.name} of {table.name} checks nothing of what is written (WITH CHECK (true)): anybody "
                "can write rows for anybody",
                f"ALTER POLICY {policy.name} ON {table.name} WITH CHECK (the condition for reading);",
            )


def _set_for_session(catalogue: Catalogue, name: str) -> Iterator[Line]:
    patterns = [re.compile(form.format(name=re.escape(name)), re.IGNORECASE) for form in (_FOR_SESSION, _SET)]
    for function in catalogue.functions:
        if any(pattern.search(function.source) for pattern in patterns):
            yield wrong(
                About.ROW_SECURITY,
                f"function {function.name} sets {name} for the whole session, and a policy reads it: the next caller "
                "on the backend inherits it",
                f"In it: set_config('{name}', …, true), for every caller, with or without a value.",
            )


def _sources(catalogue: Catalogue, policy: Policy) -> list[str]:
    return [function.source for function in catalogue.functions if function.name in policy.calls]
