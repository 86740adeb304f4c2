-- Claims as Supabase has them: `sub` tells who asks, `app_metadata` what the project adds. Written for this example.
create schema auth;
grant usage on schema auth to authenticated;

create function auth.jwt() returns jsonb language sql stable
    return coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb;

create function auth.uid() returns uuid language sql stable
    return (auth.jwt() ->> 'sub')::uuid;

create table notes (
    id int primary key,
    owner uuid not null,
    org text not null,
    shared boolean not null,
    body text not null
);

-- Ten people in three organisations, four notes each; every other one is shared within the organisation.
insert into notes (id, owner, org, shared, body)
select 10 * person + note, md5('person ' || person)::uuid, 'org-' || person % 3, note % 2 = 0, 'note ' || note
from generate_series(1, 10) as person, generate_series(1, 4) as note;

alter table notes enable row level security;

create policy own on notes to authenticated
    using (owner = (select auth.uid()));
create policy shared_with_the_org on notes for select to authenticated
    using (shared and org = (select auth.jwt() -> 'app_metadata' ->> 'org'));

grant select on notes to authenticated;
