-- STABLE promises the same result within one statement: a plan asks again each time it is run.
create function hooks.keeper() returns text language sql stable as $$
    select current_setting('request.jwt.claims', true)::json ->> 'user_type'
$$;

create policy pets_of_the_keeper on pets to role_readwrite
    using (keeper = hooks.keeper());
