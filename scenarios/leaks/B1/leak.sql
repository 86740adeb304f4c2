-- IMMUTABLE promises the same result for ever, so PostgreSQL computes it while it plans and keeps it in the plan:
-- whoever runs a prepared statement first on a backend decides what it shows to the others.
create function hooks.keeper() returns text language sql immutable as $$
    select current_setting('request.jwt.claims', true)::json ->> 'user_type'
$$;

create policy pets_of_the_keeper on pets to role_readwrite
    using (keeper = hooks.keeper());
