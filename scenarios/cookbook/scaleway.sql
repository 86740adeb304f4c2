-- The walk-through: four pets, and row security by a claim. Run it as the administrator.
create table pets (
    name varchar not null,
    keeper varchar not null,
    id int primary key
);

insert into pets (name, keeper, id) values
    ('Stuart', 'role_admin', 1),
    ('Nemo', 'role_admin', 2),
    ('Alfie', 'role_readwrite', 3),
    ('Peanut', 'role_readwrite', 4);

alter table pets enable row level security;

create policy pets_of_the_claim on pets to role_readwrite
    using (keeper = current_setting('request.jwt.claims', true)::json ->> 'user_type');

grant select on pets to role_readwrite;
