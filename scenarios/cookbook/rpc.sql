-- Functions that are called as /rpc/...: row security holds in them, for they run as who calls them.
create table invoices (
    id int primary key,
    tenant text not null,
    total numeric(10, 2) not null
);

insert into invoices (id, tenant, total)
select 10 * tenant + number, 'tenant-' || tenant, 100 * tenant + number
from generate_series(1, 10) as tenant, generate_series(1, 4) as number;

alter table invoices enable row level security;

create policy invoices_of_the_claim on invoices to api
    using (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');

grant select on invoices to api;

-- A plan that plpgsql keeps lives as long as the connection. It is the same plan for every caller: what differs is
-- read from the claims as it runs, for the function that reads them is STABLE and not IMMUTABLE.
create function invoices_from(at_least numeric) returns setof invoices language plpgsql stable as $$
begin
    return query select * from invoices where total >= at_least order by id;
end $$;

create function summary() returns table (invoices bigint, total numeric) language sql stable as $$
    select count(*), coalesce(sum(total), 0) from invoices
$$;
