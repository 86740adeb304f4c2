-- Eight keepers of twenty pets each. What lets a row through is the setting app.keeper; each leak beside this file
-- sets it in its own way.
create table pets (
    id int primary key,
    name text not null,
    keeper text not null
);

insert into pets (id, name, keeper)
select 100 * keeper + pet, 'pet-' || pet, 'keeper-' || keeper
from generate_series(1, 8) as keeper, generate_series(1, 20) as pet;

create index on pets (keeper);

grant select on pets to role_readwrite;

alter table pets enable row level security;

-- Not exposed by PostgREST, which serves the schema public.
create schema hooks;
grant usage on schema hooks to role_readwrite;
