create table pets (id int primary key, name text not null, keeper text not null);
insert into pets select n, 'pet-' || n, 'tenant-' || n % 3 from generate_series(1, 9) as n;
create table visits (id int primary key, pet_id int references pets);
create table notes (id int primary key);
create table own (id int primary key);

create function keeper() returns text language sql immutable as $$
    select current_setting('app.keeper', true)
$$;
create function remember(k text) returns void language sql as $$
    select set_config('app.keeper', k, false)
$$;
create function all_pets() returns setof pets language sql stable security definer as 'select * from pets';
create view every_pet as select * from pets;
create view own_pets with (security_invoker = true) as select * from pets;
create materialized view copied_pets as select * from every_pet;

alter table pets enable row level security;
alter table notes enable row level security;
alter table own enable row level security;
create policy reads on pets for select to role_readwrite using (keeper = keeper());
create policy adds on pets for insert to role_readwrite with check (true);
create policy of_others on notes to role_admin using (true);
grant select on all tables in schema public to role_readwrite;
grant insert on pets to role_readwrite;
grant create on schema public to role_readwrite;
alter table own owner to role_readwrite;
