-- Tenants that append, move and delete entries of their own; one role for all, and the claim decides.
create table entries (
    tenant text not null default current_setting('request.jwt.claims', true)::json ->> 'tenant',
    slot text not null,
    account text not null,
    amount numeric(12, 2) not null,
    note text not null,
    primary key (tenant, slot)
);

grant select, insert, update, delete on entries to role_readwrite;

alter table entries enable row level security;

create policy entries_of_the_tenant on entries to role_readwrite
    using (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant')
    with check (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');

-- Settled long ago, and nobody's who takes part: not one of these may change.
insert into entries (tenant, slot, account, amount, note)
select 'archive-' || n % 20, n, 'cash', n, 'closed' from generate_series(1, 2000) as n;

-- A volatile function: what it adds is the caller's, too.
create function append(slot text, account text, amount numeric, note text) returns void language sql volatile as $$
    insert into entries (slot, account, amount, note) values (slot, account, amount, note)
$$;
