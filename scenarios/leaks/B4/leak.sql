create function hooks.claim(name text) returns text language sql stable as $$
    select current_setting('request.jwt.claims', true)::json ->> name
$$;

-- "It only calls a function."
create function hooks.keeper() returns text language sql immutable as $$
    select hooks.claim('user_type')
$$;

create policy pets_of_the_keeper on pets to role_readwrite
    using (keeper = hooks.keeper());

create view herd with (security_invoker) as select * from pets;
grant select on herd to role_readwrite;

create function my_herd() returns setof herd language plpgsql stable as $$
begin
    return query select * from herd;
end $$;

-- Nothing above calls this one.
create function hooks.version() returns text language sql immutable as $$
    select current_setting('server_version')
$$;
