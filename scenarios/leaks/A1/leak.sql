-- Copies the claim into a setting of the session, and only when there is a claim.
create function hooks.remember_keeper() returns void language plpgsql as $$
declare
    keeper text := current_setting('request.jwt.claims', true)::json ->> 'user_type';
begin
    if keeper is not null then
        perform set_config('app.keeper', keeper, false);
    end if;
end $$;

create policy pets_of_the_setting on pets to role_readwrite
    using (keeper = current_setting('app.keeper', true));
