-- Copies the claim once per connection, "because it does not change": behind a pooler it does.
create function hooks.remember_keeper() returns void language plpgsql as $$
declare
    keeper text := current_setting('request.jwt.claims', true)::json ->> 'user_type';
begin
    if coalesce(current_setting('app.keeper', true), '') = '' then
        perform set_config('app.keeper', keeper, false);
    end if;
end $$;

create policy pets_of_the_setting on pets to role_readwrite
    using (keeper = current_setting('app.keeper', true));
