-- Who wrote a row, by the claims: the keeper of the row need not be.
alter table pets
    alter id add generated always as identity (start 10000),
    add writer text default current_setting('request.jwt.claims', true)::json ->> 'user_type';

update pets set writer = keeper;

grant insert on pets to role_readwrite;

-- "They can only read their own anyway."
create policy pets_to_add on pets for insert to role_readwrite
    with check (true);
