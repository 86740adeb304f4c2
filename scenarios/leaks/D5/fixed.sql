-- Settings of the transaction end with the call.
create function hurry() returns text language plpgsql as $$
begin
    perform set_config('statement_timeout', '30ms', true);
    return 'hurried';
end $$;

-- As pg_dump does it: rather an error than an answer that a policy has made shorter.
create function export_check() returns text language plpgsql as $$
begin
    perform set_config('row_security', 'off', true);
    return 'nothing to export';
end $$;

create function slow_count() returns table (pets bigint) language sql as $$
    select count(*) from pets, pg_sleep(0.06)
$$;
