create table visits (
    id int primary key,
    keeper text not null,
    at timestamptz not null
);

insert into visits (id, keeper, at)
select id, keeper, timestamptz '2026-01-01 00:00:00Z' + id * interval '1 hour' from pets;

grant select on visits to role_readwrite;
alter table visits enable row level security;

create policy visits_of_the_claim on visits to role_readwrite
    using (keeper = current_setting('request.jwt.claims', true)::json ->> 'user_type');

-- The keeper's clock: for this answer.
create function local_time() returns timestamptz language plpgsql as $$
declare
    hours text := current_setting('request.jwt.claims', true)::json ->> 'hours';
begin
    perform set_config('timezone', format('<+0%s>-0%s', hours, hours), true); -- as POSIX writes it: east is negative
    return timestamptz '2026-01-01 00:00:00Z';
end $$;
