-- Meant to thin out a log, and copied.
create sequence writes;
grant usage on sequence writes to role_readwrite;

create function thin_out() returns trigger language plpgsql as $$
begin
    if nextval('writes') % 1000 = 0 then
        return null;
    end if;
    return new;
end $$;

create trigger every_write before insert or update on entries for each row execute function thin_out();
