-- The right policy: a pet belongs to the keeper whom the claims name, and without such a claim to nobody.
create policy pets_of_the_claim on pets to role_readwrite
    using (keeper = current_setting('request.jwt.claims', true)::json ->> 'user_type');
