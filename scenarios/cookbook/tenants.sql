-- A user works for several tenants. Some policies read them from the token, others from a table.
create table members (
    person text not null,
    tenant text not null,
    primary key (person, tenant)
);

-- Person p works for the tenants p, p+1 and, if p is even, p+5, of ten.
insert into members (person, tenant)
select 'person-' || person, 'tenant-' || (person + step) % 10
from generate_series(0, 9) as person, unnest(array[0, 1, 5]) as step
where step < 5 or person % 2 = 0;

create table invoices (
    id int primary key,
    tenant text not null,
    total numeric(10, 2) not null
);
create table projects (
    id int primary key,
    tenant text not null,
    title text not null
);

insert into invoices (id, tenant, total)
select 10 * tenant + number, 'tenant-' || tenant, 100 * tenant + number
from generate_series(0, 9) as tenant, generate_series(1, 3) as number;
insert into projects (id, tenant, title)
select id, tenant, 'project ' || id % 10 from invoices;

alter table members enable row level security;
alter table invoices enable row level security;
alter table projects enable row level security;

-- By the token: the claim `tenants` is a list.
create policy invoices_of_the_token on invoices to api
    using (tenant in (
        select jsonb_array_elements_text(current_setting('request.jwt.claims', true)::jsonb -> 'tenants')));

-- By a table: only `sub` is taken from the token, and who leaves a tenant stops seeing its rows at once.
create policy own_memberships on members to api
    using (person = current_setting('request.jwt.claims', true)::jsonb ->> 'sub');
create policy projects_of_the_members on projects to api
    using (tenant in (select members.tenant from members));

grant select on members, invoices, projects to api;
