-- Everything here is right, and nothing of it is usual.
set role role_readwrite;
alter role current_user set timezone = 'Asia/Kathmandu';
alter role current_user set intervalstyle = 'iso_8601';
reset role;

create type mood as enum ('sad', 'ok', 'happy');

create table things (
    id int primary key, owner text not null, grp int, big numeric, real8 float8, moment timestamptz, span interval,
    bytes bytea, doc json, docb jsonb, list text[], mood mood, word text, number bigint, wide text
);

insert into things
select
    owner * 1000 + nth, 'owner-' || owner, nth % 3,
    case nth % 4 when 0 then 'NaN' when 1 then 'Infinity' when 2 then 12345678901234567890.10 end,
    case nth % 3 when 0 then '-Infinity' when 1 then 0.1 else 1e300 / 3 end,
    '2026-03-29'::timestamptz + nth * interval '1 hour 1 second 5 microseconds', make_interval(mins => nth * 777),
    decode('00ff', 'hex'), '{"b" : 1, "a": [1.0, 1e5, "\u0000x"], "a": 2}', '{"z": 1.10, "é": "\ud83d\ude00"}',
    array['a,b', '"q"', null], (array['sad', 'ok', 'happy'])[1 + nth % 3]::mood,
    (array['Zoë', 'zoe', 'Ångström', 'a"b\c', 'tab	x', '日本語', '😀', 'e', 'E'])[1 + nth % 9],
    9007199254740993 + nth, repeat('x', 2000)
from generate_series(1, 4) as owner, generate_series(1, 12) as nth;

create table parts (id int primary key, thing int references things, owner text);
insert into parts select id * 10 + nth, id, owner from things, generate_series(1, 2) as nth;

create table empty (id int primary key, owner text);
create table notes (id uuid primary key default gen_random_uuid(), owner text, text text);

create function me() returns text stable language sql as $$
    select nullif(current_setting('request.jwt.claims', true), '')::json->>'owner'
$$;

do $$
declare relation text;
begin
    foreach relation in array array['things', 'parts', 'empty', 'notes'] loop
        execute format('alter table %I enable row level security', relation);
        execute format('create policy own on %I using (owner = me()) with check (owner = me())', relation);
        execute format('grant all on %I to role_readwrite', relation);
    end loop;
end $$;

create view seen with (security_invoker = true) as select id, owner, moment, span from things;
grant select on seen to role_readwrite;

create function how_many() returns int stable language sql as 'select count(*)::int from things';
create function void() returns void language plpgsql as 'begin perform 1; end';
create function all_things() returns setof things stable language sql as 'select * from things';
create function by_group(wanted int) returns table (id int, owner text) stable language sql as
    'select id, owner from things where grp = wanted order by id';
create function first_thing() returns things stable language sql as 'select * from things order by id limit 1';
create function greet() returns json language plpgsql as $$
begin
    perform set_config('response.headers', json_build_array(json_build_object('X-Me', me()))::text, true);
    perform set_config('response.status', '202', true);
    return json_build_object('me', me());
end $$;

create function before() returns void language plpgsql as $$
begin
    perform set_config('response.headers', json_build_array(json_build_object('X-Before', coalesce(me(), 'nobody')))::text, true);
end $$;
