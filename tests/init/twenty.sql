-- Twenty tables of a made-up company that sells to tenants, with the shapes of policies that people write:
-- owner, membership, role, everybody, list of tenants; and beside them what `init` must not guess.

create schema app;
grant usage on schema app to role_readwrite;

create function app.claim(key text) returns text language sql stable
    as $$ select nullif(current_setting('request.jwt.claims', true), '')::json ->> key $$;
create function app.uid() returns uuid language sql stable
    as $$ select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
create function app.jwt() returns jsonb language sql stable
    as $$ select coalesce(nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
create function app.tenant() returns int language plpgsql stable
    as $$ begin return (app.jwt() -> 'app_metadata' ->> 'tenant_id')::int; end $$;

-- 1. An owner: a column is a claim.
create table profiles (id uuid primary key, name text not null);
create table notes (id int primary key, owner_id uuid not null, text text not null);
create table drafts (id int primary key, author uuid not null, text text not null);
create table orders (id int primary key, customer text not null, total numeric not null);
create table baskets (id int primary key, customer text not null, item text not null);

-- 2. A tenant by membership.
create table tenants (id int primary key, name text not null);
create table members (tenant_id int not null, user_id uuid not null, level text not null, primary key (tenant_id, user_id));
create table projects (id int primary key, tenant_id int not null, name text not null);
create table tasks (id int primary key, project_id int not null, name text not null);
create table files (id int primary key, tenant_id int not null, name text not null);
create function app.my_tenants() returns setof int language sql stable security definer
    as $$ select tenant_id from members where user_id = app.uid() $$;

-- 3. A role, told by a claim.
create table salaries (id int primary key, employee text not null, amount int not null);
create table audit (id int primary key, what text not null);
create table invoices (id int primary key, tenant_id int not null, total int not null);

-- 4. Everybody.
create table countries (code text primary key, name text not null);
create table products (id int primary key, name text not null, published boolean not null);
create table posts (id int primary key, author uuid not null, published boolean not null, title text not null);

-- 5. A list of tenants in the token.
create table sites (id int primary key, tenant text not null, name text not null);
create table sensors (id int primary key, tenant text not null, name text not null);

-- And: a session's setting, which no token carries, and a tenant of the nested kind that a policy narrows.
create table secrets (id int primary key, owner text not null);
create table tickets (id int primary key, tenant_id int not null, text text not null, closed boolean not null);

insert into profiles select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'user ' || n
    from generate_series(1, 24) n;
insert into notes select n, ('00000000-0000-4000-8000-' || lpad((n % 24 + 1)::text, 12, '0'))::uuid, 'note ' || n
    from generate_series(1, 96) n;
insert into drafts select id, owner_id, 'draft of ' || text from notes;
insert into orders select n, 'customer-' || n % 12, n * 1.25 from generate_series(1, 60) n;
insert into baskets select n, 'customer-' || n % 12, 'item ' || n from generate_series(1, 48) n;
insert into tenants select n, 'tenant ' || n from generate_series(1, 6) n;
insert into members select 1 + n % 6, p.id, case n % 3 when 0 then 'admin' else 'member' end
    from (select id, row_number() over (order by id)::int as n from profiles) p;
insert into members select 1 + n % 5, p.id, 'guest'
    from (select id, row_number() over (order by id)::int as n from profiles) p where n % 4 = 0
    on conflict do nothing;
insert into projects select n, 1 + n % 6, 'project ' || n from generate_series(1, 30) n;
insert into tasks select n, 1 + n % 30, 'task ' || n from generate_series(1, 120) n;
insert into files select n, 1 + n % 6, 'file ' || n from generate_series(1, 40) n;
insert into salaries select n, 'employee ' || n, 1000 * n from generate_series(1, 10) n;
insert into audit select n, 'event ' || n from generate_series(1, 20) n;
insert into invoices select n, 1 + n % 6, 100 * n from generate_series(1, 36) n;
insert into countries values ('fr', 'France'), ('pl', 'Poland'), ('nl', 'Netherlands');
insert into products select n, 'product ' || n, n % 3 > 0 from generate_series(1, 15) n;
insert into posts select n, ('00000000-0000-4000-8000-' || lpad((n % 24 + 1)::text, 12, '0'))::uuid, n % 4 = 0, 'post ' || n
    from generate_series(1, 72) n;
insert into sites select n, 't' || n % 8, 'site ' || n from generate_series(1, 32) n;
insert into sensors select n, 't' || n % 8, 'sensor ' || n from generate_series(1, 64) n;
insert into secrets select n, 'owner-' || n from generate_series(1, 9) n;
insert into tickets select n, 1 + n % 6, 'ticket ' || n, n % 5 = 0 from generate_series(1, 48) n;

do $$ declare name text; begin
    for name in select tablename from pg_tables where schemaname = 'public' loop
        execute format('alter table %I enable row level security; grant select on %I to role_readwrite', name, name);
    end loop;
end $$;

create policy own on profiles for select using (id = app.uid());
create policy own on notes using (owner_id = (select app.uid()));
create policy own on drafts to role_readwrite
    using (author::text = current_setting('request.jwt.claims', true)::json ->> 'sub');
create policy own on orders using (customer = app.claim('customer'));
create policy own on baskets using (customer = current_setting('request.jwt.claims', true)::json #>> '{customer}');

create policy mine on tenants using (id in (select app.my_tenants()));
create policy mine on members using (user_id = app.uid());
create policy mine on projects using (
    exists (select from members m where m.tenant_id = projects.tenant_id and m.user_id = app.uid()));
create policy mine on tasks using (project_id in (select id from projects)); -- by the policies of projects
create policy mine on files using (tenant_id in (select m.tenant_id from members m where m.user_id = app.uid()));

create policy by_role on salaries using (app.claim('user_role') = 'hr');
create policy by_role on audit using (app.claim('user_role') in ('auditor', 'hr'));
create policy by_role on invoices using (tenant_id = app.tenant() and app.claim('user_role') = 'accountant');

create policy everybody on countries using (true);
create policy everybody on products using (published);
create policy everybody on posts using (published);
create policy own on posts using (author = app.uid());

create policy listed on sites using (current_setting('request.jwt.claims', true)::jsonb -> 'sites' ? tenant);
create policy listed on sensors using (
    tenant = any (array(select jsonb_array_elements_text(app.jwt() -> 'sites'))));

create policy by_setting on secrets using (owner = current_setting('app.owner', true));
create policy of_tenant on tickets using (tenant_id = (app.jwt() -> 'app_metadata' ->> 'tenant_id')::int);
create policy open_ones on tickets as restrictive for select using (not closed);
