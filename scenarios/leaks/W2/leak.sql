-- "Nobody can delete what they cannot see."
drop policy entries_of_the_tenant on entries;

create policy entries_to_see on entries for select to role_readwrite
    using (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');
create policy entries_to_add on entries for insert to role_readwrite
    with check (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');
create policy entries_to_change on entries for update to role_readwrite
    using (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');
create policy entries_to_remove on entries for delete to role_readwrite
    using (true);
