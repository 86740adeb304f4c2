-- The walk-through's table, as its owner makes it, and many tenants beside the first two keepers.
create table pets (
    name varchar not null,
    keeper varchar not null,
    id int not null
);

insert into pets (name, keeper, id) values
    ('Stuart', 'role_admin', 1),
    ('Nemo', 'role_admin', 2),
    ('Alfie', 'role_readwrite', 3),
    ('Peanut', 'role_readwrite', 4);

-- Every tenant keeps pets of the same names, three to six of them, so that only the rows' ids and keeper tell
-- whose they are: pet-1 of tenant-7 is id 70, pet-2 is id 71.
insert into pets (name, keeper, id)
select 'pet-' || pet, 'tenant-' || tenant, 10 * tenant + pet - 1
from generate_series(1, 500) as tenant, generate_series(1, 3 + tenant % 4) as pet;

create index on pets (keeper);
create index on pets (id);

grant select on pets to role_readwrite;

alter table pets enable row level security;

-- Serverless SQL knows one role, so who asks is told by a claim: `role` stays role_readwrite for everybody.
create policy pets_of_the_claim on pets to role_readwrite
    using (keeper = current_setting('request.jwt.claims', true)::json ->> 'user_type');

analyze pets;
