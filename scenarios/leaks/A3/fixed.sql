-- The policy lets a function narrow what is seen by setting app.keeper, and reads the claim otherwise.
create policy pets_of_the_setting on pets to role_readwrite
    using (keeper = coalesce(
        nullif(current_setting('app.keeper', true), ''),
        current_setting('request.jwt.claims', true)::json ->> 'user_type'
    ));

-- Sets it for the transaction only.
create function my_pets() returns setof pets language plpgsql as $$
begin
    perform set_config('app.keeper', current_setting('request.jwt.claims', true)::json ->> 'user_type', true);
    return query select * from pets;
end $$;
