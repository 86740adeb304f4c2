"""What policies are meant to let through, from their expressions alone."""

import pytest

from loadcheck.doctor.catalogue import Catalogue, Function, Policy, Relation
from loadcheck.draft.claims import Claim, Column
from loadcheck.draft.identities import mixes
from loadcheck.draft.intent import Intent, Intents

CLAIMS = "(current_setting('request.jwt.claims'::text, true))::json"
UID = (
    "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT coalesce(nullif(current_setting("
    "'request.jwt.claim.sub', true), ''), (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'))"
    "::uuid $$"
)
KEY = (
    "CREATE FUNCTION claim(key text) RETURNS text LANGUAGE sql RETURN "
    "current_setting('request.jwt.claims', true)::json ->> key"
)
LOOP = "CREATE FUNCTION twice() RETURNS text LANGUAGE sql AS $$ SELECT twice() $$"
WORKS = (
    "CREATE FUNCTION works() RETURNS text LANGUAGE plpgsql AS $$ DECLARE x text; BEGIN x := current_setting("
    "'request.jwt.claims', true); RETURN x; END $$"
)
KEEPER = Column("pets", "keeper")


def function(name: str, source: str) -> Function:
    return Function(name, "", exposed=False, volatility="s", definer=False, owner="o", source=source)


FUNCTIONS = (function("auth.uid()", UID), function("claim(text)", KEY), function("twice()", LOOP))


def policy(using: str, *, permissive: bool = True, command: str = "*") -> Policy:
    return Policy("p", permissive, command, using, "", ())


def table(name: str, *policies: Policy, secured: bool = True) -> Relation:
    return Relation(
        name, name, "r", exposed=True, owner="o", owner_free=False, owned=False, secured=secured, forced=False,
        invoker=False, granted=("SELECT",), reads=(), parents=(), policies=policies,
    )  # fmt: skip


def intent(*tables: Relation) -> Intent:
    functions = (*FUNCTIONS, function("works()", WORKS))
    catalogue = Catalogue("17", 0.0, "o", (), (), (), tables, functions, {})
    return Intents(catalogue).of(tables[0])


@pytest.mark.parametrize(
    ("using", "where", "claim"),
    [
        (f"((keeper)::text = ({CLAIMS} ->> 'who'::text))", "keeper::text = :who", Claim(("who",), (KEEPER,))),
        ("keeper = current_setting('request.jwt.claim.who', true)", "keeper = :who", Claim(("who",), (KEEPER,))),
        (f"({CLAIMS} #>> '{{who}}') = pets.keeper", ":who = pets.keeper", Claim(("who",), (KEEPER,))),
        ("keeper = (SELECT auth.uid() AS uid)", "keeper = :sub::uuid", Claim(("sub",), (KEEPER,))),
        ("keeper = claim('who'::text)", "keeper = :who", Claim(("who",), (KEEPER,))),
        ("claim('kind'::text) = 'vet'::text", ":kind = 'vet'", Claim(("kind",), (), ("vet",))),
        (
            f"keeper = ({CLAIMS} -> 'app' ->> 'who')",
            "keeper = ((:claims::json -> 'app') ->> 'who')",
            Claim(("app", "who"), (KEEPER,)),
        ),
        (
            "(current_setting('request.jwt.claims', true)::jsonb -> 'keepers') ? keeper",
            "(:claims -> 'keepers') ? keeper",
            Claim(("keepers",), (KEEPER,), (), listed=True),
        ),
        (
            f"keeper IN (SELECT json_array_elements_text({CLAIMS} -> 'keepers'))",
            "keeper IN (SELECT json_array_elements_text(:claims::json -> 'keepers'))",
            Claim(("keepers",), (KEEPER,), (), listed=True),
        ),
        (
            "house IN (SELECT m.house FROM members m WHERE m.who = auth.uid())",
            "house IN (SELECT m.house FROM members m WHERE m.who = :sub::uuid)",
            Claim(("sub",), (Column("members", "who"),)),
        ),
    ],
)
def test_claims_become_names(using: str, where: str, claim: Claim) -> None:
    read = intent(table("pets", policy(using)), table("members", secured=False))
    assert (read.where, read.unclear) == (where, "")
    assert read.claims == ((claim,),)


def test_policies_add_up_and_restrictive_ones_narrow() -> None:
    pets = table(
        "pets", policy("a = 1"), policy("b = 2", command="r"), policy("c", permissive=False), policy("d", command="w")
    )
    assert intent(pets).where == "((a = 1) OR (b = 2)) AND (c)"


def test_no_policy_lets_nobody_and_no_row_security_everybody() -> None:
    assert intent(table("pets")).where == "false"
    assert intent(table("pets", secured=False)).where == "true"


def test_who_asks_is_its_role() -> None:
    read = intent(table("pets", policy("keeper = CURRENT_USER")))
    assert (read.where, read.claims) == ("keeper = :role", ())


def test_a_table_asked_by_a_policy_is_read_through_its_own() -> None:
    visits = table("visits", policy("pet IN (SELECT p.id FROM pets p)"))
    pets = table("pets", policy("keeper = claim('who'::text)"))
    inner = "(SELECT * FROM pets WHERE keeper = :who) p"
    assert intent(visits, pets).where == f"pet IN (SELECT p.id FROM {inner})"


@pytest.mark.parametrize(
    ("using", "why"),
    [
        ("keeper = current_setting('app.keeper', true)", "a policy reads the setting app.keeper"),
        ("keeper = works()", "a policy calls works(), which does more than return one expression"),
        ("keeper IN (SELECT p.keeper FROM pets p)", "the policies of pets ask pets itself"),
        ("keeper = SESSION_USER", "a policy asks for session_user"),
    ],
)
def test_what_cannot_be_guessed_is_told(using: str, why: str) -> None:
    assert intent(table("pets", policy(using))).unclear == why


def test_functions_that_call_themselves_come_to_an_end() -> None:
    assert intent(table("pets", policy("keeper = twice()"))).where == "keeper = twice()"


def test_claims_that_a_policy_needs_together_are_given_together() -> None:
    read = intent(table("pets", policy("keeper = claim('who'::text) AND claim('kind'::text) = 'vet'")))
    assert [(mix.name, mix.claims, mix.source) for mix in mixes([read], "r")] == [
        (
            "by-kind-and-who-vet",
            {"role": "r", "who": "{who}", "kind": "vet"},
            "SELECT DISTINCT keeper AS who FROM pets WHERE keeper IS NOT NULL ORDER BY 1 LIMIT 200",
        )
    ]


def test_values_that_nothing_tells_are_asked_for() -> None:
    mix = mixes([intent(table("pets", policy("length(claim('who'::text)) > 3")))], "r")[0]
    assert mix.claims == {"role": "r", "who": "decide-me"}
    assert mix.decide == "no column is compared with who: which values are there?"
