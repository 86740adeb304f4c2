"""What a request reaches in the catalogue, and which of it may be at fault."""

from loadcheck.oracle.suspects import Thing, holes, immutable_readers, tables

PETS = Thing("pets", "pets", rules="(keeper = hooks.owner())")
OPEN = Thing("visits", "visits", hole="table visits: row security is not enabled")
CLAIM = Thing("claim", "hooks.claim(text)", "SELECT current_setting('request.jwt.claims')", called=True)
OWNER = Thing("owner", "hooks.owner()", "IMMUTABLE SELECT hooks.claim('user_type')", called=True, immutable=True)
HERD = Thing("herd", "herd", "SELECT id FROM pets")
MY_HERD = Thing("my_herd", "my_herd()", "begin return query select * from herd; end", called=True)
UNRELATED = Thing("unrelated", "hooks.unrelated()", "SELECT current_setting('x')", called=True, immutable=True)
ROUNDED = Thing("rounded", "rounded(numeric)", "SELECT round($1)", called=True, immutable=True)
DEFINER = Thing(
    "all_pets", "all_pets()", "SELECT * FROM pets", called=True, hole="function all_pets(): SECURITY DEFINER"
)
THERE = [PETS, OPEN, CLAIM, OWNER, HERD, MY_HERD, UNRELATED, ROUNDED, DEFINER]


def test_an_immutable_function_that_reads_settings_by_what_it_calls_is_found_behind_function_view_and_policy() -> None:
    assert immutable_readers(THERE, "/rpc/my_herd?select=id") == ["IMMUTABLE function hooks.owner()"]
    assert immutable_readers(THERE, "/pets?select=rounded") == ["IMMUTABLE function hooks.owner()"]
    assert immutable_readers(THERE, "/visits") == []


def test_what_stands_behind_a_hole_is_not_to_blame() -> None:
    assert holes(THERE, "/rpc/all_pets") == ["function all_pets(): SECURITY DEFINER"]
    assert tables(THERE, "/rpc/all_pets") == []
    assert holes(THERE, "/rpc/my_herd") == []
    assert tables(THERE, "/rpc/my_herd") == ["pets"]


def test_what_only_a_policy_asks_lets_nothing_through() -> None:
    helper = Thing("owner", "hooks.owner()", "SELECT 1", called=True, hole="function hooks.owner(): SECURITY DEFINER")
    assert holes([PETS, helper], "/pets") == []


def test_embedded_tables_are_asked_too_and_encoded_names_are_read() -> None:
    assert holes(THERE, "/pets?select=id,visits(id)") == ["table visits: row security is not enabled"]
    odd = Thing("my pets", '"my pets"')
    assert tables([odd], "/my%20pets?select=id") == ['"my pets"']


def test_a_function_that_shares_its_name_with_a_column_is_not_called_by_it() -> None:
    keeper = Thing("keeper", "hooks.keeper()", "", called=True, hole="function hooks.keeper(): SECURITY DEFINER")
    assert holes([PETS, keeper], "/pets?select=id,keeper") == []
    assert holes([keeper], "/rpc/keeper") == ["function hooks.keeper(): SECURITY DEFINER"]


def test_a_table_that_shares_its_name_with_a_column_is_not_read_by_it() -> None:
    assert holes(THERE, "/pets?select=id,visits&visits=eq.1") == []
    assert tables(THERE, "/pets?select=id,visits") == ["pets"]
    assert holes(THERE, "/pets?select=id,visits!inner(id)") == ["table visits: row security is not enabled"]
