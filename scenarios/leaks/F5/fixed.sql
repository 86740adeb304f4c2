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

-- The policy of pets applies inside this one, too.
alter table visits enable row level security;

create policy visits_of_own_pets on visits to role_readwrite
    using (exists (select from pets where pets.id = visits.pet_id));
