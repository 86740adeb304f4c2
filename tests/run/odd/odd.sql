-- Everything here is right, and nothing of it is usual.
alter role current_user set timezone = 'Asia/Tokyo';
alter role current_user set bytea_output = 'escape';
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

create domain price as numeric(30, 10) check (value >= 0);
create type spot as (x int, y numeric(20, 8), label text, moment timestamptz);

-- A column of every kind, with values at the edges of what it holds.
create table kinds (
    id int primary key, owner text not null, exact price, huge numeric, whole bigint, small smallint, double float8,
    single real, plain timestamp, day date, hour time, zoned timetz, cash money, numbers int4range, moments tstzrange,
    several int4multirange, place spot, places spot[], grid text[][], moods mood[], key uuid, flag boolean,
    bits varbit, net inet, mac macaddr, point point, shape polygon, search tsvector, page xml, padded char(10),
    "Ünïcode" text, position pg_lsn
);

insert into kinds
select
    owner * 100 + nth, 'owner-' || owner,
    12345678901234567890.0123456789 + nth,
    (array['NaN', '-Infinity', '1e200', '0.000000000000000000001', '100', '1.50'])[1 + nth % 6]::numeric,
    9007199254740993 + nth, -nth,
    (array['NaN', '-Infinity', '1e300', '-0', '0.1', '5e-324', '123456789012345678', '1e16'])[1 + nth % 8]::float8,
    (array['Infinity', '1e30', '-0', '0.1', '1e-45', '16777217', '0.3'])[1 + nth % 7]::real,
    (array['infinity', '2024-02-29 23:59:59.999999', '0044-03-15 BC', '9999-12-31 10:00'])[1 + nth % 4]::timestamp,
    date '2024-02-28' + nth, '23:59:59.5', '10:00+05:30', (nth + 0.99)::text::money,
    int4range(nth, nth + 5), tstzrange('2024-01-01', 'infinity'), int4multirange(int4range(1, 3), int4range(5, 6 + nth)),
    row(nth, 1.23456789 + nth, 'läbel', '2024-01-01')::spot, array[row(nth, null, '"', null)::spot, null],
    array[['a"b', 'c,d'], ['{e}', null]], array['sad', 'happy']::mood[], md5(nth::text)::uuid, nth % 2 = 0,
    b'1011', '10.0.0.1/8', '08:00:2b:01:02:03', point(nth, 0.1), '((0,0),(0,1),(1,1))', to_tsvector('simple', 'a cat'),
    ('<a b="c">' || nth || ' &amp; </a>')::xml, 'pad', '\ / 🐾' || chr(10) || chr(8232) || chr(1) || nth, '16/B374D848'
from generate_series(1, 4) as owner, generate_series(1, 9) as nth;

create table empty (id int primary key, owner text);
create table notes (id uuid primary key default gen_random_uuid(), owner text, text text);

create function me() returns text stable language sql as $$
    select nullif(current_setting('request.jwt.claims', true), '')::json->>'owner'
$$;

do $$
declare relation text;
begin
    foreach relation in array array['things', 'parts', 'kinds', 'empty', 'notes'] loop
        execute format('alter table %I enable row level security', relation);
        execute format('create policy own on %I using (owner = me()) with check (owner = me())', relation);
        execute format('grant all on %I to role_readwrite', relation);
    end loop;
end $$;

create view seen with (security_invoker = true) as select id, owner, moment, span from things;
grant select on seen to role_readwrite;

create function how_many() returns int stable language sql as 'select count(*)::int from things';
create function total() returns numeric stable language sql as
    'select sum(exact) + 0.0000000001 from kinds';
create function latest(shift int default 0) returns timestamptz stable language sql as
    'select max(moment) + make_interval(days => shift) from things';
create function words() returns setof text stable language sql as 'select word from things order by id';
create function numbers() returns int[] stable language sql as $$ select coalesce(array_agg(id order by id), '{}') from things $$;
create function ids() returns table (id int) stable language sql as 'select id from things order by id';
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
