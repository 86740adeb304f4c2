"""The stamp: what a transaction says of itself in a header of its answer.

A pre-request function (https://docs.postgrest.org/en/v12/references/transactions.html#pre-request) writes it, so it
tells the backend and the settings that the answer was really made with. Error answers do not carry it.
"""

from collections.abc import Iterable
from typing import Final

from loadcheck.identity.population import Identity
from loadcheck.identity.values import json_text
from loadcheck.oracle.database import Database

HEADER: Final = "loadcheck-stamp"
"""The answer's header, in lower case: pid@server start, transaction time, claims digest, nonce, role. Times are in
microseconds since 1970."""
NONCE_HEADER: Final = "Loadcheck-Nonce"
"""The request's header that the stamp gives back."""
FUNCTION: Final = "loadcheck.stamp"
OF_A_STACK: Final = "The stamp of an embedded stack of loadcheck."
"""The comment on its schema where it is neither installed nor removed, for it comes and goes with the stack."""

# What PostgREST or the signing adds, or what the stamp tells on its own.
_NOT_DIGESTED: Final = "'{exp,iat,nbf,role}'::text[]"
_BATCH: Final = 5_000

_SQL: Final = """
CREATE SCHEMA IF NOT EXISTS loadcheck;
GRANT USAGE ON SCHEMA loadcheck TO PUBLIC;
CREATE OR REPLACE FUNCTION {function}() RETURNS void LANGUAGE plpgsql AS $stamp$
DECLARE
    claims text;
    headers jsonb;
BEGIN
    {pre_request}
    claims := (nullif(current_setting('request.jwt.claims', true), '')::jsonb - {not_digested})::text;
    headers := coalesce(nullif(current_setting('response.headers', true), ''), '[]')::jsonb;
    PERFORM set_config('response.headers', (headers || jsonb_build_object('{header}', concat_ws(' ',
        pg_backend_pid() || '@' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
        (extract(epoch FROM transaction_timestamp()) * 1000000)::bigint,
        coalesce(md5(claims), '-'),
        coalesce(nullif(current_setting('request.headers', true), '')::json ->> lower('{nonce}'), '-'),
        coalesce(nullif(current_setting('role', true), ''), '-'))))::text, true);
END $stamp$;
GRANT EXECUTE ON FUNCTION {function}() TO PUBLIC;
"""

_DIGESTS: Final = f"SELECT md5((claims::jsonb - {_NOT_DIGESTED})::text) FROM unnest($1::text[]) WITH ORDINALITY AS _(claims, n) ORDER BY n"  # noqa: E501, S608 -- a constant


def stamp_sql(pre_request: str) -> str:
    """Return the SQL that makes the stamp's function, to be run as an administrator.

    Args:
        pre_request: The scenario's own pre-request function, which runs before the stamp is written; empty when
            there is none.
    """
    call = f"PERFORM {pre_request}();" if pre_request else ""
    return _SQL.format(
        function=FUNCTION, header=HEADER, nonce=NONCE_HEADER, not_digested=_NOT_DIGESTED, pre_request=call
    )


async def claims_digests(database: Database, identities: Iterable[Identity]) -> list[str]:
    """Return the claims digest that the stamp of each identity must show; PostgreSQL makes both.

    Raises:
        EnvironmentProblem: there is no way to connect.
    """
    claims = [json_text(dict(identity.shown)) for identity in identities]
    digests: list[str] = []
    for start in range(0, len(claims), _BATCH):
        async with database.reading() as connection:
            records = await connection.fetch(_DIGESTS, claims[start : start + _BATCH])
        digests += [record[0] for record in records]
    return digests
