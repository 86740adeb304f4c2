-- IMMUTABLE promises the same result for ever, so PostgreSQL computes it while it plans and keeps it in the plan:
-- whoever runs a kept plan first on a backend decides what it shows to the others.
create function hooks.keeper() returns text language sql immutable as $$
    select current_setting('request.jwt.claims', true)::json ->> 'user_type'
$$;

create policy pets_of_the_keeper on pets to role_readwrite
    using (keeper = hooks.keeper());

-- The plan of the query inside lives as long as the session, however the statement outside is sent.
create function my_pets() returns setof pets language plpgsql stable as $$
begin
    return query select * from pets;
end $$;
