-- The walk-through's first policy: a row belongs to the role that asks.
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

grant select on pets to role_readwrite;

alter table pets enable row level security;

create policy pets_of_the_role on pets to role_readwrite using (keeper = current_user);
