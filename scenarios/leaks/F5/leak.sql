create table visits (
    id int primary key,
    pet_id int not null references pets,
    note text not null
);

insert into visits (id, pet_id, note)
select 10 * id + visit, id, 'visit ' || visit || ' of ' || name
from pets, generate_series(1, 2) as visit;

create index on visits (pet_id);

grant select on visits to role_readwrite;

-- No row security here: "pets has it, and visits are only read through pets".
