-- Copies the claim into a setting of the transaction, always: without a claim it is empty, and no row has that keeper.
create function hooks.remember_keeper() returns void language plpgsql as $$
declare
    keeper text := current_setting('request.jwt.claims', true)::json ->> 'user_type';
begin
    perform set_config('app.keeper', coalesce(keeper, ''), true);
end $$;

create policy pets_of_the_setting on pets to role_readwrite
    using (keeper = current_setting('app.keeper', true));
